"""The part of ansible.module_utils.basic that this collection's modules use, for a piped program.

Ansible's own is 57 files, which a node compiles anew for each task. Arguments were checked on the
controller (plugins/plugin_utils/piped_program.py), and what is not here is not sent: a module that
needs more of Ansible runs as any other does.
"""

from __future__ import annotations

import json
import locale
import os
import selectors
import shlex
import subprocess
import sys
import syslog
from typing import Any, NoReturn

SECRET = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # noqa: S105 - what stands in a secret's place
TASK: dict[str, Any] = {}
"""What the controller sent: name, params, check_mode, secrets, log, facility, tracebacks."""
WARNINGS: list[str] = []


def warn(warning: str) -> None:
    """Return a warning with the module's result."""
    WARNINGS.append(warning)


def hide(value: Any, secrets: list[str]) -> Any:
    """Return a value without any secret in it.

    >>> hide({"a": ["x", "my x", 1]}, ["x"])
    {'a': ['VALUE_SPECIFIED_IN_NO_LOG_PARAMETER', 'my ********', 1]}
    """
    if isinstance(value, str):
        if value in secrets:
            return SECRET
        for secret in secrets:
            value = value.replace(secret, "*" * 8)
        return value
    if isinstance(value, dict):
        return {key: hide(each, secrets) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide(each, secrets) for each in value]
    if value is None or isinstance(value, bool) or not any(each in str(value) for each in secrets):
        return value
    return SECRET


def expand(path: str) -> str:
    """Return a path with this user's home and this node's variables."""
    return os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111 - as Ansible does it


def expand_paths(spec: dict[str, Any], params: dict[str, Any]) -> None:
    """Expand what the specification calls a path; only this node knows how."""
    for name, option in spec.items():
        value = params.get(name)
        if value is None:
            continue
        if option.get("type") == "path":
            params[name] = expand(value)
        elif option.get("elements") == "path":
            params[name] = [expand(each) for each in value]
        elif "options" in option:
            for each in value if isinstance(value, list) else [value]:
                expand_paths(option["options"], each)


def set_known_locale() -> None:
    """Have programs use C where the caller's locale does not exist here, as Ansible does."""
    try:
        locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        os.environ.update(dict.fromkeys(("LANG", "LC_ALL", "LC_MESSAGES"), "C"))


def leave_unreadable_folder() -> None:
    """Go elsewhere from a folder that this user may not read, which sudo can leave it in."""
    try:
        if os.access(os.getcwd(), os.F_OK | os.R_OK):  # noqa: PTH109 - an OSError when removed
            return
    except OSError:
        pass
    os.chdir("/")


def log_invocation(name: str, text: str | None, facility: str) -> None:
    """Write to the system's log that Ansible ran the module, unless it must not be logged."""
    if text is None:
        return
    syslog.openlog(f"ansible-{name}", 0, getattr(syslog, facility, syslog.LOG_USER))
    syslog.syslog(syslog.LOG_INFO, text.encode(errors="replace").decode().replace("\0", "\\0"))


def fail_unhandled(error: Exception) -> NoReturn:
    """Return an error that the module did not expect."""
    if TASK["tracebacks"]:
        import traceback  # noqa: PLC0415 - only then

        print_result(
            {
                "failed": True,
                "msg": str(error).strip(),
                "exception": "".join(
                    traceback.format_exception(type(error), error, error.__traceback__)
                ),
            }
        )
    else:
        print_result({"failed": True, "msg": str(error).strip()})
    sys.exit(1)


def print_result(result: dict[str, Any]) -> None:
    """Print the result; it begins a line, whatever the module printed before."""
    secrets = TASK["secrets"]
    sys.stdout.write(f"\n{json.dumps(hide(result, secrets) if secrets else result)}\n")
    sys.stdout.flush()


class AnsibleModule:
    """Params, the ways out, and programs, as Ansible's class has them."""

    def __init__(self, argument_spec: dict[str, Any], **checks: Any) -> None:
        del checks  # on the controller
        set_known_locale()
        leave_unreadable_folder()
        self.params: dict[str, Any] = TASK["params"]
        self.check_mode: bool = TASK["check_mode"]
        expand_paths(argument_spec, self.params)
        log_invocation(TASK["name"], TASK["log"], TASK["facility"])

    def exit_json(self, **result: Any) -> NoReturn:
        """Return a result."""
        self._return(result)
        sys.exit(0)

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Return a failure."""
        error = sys.exc_info()[1]
        if error and TASK["tracebacks"]:
            import traceback  # noqa: PLC0415 - only then

            lines = traceback.format_exception(type(error), error, error.__traceback__)
            result.setdefault("exception", "".join(lines))
        self._return({**result, "failed": True, "msg": str(msg)})
        sys.exit(1)

    def _return(self, result: dict[str, Any]) -> None:
        result.setdefault("invocation", {"module_args": self.params})
        if WARNINGS:
            result["warnings"] = WARNINGS
        print_result(result)

    def run_command(
        self,
        args: list[str],
        *,
        check_rc: bool = False,
        environ_update: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] | list[int] = (),
    ) -> tuple[int, str, str]:
        """Run a program and return its status, output and errors.

        A daemon that it leaves behind may hold its pipes: they are read until it ends, no longer.
        """
        argv = [expand(each) for each in args]
        environment = {**os.environ, **(environ_update or {})}
        command = " ".join(shlex.quote(each) for each in argv)
        try:
            process = subprocess.Popen(
                argv,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                pass_fds=pass_fds,
            )
        except OSError as error:
            reason = f"Error executing command: {error}"
            self.fail_json(msg=reason, rc=error.errno, stdout="", stderr="", cmd=command)
        output, errors = read_until_end(process)
        status = process.returncode
        if check_rc and status:
            message = errors.rstrip()
            self.fail_json(msg=message, rc=status, stdout=output, stderr=errors, cmd=command)
        return status, output, errors


def read_until_end(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Return what a process prints, and its errors, until it has ended."""
    assert process.stdout is not None  # noqa: S101 - for readers: both are pipes
    assert process.stderr is not None  # noqa: S101
    parts: dict[int, list[bytes]] = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    with selectors.PollSelector() as selector:
        for descriptor in parts:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            events = selector.select(1)
            for key, _mask in events:
                part = os.read(key.fd, 65536)
                if part:
                    parts[key.fd].append(part)
                else:
                    selector.unregister(key.fd)
            if not events and process.poll() is not None:
                break
    process.wait()
    with process.stdout, process.stderr:
        output, errors = (
            b"".join(each).decode(errors="surrogateescape") for each in parts.values()
        )
    return output, errors
