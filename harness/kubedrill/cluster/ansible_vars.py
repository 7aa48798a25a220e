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
from kubedrill.base.mistakes import shown
from kubedrill.base.project import COLLECTIONS_PATH, PLAYBOOKS, ROOT, state_folder
from kubedrill.base.strict_json import load_json

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
_BLOCK = re.compile(r"\[(ERROR|WARNING|DEPRECATION WARNING)\]: ")
"""Begins what Ansible says of one thing."""
_DETAILS = re.compile(r"Traceback \(most recent call last\)|\s(?:Origin: |<<< caused by >>>)")
"""What follows is for those who develop Ansible."""
_FOREIGN = (
    (re.compile(r' in "<[\w ]+>",'), " at"),
    (re.compile(r"tag:yaml\.org,2002:"), "!!"),
    (re.compile(r"\b(?:\w+\.)*[A-Z]\w*(?:Error|Exception): "), ""),
    (re.compile(r"'?\bNoneType\b'?(?: object)?"), "nothing"),
    (re.compile(r"<[^<>]* object at 0x\w+>"), "a value"),
    (re.compile(r"; use sys\.\w+\(\) to increase the limit"), ""),
    (re.compile(r"\bjinja2?\b(?:\.\w+)*"), "Jinja"),
    (re.compile(r"\byaml\.(?=\w)"), "YAML "),
    (re.compile(re.escape(f"{ROOT}/")), ""),
)
"""What only Python's and Ansible's developers know, and what is said for it."""
_VALUES = "_kubedrill_values"
"""The variable that a resolved inventory's values are read from."""
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
    listing = _parsed(path, _run(path, argv))
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
        out, asked = Path(directory) / "vars.json", Path(directory) / "asked.json"
        rows = ", ".join(
            f"{json.dumps(host)}: {{"
            + ", ".join(
                f"{json.dumps(n)}: hostvars[{json.dumps(host)}][{json.dumps(n)}] | default(none)"
                for n in names
            )
            + "}"
            for host, names in resolvable.items()
        )
        # in a file: those of a thousand hosts are longer than an argument of a program may be
        template = "{{ {" + rows + "} | to_json(vault_to_text=true) }}"
        asked.write_text(json.dumps({_VALUES: template}), encoding="utf-8")
        module_args = json.dumps(
            {"dest": str(out), "mode": "0600", "content": "{{ " + _VALUES + " }}"}
        )
        argv = [ansible_program("ansible"), "localhost", "-i", str(path), *_PLAYBOOK_DIR]
        argv += ["-e", f"@{asked}", "-c", "local"]
        argv += ["-m", "ansible.builtin.copy", "-a", module_args]
        output = _run(path, argv, lambda output: _vault_mistakes(output, vaulted))
        try:
            text = out.read_text(encoding="utf-8")
        except OSError as error:
            words = (
                f"Ansible resolved no values on localhost: {_plain_words(output) or 'no output'}"
            )
            remedy = "take localhost out of the inventory, or let it be reached"
            raise ConfigErrors(str(path), [f"{words}; {remedy}"]) from error
        return _parsed(path, text)


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
                        f"{host}: {name} is {shown(raw)}, which uses an undefined variable; "
                        "define it"
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
    program = Path(argv[0]).name
    try:
        done = subprocess.run(
            argv,
            env=ansible_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=READ_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigErrors(
            str(path),
            [f"cannot be read: {program} is not installed; run 'pip install ansible-core'"],
        ) from error
    except OSError as error:
        raise ConfigErrors(
            str(path), [f"cannot be read: {program} cannot be started ({error.strerror})"]
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigErrors(
            str(path), [f"{program} did not end within {READ_TIMEOUT_S} s"]
        ) from error
    problems = _refusals(done.stderr)
    if done.returncode != 0 and not problems:
        problems = explain(done.stderr + done.stdout)
    if done.returncode != 0 or problems:
        words = _plain_words(_last_error(done.stderr or done.stdout)) or "no output"
        problems = problems or [f"Ansible could not read it: {words}"]
        raise ConfigErrors(str(path), [_plain_words(each) for each in problems])
    return done.stdout


def _parsed(path: Path, output: str) -> dict[str, Any]:
    """What Ansible printed or wrote as JSON."""
    try:
        data = load_json(output)
    except ValueError as error:
        raise ConfigErrors(
            str(path), [f"Ansible's list of it cannot be read: {_plain_words(str(error))}"]
        ) from error
    if not isinstance(data, dict):
        raise ConfigErrors(str(path), [f"Ansible listed {shown(data)}, expected hosts and groups"])
    return data


def _last_error(output: str) -> str:
    """What Ansible gave up for; where it does not say, its last lines."""
    parts = _BLOCK.split(output)
    errors = [text for kind, text in zip(parts[1::2], parts[2::2], strict=True) if kind == "ERROR"]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return errors[-1] if errors else " ".join(lines[-3:])


def _plain_words(words: str) -> str:
    """Say what Ansible read in YAML's words, on one line, without what its developers need.

    >>> _plain_words("found <class 'ansible.module_utils._datatag._AnsibleTaggedList'> here")
    'found a list here'
    >>> _plain_words('control characters are not allowed in "<unicode string>", position 7')
    'control characters are not allowed at position 7'
    >>> _plain_words("AnsibleError: no 'NoneType' object, tag:yaml.org,2002:x Origin: file:1")
    'no nothing, !!x'
    """
    plain = " ".join(_DETAILS.split(words)[0].split())
    plain = _CLASS.sub(lambda match: _KINDS.get(match[1].lower(), "another kind of value"), plain)
    for pattern, text in _FOREIGN:
        plain = pattern.sub(text, plain)
    return shorten_mistake(plain)


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
