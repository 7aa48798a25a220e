"""Renders a role's templates by Ansible's own engine, on a controller without nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[3]
FACTS = {
    "address": "10.0.0.11",
    "can_raise_resources": True,
    "cgroup_version": 2,
    "container": False,
    "swap": False,
}
ADDRESSES = {"cp1": "10.0.0.11", "cp2": "10.0.0.12", "w1": "10.0.0.21"}
TOKEN = {
    "token": "abcdef.0123456789abcdef",
    "ca_hash": f"sha256:{'0' * 64}",
    "certificate_key": "a1" * 32,
}


def evaluate(role: str, expression: str, **more: Any) -> Any:
    """Return an expression's value among the variables of a role on the first control plane."""
    folder = ROOT / "roles" / role
    files = (folder / "defaults/main.yml", folder / "vars/main.yml", group_variables())
    variables: dict[str, Any] = {"ansible_facts": {"kubedrill_node": FACTS}}
    for path in (path for path in files if path.exists()):
        variables |= _trust(yaml.safe_load(path.read_text(encoding="utf-8")))
    variables |= {
        "ansible_play_hosts_all": list(ADDRESSES),
        "ansible_search_path": [str(folder)],
        "cluster_virtual_address": "10.0.0.10",
        "groups": {"control_planes": ["cp1", "cp2"], "cluster": list(ADDRESSES)},
        "hostvars": {
            name: {"ansible_facts": {"kubedrill_node": {**FACTS, "address": address}}}
            for name, address in ADDRESSES.items()
        },
        "inventory_hostname": "cp1",
        f"_{role}_join_token": TOKEN,
        **more,
    }
    templar = Templar(loader=DataLoader(), variables=variables)
    return templar.template(trust_as_template(f"{{{{ {expression} }}}}"))


def render(role: str, template: str, **more: Any) -> str:
    """Return what a role writes."""
    return str(evaluate(role, f"lookup('template', '{template}')", **more))


def group_variables() -> Path:
    return ROOT / "playbooks" / "group_vars" / "all.yml"


def _trust(value: Any) -> Any:
    """Mark what stands in the role's own files as templates.

    Plugins have their short names: full ones need an import hook that stays in the process, and
    imports this collection anew.
    """
    if isinstance(value, dict):
        return {key: _trust(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_trust(each) for each in value]
    if isinstance(value, str):
        return trust_as_template(value.replace("ansible.builtin.", ""))
    return value
