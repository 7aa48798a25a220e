"""What is wrong with where backups go, and with the keys that they are encrypted to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    directory_mistakes,
    read_recipients,
)

DOCUMENTATION = """
name: backup_mistakes
short_description: Lists what is wrong with the settings of backups
description: Reads only; nothing is made.
options:
  _terms:
    description: The directory that backups are kept in.
  recipients:
    description: Public keys of age or SSH.
    type: list
    elements: str
    required: true
"""


class LookupModule(LookupBase):
    """Returns one sentence for each mistake."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """Look at the directory and the keys."""
        self.set_options(var_options=variables, direct=kwargs)
        mistakes = read_recipients(self.get_option("recipients"))[1]
        for term in terms:
            mistakes += directory_mistakes(Path(str(term)).expanduser().absolute())
        return mistakes
