"""Builds one plain Python program of a module, what it imports and its checked arguments.

A node runs it in a fraction of the time of Ansible's own payload, for which it unpacks and compiles
much of ansible.module_utils. Its parts: plugins/module_utils/piped_loader.py, piped_module.py in
the place of ansible.module_utils.basic, the module, and those module_utils of this collection that
it imports.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import PASSWORD_MATCH, heuristic_log_sanitize
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError

PLUGINS = Path(__file__).resolve().parent.parent
COLLECTION = "ansible_collections.kubedrill.kubeadm.plugins"
IMPORT = re.compile(r"^ *(?:from|import) +(ansible(?:_collections)?\b[\w.]*)", re.MULTILINE)
MAIN = re.compile(r"^def main\(.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
CHECKS = {
    "mutually_exclusive",
    "required_together",
    "required_one_of",
    "required_if",
    "required_by",
}
"""Arguments of AnsibleModule that its validator takes."""


class NotPlainError(Exception):
    """A module needs what only Ansible's own payload has; the text says what."""


class ArgumentsError(Exception):
    """A task's arguments are wrong; ``result`` is what the module returns."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result["msg"])
        self.result = result


@dataclass(frozen=True)
class Module:
    """A module that can be sent as a plain program."""

    name: str
    sources: dict[str, str]
    """All that it needs, by its name in Python; "" for packages."""
    spec: dict[str, dict[str, Any]]
    checks: dict[str, Any]
    supports_check_mode: bool


def module_path(name: str) -> str:
    """Return the file of a module of this collection."""
    return str(PLUGINS / "modules" / f"{name}.py")


def read_module(name: str) -> Module:
    """Read a module and what it imports.

    Raises NotPlainError where it imports more of Ansible than piped_module has, or computes its
    argument specification.
    """
    sources = collect_sources(name)
    call = read_call(sources[f"{COLLECTION}.modules.{name}"])
    checks = {key: value for key, value in call.items() if key in CHECKS}
    return Module(name, sources, call["argument_spec"], checks, bool(call["supports_check_mode"]))


def collect_sources(name: str) -> dict[str, str]:
    """Return the source of a module and of all that it imports, by their names in Python."""
    sources = {
        "ansible.module_utils.basic": _read("module_utils/piped_module.py"),
        "ansible.module_utils.common.warnings": "from ansible.module_utils.basic import warn\n",
    }
    queue = [f"{COLLECTION}.modules.{name}"]
    while queue:
        current = queue.pop()
        if current in sources:
            continue
        prefix, _, path = current.partition(f"{COLLECTION}.")
        if prefix or path == "module_utils":
            raise NotPlainError(f"it imports {current}")
        sources[current] = _read(f"{path.replace('.', '/')}.py")
        queue += IMPORT.findall(sources[current])
    for full in list(sources):
        parts = full.split(".")
        sources.update({".".join(parts[:end]): "" for end in range(1, len(parts))})
    return sources


def _read(path: str) -> str:
    return (PLUGINS / path).read_text(encoding="utf-8")


def read_call(source: str) -> dict[str, Any]:
    r"""Return what a module's ``main`` calls AnsibleModule with.

    >>> read_call("def main():\n    AnsibleModule(argument_spec={'a': {}})\n")
    {'argument_spec': {'a': {}}, 'supports_check_mode': False}
    """
    main = MAIN.search(source)
    for node in ast.walk(ast.parse(main[0] if main else "")):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "AnsibleModule":
            continue
        try:
            call = {str(each.arg): ast.literal_eval(each.value) for each in node.keywords}
        except ValueError as error:
            raise NotPlainError(f"its argument specification is computed: {error}") from None
        plain = {*CHECKS, "argument_spec", "supports_check_mode"}
        if "argument_spec" in call and set(call) <= plain and not node.args:
            return {**call, "supports_check_mode": call.get("supports_check_mode", False)}
    raise NotPlainError("its main() has no AnsibleModule(argument_spec=…) of plain values")


def check_arguments(
    module: Module, name: str, arguments: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return a task's arguments as the module sees them, and those values that are secret.

    Raises ArgumentsError with Ansible's own words. Paths stay as they are: the node expands them.
    """
    validator = ArgumentSpecValidator(_leave_paths(module.spec), **module.checks)
    validation = validator.validate(arguments)
    params = {**arguments, **validation.validated_parameters}
    secrets = sorted(validation._no_log_values, key=len, reverse=True)  # noqa: SLF001 - its only way
    if validation.error_messages:
        message = validation.errors.msg
        if isinstance(validation.errors[0], UnsupportedError):
            message = f"Unsupported parameters for ({name}) module: {message}"
        result = {"failed": True, "msg": message, "invocation": {"module_args": params}}
        raise ArgumentsError(remove_values(result, secrets))
    return params, secrets


def _leave_paths(spec: dict[str, Any]) -> dict[str, Any]:
    left = {}
    for name, option in spec.items():
        left[name] = {
            key: "str" if key in {"type", "elements"} and value == "path" else value
            for key, value in option.items()
        }
        if "options" in option:
            left[name]["options"] = _leave_paths(option["options"])
    return left


def describe_invocation(
    module: Module, params: dict[str, Any], secrets: list[str], prefix: str | None
) -> str:
    """Return what Ansible writes to a node's log when it runs a module."""
    words = ["Invoked with" if params else "Invoked"]
    for name, value in params.items():
        no_log = module.spec[name].get("no_log")
        if no_log is None and PASSWORD_MATCH.search(name):
            words.append(f"{name}=NOT_LOGGING_PASSWORD")
        elif no_log:
            words.append(f"{name}=NOT_LOGGING_PARAMETER")
        else:
            words.append(f"{name}={heuristic_log_sanitize(str(value), secrets)}")
    text = remove_values(" ".join([prefix, *words] if prefix else words), secrets)
    return str(text)


def build_program(module: Module, task: dict[str, Any]) -> bytes:
    """Return the program, which a Python interpreter reads from its standard input or a file."""
    loader = _read("module_utils/piped_loader.py")
    main = f"{COLLECTION}.modules.{module.name}"
    program = {"main": main, "sources": module.sources, "task": task}
    return f"{loader}\n\nrun({json.dumps(program).encode()!r})\n".encode()
