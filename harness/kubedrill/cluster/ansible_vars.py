"""What ``ansible-inventory`` lists, with the templates of the values that are read resolved."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_mistakes import (
    shorten_mistake,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    is_local_name,
)
from kubedrill.base.errors import ConfigErrors
from kubedrill.base.project import COLLECTIONS_PATH, PLAYBOOKS, ROOT, state_folder

if TYPE_CHECKING:
    from collections.abc import Callable

READ_TIMEOUT_S = 120
"""Seconds for one Ansible start; about 1 s on an idle machine, more where dynamic inventories ask a
cloud."""

READ_PREFIXES = ("ansible_", "cluster_", "power_", "drills_", "kubedrill_")
"""Variables that the harness reads; templates and vaulted values in any other are left alone."""

_PLAYBOOK_DIR = ("--playbook-dir", str(PLAYBOOKS))
"""Makes the variables of playbooks/group_vars apply, as they do when a playbook runs."""

VAULTED = "__ansible_vault"
"""The only key of what ``ansible-inventory`` lists for a vaulted value."""

_CLASS = re.compile(r"""["']?<class '(?:\w+\.)*_*(?:AnsibleTagged|Ansible)?(\w+)'>["']?""")
_STREAM = re.compile(r' in "<[\w ]+>",')
_KINDS = {
    "str": "a text",
    "list": "a list",
    "dict": "a mapping",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "nonetype": "nothing",
    "date": "a date",
    "datetime": "a date",
}
_REPEATED = re.compile(
    r", got: <class | Failed to parse inventory with '\w+' plugin\. | <<< caused by >>>"
)
"""What follows are names of Ansible's classes, or what was said before."""
_UNDECRYPTABLE = re.compile(r'Attempt to use undecryptable variable: ([^\n"]+)')


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
    """Return what ``ansible-inventory --list`` prints, with plain values of the variables read.

    Templates are resolved, and vaulted values decrypted; ``_meta.vaulted`` names the latter.

    Raises:
        ConfigErrors: Ansible refused the inventory; carries its own words.
    """
    argv = [ansible_program("ansible-inventory"), "-i", str(path), *_PLAYBOOK_DIR, "--list"]
    listing: dict[str, Any] = json.loads(_run(path, argv))
    hostvars: dict[str, dict[str, Any]] = listing.get("_meta", {}).get("hostvars", {})
    vaulted = _select(hostvars, is_vaulted)
    resolvable = _select(hostvars, lambda value: holds_template(value) or is_vaulted(value))
    if resolvable:
        _merge(path, hostvars, _resolve(path, resolvable, vaulted))
    if vaulted:
        listing["_meta"]["vaulted"] = sorted({name for names in vaulted.values() for name in names})
    return listing


def _select(
    hostvars: dict[str, dict[str, Any]], matches: Callable[[Any], bool]
) -> dict[str, list[str]]:
    """Names of the variables read whose values match, for each host that has some.

    Not of one whose name is no host's: it is refused later, and gets into no template.
    """
    selected = {
        host: sorted(
            name
            for name, value in values.items()
            if name.startswith(READ_PREFIXES) and matches(value)
        )
        for host, values in hostvars.items()
        if is_local_name(host)
    }
    return {host: names for host, names in selected.items() if names}


def is_vaulted(value: Any) -> bool:
    """Whether a value, or a value in it, is encrypted by Ansible Vault.

    >>> is_vaulted([{"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256 …"}]), is_vaulted("plain")
    (True, False)
    """
    if isinstance(value, dict):
        return VAULTED in value or any(is_vaulted(item) for item in value.values())
    return isinstance(value, list) and any(is_vaulted(item) for item in value)


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


def _resolve(
    path: Path, resolvable: dict[str, list[str]], vaulted: dict[str, list[str]]
) -> dict[str, dict[str, Any]]:
    """Let Ansible evaluate the values of all hosts in one call that writes a private file."""
    with tempfile.TemporaryDirectory(prefix="kubedrill-vars-") as directory:
        out = Path(directory) / "vars.json"
        rows = ", ".join(
            f"{json.dumps(host)}: {{"
            + ", ".join(
                f"{json.dumps(n)}: hostvars[{json.dumps(host)}][{json.dumps(n)}] | default(none)"
                for n in names
            )
            + "}"
            for host, names in resolvable.items()
        )
        module_args = json.dumps(
            {
                "dest": str(out),
                "mode": "0600",
                "content": "{{ {" + rows + "} | to_json(vault_to_text=true) }}",
            }
        )
        argv = [ansible_program("ansible"), "localhost", "-i", str(path), *_PLAYBOOK_DIR]
        argv += ["-c", "local", "-m", "ansible.builtin.copy", "-a", module_args]
        _run(path, argv, lambda output: _vault_mistakes(output, vaulted))
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


def _vault_mistakes(output: str, vaulted: dict[str, list[str]]) -> list[str]:
    """Name the vaulted values, where Ansible could not decrypt one."""
    refusal = _UNDECRYPTABLE.search(output)
    if refusal is None:
        return []
    where = [f"{host}: {', '.join(names)}" for host, names in vaulted.items()]
    remedy = "name the file of the vault's password in ANSIBLE_VAULT_PASSWORD_FILE"
    return [
        f"{item} cannot be decrypted: {refusal[1].strip().rstrip('.')}; {remedy}"
        for item in where or ["a vaulted variable that another one uses"]
    ]


def _run(
    path: Path, argv: list[str], explain: Callable[[str], list[str]] = lambda _output: []
) -> str:
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
    if done.returncode != 0 and not problems:
        problems = explain(done.stderr + done.stdout)
    if done.returncode != 0 or problems:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        words = " ".join(lines[-3:]) or "no output"
        problems = problems or [f"Ansible could not read it: {words}"]
        raise ConfigErrors(str(path), [_plain_words(each) for each in problems])
    return done.stdout


def _plain_words(words: str) -> str:
    """Say what Ansible read in YAML's words, where it names Python's classes and streams.

    >>> _plain_words("found <class 'ansible.module_utils._datatag._AnsibleTaggedList'> here")
    'found a list here'
    >>> _plain_words('control characters are not allowed in "<unicode string>", position 7')
    'control characters are not allowed at position 7'
    """
    plain = _CLASS.sub(lambda match: _KINDS.get(match[1].lower(), "another kind of value"), words)
    return shorten_mistake(_STREAM.sub(" at", plain))


def _refusals(stderr: str) -> list[str]:
    """What ansible-inventory only warns about although hosts are missing then.

    A file that it could not parse.
    """
    warnings = re.split(r"\[WARNING\]: ", " ".join(stderr.split()))[1:]
    return [
        _REPEATED.split(warning)[0].strip()
        for warning in warnings
        if re.match(r"(Failed|Unable) to parse", warning)
    ]
