"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deprecated_variables
short_description: Sets variables that are still defined under their former names
description:
  - Warns of each variable of the inventory or of C(-e) that was renamed, and sets its new name for
    the rest of the run.
  - Where both names are set, the new one wins.
options: {}
author: kubedrill
"""

EXAMPLES = r"""
- name: Apply variables under their former names
  kubedrill.kubeadm.deprecated_variables:
"""

RETURN = r"""
ansible_facts:
  description: The variables that were set, by their new names.
  type: dict
  returned: always
"""
