"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_store
short_description: Encrypts an archive of the node to a file of the controller
description:
  - Reads the archive piece by piece, and encrypts it with age before it is in any file. The backup
    has its name when it is whole, on the disk, and what the node summed.
  - Then removes old backups of the cluster beyond C(keep), but never the newest one that
    C(kubedrill backup verify) has proven.
  - Use it with C(no_log), as pieces of the archive stand in Ansible's most verbose output
    otherwise.
options:
  archive: {description: "path, bytes and sha256, of backup_archive.", type: dict, required: true}
  directory: {description: Where backups are kept., type: path, required: true}
  cluster: {description: The cluster's name., type: str, required: true}
  taken: {description: When the snapshot was begun., type: str, required: true}
  recipients:
    description: Public keys of age or SSH.
    type: list
    elements: str
    required: true
  keep: {description: How many backups stay., type: int, required: true}
author: kubedrill
"""

EXAMPLES = r"""
- name: Encrypt and store the backup
  kubedrill.kubeadm.backup_store:
    archive: "{{ collected.archive }}"
    directory: /home/admin/backups
    cluster: lab
    taken: 20260101T000000Z
    recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    keep: 7
  no_log: true
"""

RETURN = r"""
path:
  description: The backup.
  type: str
  returned: always
bytes:
  description: Its size.
  type: int
  returned: always
removed:
  description: Older backups that were removed.
  type: list
  elements: str
  returned: always
"""
