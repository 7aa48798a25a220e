"""Runs the module of the same name.

Turns "cannot be reached" and "may not become root" into findings.

The task never fails, so that the mistakes of all nodes can be listed together.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import OLDEST_PYTHON
from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.piped_action import PipedAction

VERSION = 'import sys; print("%d.%d" % sys.version_info[:2])'
NO_ROOT = re.compile(r"sudo|become|privilege|password", re.IGNORECASE)


class ActionModule(PipedAction):
    """The controller's half of preflight_node."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return {"node": facts} or {"node": {"trouble": kind, "why".

        The first words of the failure}}.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        before = time.time()
        try:
            answer = self._execute_module(task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            return {**result, "changed": False, "node": _trouble("unreachable", str(error))}
        except AnsibleError as error:
            return {**result, "changed": False, "node": _trouble(_kind(str(error)), str(error))}
        if "node" not in answer:
            text = " ".join(
                str(answer.get(key, "")) for key in ("msg", "module_stderr", "module_stdout")
            )
            kind = "unreachable" if answer.get("unreachable") else _kind(text)
            if kind == "failed" and (version := self._old_python(task_vars or {})):
                kind, text = "old_python", version
            return {**result, "changed": False, "node": _trouble(kind, text)}
        node = {**answer["node"], "asked": before, "answered": time.time()}
        return {**result, "changed": False, "node": node}

    def _old_python(self, task_vars: dict[str, Any]) -> str:
        """Version of the node's Python where it cannot read the module, "" where it can."""
        interpreter = str(self._templar.template(task_vars.get("ansible_python_interpreter", "")))
        if not interpreter or interpreter.startswith("auto"):
            interpreter = self._discovered_interpreter or "/usr/bin/python3"
        answer = self._low_level_execute_command(f"{interpreter} -c '{VERSION}'")
        match = re.search(r"^(\d+)\.(\d+)$", str(answer.get("stdout", "")), re.MULTILINE)
        if not match or (int(match[1]), int(match[2])) >= OLDEST_PYTHON:
            return ""
        return match[0]


def _kind(text: str) -> str:
    if "python" in text.lower() and "not found" in text.lower():
        return "no_python"
    return "no_root" if NO_ROOT.search(text) else "failed"


def _trouble(kind: str, text: str) -> dict[str, str]:
    return {"trouble": kind, "why": " ".join(text.split())[:300]}
