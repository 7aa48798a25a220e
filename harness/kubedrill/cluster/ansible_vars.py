"""What ``ansible-inventory`` lists, with the templates of the values that are read resolved."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.project import COLLECTIONS_PATH, PLAYBOOKS, ROOT, state_folder

READ_TIMEOUT_S = 120
"""Seconds for one Ansible start; about 1 s on an idle machine, more where dynamic inventories ask a
cloud."""

READ_PREFIXES = ("ansible_", "cluster_", "power_", "drills_", "kubedrill_")
"""Variables that the harness reads; templates in any other are left alone."""


def ansible_program(name: str) -> str:
    """Path of an Ansible program: the one beside this Python, so that the locked version runs."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


def ansible_environment() -> dict[str, str]:
    """Environment for Ansible: wherever the user stands, the same ansible.cfg and collection.

    The ansible.cfg is that of the folder with the state where there is one, else kubedrill's.
    Output is plain UTF-8.
    """
    environment = dict(os.environ)
    config = next(c for f in (state_folder(), ROOT) if (c := f / "ansible.cfg").exists())
    environment.setdefault("ANSIBLE_CONFIG", str(config))
    environment.setdefault("ANSIBLE_COLLECTIONS_PATH", str(COLLECTIONS_PATH))
    environment.update({"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"})
    return environment


def read_inventory(path: Path) -> dict[str, Any]:
    """Return what ``ansible-inventory --list`` prints, the templates in wanted variables resolved.

    Raises:
        ConfigErrors: Ansible refused the inventory; carries its own words.
    """
    argv = [ansible_program("ansible-inventory"), "-i", str(path), *_playbook_dir(), "--list"]
    listing: dict[str, Any] = json.loads(_run(path, argv))
    hostvars: dict[str, dict[str, Any]] = listing.get("_meta", {}).get("hostvars", {})
    templated = {
        host: sorted(
            name for name, value in values.items() if _is_read(name) and holds_template(value)
        )
        for host, values in hostvars.items()
    }
    templated = {host: names for host, names in templated.items() if names}
    if templated:
        _merge(path, hostvars, _resolve(path, templated))
    return listing


def holds_template(value: Any) -> bool:
    """Whether a value, or a value in it, is a Jinja template.

    >>> holds_template({"a": ["{{ inventory_dir }}/key"]}), holds_template("plain")
    (True, False)
    """
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, dict):
        return any(holds_template(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_template(item) for item in value)
    return False


def _is_read(name: str) -> bool:
    return name.startswith(READ_PREFIXES)


def _playbook_dir() -> list[str]:
    """Make the variables of playbooks/group_vars apply, as they do when a playbook runs."""
    return ["--playbook-dir", str(PLAYBOOKS)]


def _resolve(path: Path, templated: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Let Ansible evaluate the templates of all hosts in one call that writes a private file."""
    with tempfile.TemporaryDirectory(prefix="kubedrill-vars-") as directory:
        out = Path(directory) / "vars.json"
        rows = ", ".join(
            f"{json.dumps(host)}: {{"
            + ", ".join(
                f"{json.dumps(n)}: hostvars[{json.dumps(host)}][{json.dumps(n)}] | default(none)"
                for n in names
            )
            + "}"
            for host, names in templated.items()
        )
        module_args = json.dumps(
            {
                "dest": str(out),
                "mode": "0600",
                "content": "{{ {" + rows + "} | to_json(vault_to_text=true) }}",
            }
        )
        argv = [ansible_program("ansible"), "localhost", "-i", str(path), *_playbook_dir()]
        _run(path, [*argv, "-c", "local", "-m", "ansible.builtin.copy", "-a", module_args])
        resolved: dict[str, dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
        return resolved


def _merge(
    path: Path, hostvars: dict[str, dict[str, Any]], resolved: dict[str, dict[str, Any]]
) -> None:
    mistakes = []
    for host, values in resolved.items():
        for name, value in values.items():
            if value is None:
                raw = hostvars[host].pop(name)
                if name != "ansible_python_interpreter":
                    mistakes.append(
                        f"{host}: {name} is {raw!r}, which uses an undefined variable; define it"
                    )
            else:
                hostvars[host][name] = value
    if mistakes:
        raise ConfigErrors(str(path), mistakes)


def _run(path: Path, argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv,
            env=ansible_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READ_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigErrors(
            str(path),
            [f"cannot be read: {argv[0]} is not installed; run 'pip install ansible-core'"],
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigErrors(
            str(path), [f"{argv[0]} did not end within {READ_TIMEOUT_S} s"]
        ) from error
    problems = _refusals(done.stderr)
    if done.returncode != 0 or problems:
        raise ConfigErrors(str(path), problems or [_last_line(done.stderr or done.stdout)])
    return done.stdout


def _refusals(stderr: str) -> list[str]:
    """What ansible-inventory only warns about although hosts are missing then.

    A file that it could not parse.
    """
    warnings = re.split(r"\[WARNING\]: ", " ".join(stderr.split()))[1:]
    return [
        warning.strip() for warning in warnings if re.match(r"(Failed|Unable) to parse", warning)
    ]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "Ansible could not read it: " + (" ".join(lines[-3:]) if lines else "no output")
