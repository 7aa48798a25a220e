"""Has Ansible send a module of this collection as one plain Python program.

Ansible finds the interpreter, connects, becomes root, sends the program (through a pipe, or as a
file where the connection has no pipelining) and reads the result as it does for any module; only
what is sent differs, and arguments are checked here, before anything is. Ansible sends its own
payload where ``cluster_piped_modules`` is false, for tasks with ``async``, and where files are to
stay on nodes for debugging.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ansible import constants
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.piped_program import (
    ArgumentsError,
    Module,
    NotPlainError,
    build_program,
    check_arguments,
    describe_invocation,
    module_path,
    read_module,
)

SWITCH = "cluster_piped_modules"
PROBE = "ansible.builtin.ping"
"""Ansible builds its own payload of this module, once a run, to have the node's interpreter."""
PROFILE = "legacy"
"""Ansible's name of the JSON that modules get and return."""


class PipedAction(ActionBase):
    """An action whose own module is sent as a plain program."""

    _module: Module | None = None
    _params: dict[str, Any]
    _secrets: list[str]

    def _execute_module(
        self,
        module_name: str | None = None,
        *arguments: Any,
        task_vars: dict[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        self._module = None
        if module_name is None and self._is_piped(task_vars or {}):
            try:
                module = read_module(self._task.action.rpartition(".")[2])
                self._params, self._secrets = self._check(module)
            except NotPlainError as error:
                self._display.vvv(f"{self._task.action} is not piped: {error}")
            except ArgumentsError as error:
                return self._read(error.result)
            else:
                if self._task.check_mode and not module.supports_check_mode:
                    return self._read(self._skipped())
                self._module = module
        result: dict[str, Any] = super()._execute_module(
            module_name, *arguments, task_vars=task_vars, **options
        )
        return result

    def _configure_module(
        self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]
    ) -> tuple[Any, str]:
        if self._module is None:
            configured: tuple[Any, str] = super()._configure_module(
                module_name, module_args, task_vars
            )
            return configured
        built, _path = super()._configure_module(PROBE, {}, task_vars)
        text = None
        if not module_args["_ansible_no_log"]:
            prefix = module_args["_ansible_target_log_info"]
            text = describe_invocation(self._module, self._params, self._secrets, prefix)
        task = {
            "name": module_name,
            "params": self._params,
            "check_mode": bool(module_args["_ansible_check_mode"]),
            "secrets": self._secrets,
            "log": text,
            "facility": module_args["_ansible_syslog_facility"],
            "tracebacks": "error" in module_args["_ansible_tracebacks_for"],
        }
        program = build_program(self._module, task)
        return dataclasses.replace(built, b_module_data=program), module_path(self._module.name)

    def _is_piped(self, variables: dict[str, Any]) -> bool:
        if self._task.async_val or constants.DEFAULT_KEEP_REMOTE_FILES:
            return False
        return bool(boolean(self._templar.template(variables.get(SWITCH, True)), strict=False))

    def _check(self, module: Module) -> tuple[dict[str, Any], list[str]]:
        encoder = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
        arguments = json.loads(json.dumps(self._task.args, cls=encoder))
        for name in [each for each in arguments if each.startswith("_ansible_")]:
            del arguments[name]  # Ansible's, of an earlier attempt of this task
        return check_arguments(module, self._task.action, arguments)

    def _skipped(self) -> dict[str, Any]:
        return {
            "skipped": True,
            "msg": f"remote module ({self._task.action}) does not support check mode",
            "invocation": {"module_args": remove_values(self._params, self._secrets)},
        }

    def _read(self, result: dict[str, Any]) -> dict[str, Any]:
        """Have Ansible read a result that was made here as it reads a module's."""
        answer = {"stdout": json.dumps(result), "stderr": "", "rc": int("failed" in result)}
        data: Any = self._parse_returned_data(answer, PROFILE)
        return data if isinstance(data, dict) else dict(data.as_result_dict())  # ansible-core 2.21
