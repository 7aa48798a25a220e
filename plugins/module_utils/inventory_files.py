"""Which hosts an inventory's files define twice, read on the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def repeated_hosts(path: Path) -> list[str]:
    """Name the hosts that one inventory file defines twice in a group.

    Ansible itself keeps the last one silently.
    """
    files = sorted(filter(_is_inventory, path.iterdir())) if path.is_dir() else [path]
    names = [name for file in files for name in _repeated_in(file)]
    return list(dict.fromkeys(names))


def _is_inventory(file: Path) -> bool:
    """Whether a file of an inventory's directory is read for sure; programs and texts are not."""
    return file.suffix in {".yml", ".yaml", ".json", ".ini"} or file.name in {"hosts", "inventory"}


def _repeated_in(file: Path) -> Iterator[str]:
    text = _text(file)
    if file.suffix in {".yml", ".yaml", ".json"}:
        try:
            yield from _repeated_keys(yaml.compose(text), inside_hosts=False)
        except yaml.YAMLError:
            return  # Ansible itself names what it could not read
    elif not text.lstrip().startswith(("#!", "{", "---")):  # a program, JSON, YAML
        yield from _repeated_lines(text)


def _text(file: Path) -> str:
    """Text of an inventory's file; "" of none, and of a compiled program that makes one."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _repeated_lines(text: str) -> Iterator[str]:
    seen: set[str] = set()
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("["):
            seen = set()
        elif line and line[0] not in "#;":
            name = line.split()[0]
            if name in seen and "=" not in name:
                yield name
            seen.add(name)


def _repeated_keys(node: Any, *, inside_hosts: bool) -> Iterator[str]:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue  # Ansible itself refuses a list for a name
        if inside_hosts and key.value in seen:
            yield key.value
        seen.add(key.value)
        yield from _repeated_keys(value, inside_hosts=key.value == "hosts")
