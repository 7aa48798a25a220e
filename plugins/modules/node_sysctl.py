"""Ansible module: sets kernel settings now and at boot, and records what they were."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import (
    former_path,
    read_baseline,
    write_state,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import write_whole

DOCUMENTATION = r"""
module: node_sysctl
short_description: Sets kernel settings now and at boot, and records what they were
description:
  - Settings that this kernel does not have (a module that is not there) are left out of the running
    kernel, and are in
    the file for the next boot all the same.
options:
  settings:
    description: Names and values.
    type: dict
    required: true
  file:
    description: File of sysctl.d that sets them at boot.
    type: path
    required: true
  baseline:
    description: File that records the values before the first change, for the reset role.
    type: path
    required: true
author: kubedrill
"""

EXAMPLES = r"""
- name: Set kernel settings
  kubedrill.kubeadm.node_sysctl:
    settings: {net.ipv4.ip_forward: 1}
    file: /etc/sysctl.d/90-kubedrill.conf
    baseline: /var/lib/kubedrill/sysctl-baseline.json
"""

RETURN = r"""
{}
"""


def live(name: str) -> Path:
    """Path of a running kernel's setting."""
    return Path("/proc/sys", *name.split("."))


def differing(settings: dict[str, str]) -> dict[str, str]:
    """Current values of the settings that the running kernel has and that differ."""
    there = {name: live(name) for name in settings if live(name).exists()}
    values = {
        name: " ".join(path.read_text(encoding="ascii").split()) for name, path in there.items()
    }
    return {name: value for name, value in values.items() if value != settings[name]}


def record(baseline: Path, values: dict[str, str]) -> None:
    """Record the first value of each setting."""
    known = read_baseline(baseline)
    write_state(baseline, {**values, **known})
    former_path(baseline).unlink(missing_ok=True)


def present(module: AnsibleModule, settings: dict[str, str], file: Path, baseline: Path) -> bool:
    """Set everything; return whether something was changed."""
    text = "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))
    before = differing(settings)
    stale = not file.exists() or file.read_text(encoding="utf-8") != text
    if (before or stale) and not module.check_mode:
        record(baseline, before)
        write_whole(file, text.encode(), 0o644)
        for name in before:
            live(name).write_text(settings[name], encoding="ascii")
    return bool(before) or stale


def main() -> None:
    """Set the settings and exit."""
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "dict", "required": True},
            "file": {"type": "path", "required": True},
            "baseline": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    settings = {name: str(value) for name, value in module.params["settings"].items()}
    file, baseline = Path(module.params["file"]), Path(module.params["baseline"])
    module.exit_json(changed=present(module, settings, file, baseline))


if __name__ == "__main__":
    main()
