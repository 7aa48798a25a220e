"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_send
short_description: Sends what a restore needs of a backup to the node
description:
  - Decrypts a backup on the controller and sends the snapshot, the authorities and the encryption
    configuration to the node, of which nothing is in a file of the controller. Every part's sha256
    is compared; the file C(backup.sha256) names the backup when all is there.
options:
  backup: {description: The backup on the controller., type: path, required: true}
  identity: {description: The file with its private key., type: path, required: true}
  directory: {description: Where the parts lie on the node; made anew., type: str, required: true}
author: kubedrill
"""

EXAMPLES = r"""
- name: Send the backup to the node
  kubedrill.kubeadm.backup_send:
    backup: /home/admin/lab.tar.gz.age
    identity: /media/key/backup.key
    directory: /var/lib/kubedrill/restore
"""

RETURN = r"""
files:
  description: How many parts were sent.
  type: int
  returned: always
"""
