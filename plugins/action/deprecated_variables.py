"""Sets variables that an inventory or ``-e`` still has under their former names."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.collection_variables import RENAMED

REMOVED_IN = "0.3.0"
COLLECTION = "kubedrill.kubeadm"


class ActionModule(ActionBase):
    """Runs on the controller only."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the values as facts, which later plays see.

        The new name wins where both are set.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        facts = {}
        for former, name in RENAMED.items():
            if former not in variables:
                continue
            self._display.deprecated(
                f"variable {former} was renamed: set {name} instead",
                version=REMOVED_IN,
                collection_name=COLLECTION,
            )
            if name not in variables:
                facts[name] = self._templar.template(variables[former])
        return {**result, "changed": False, "ansible_facts": facts}
