"""Ansible module: gives a kubelet another configuration, and the former one back if it refuses it.

Pods go on while a kubelet starts again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    http_ok,
    run,
    wait_until_none,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import write_whole

DOCUMENTATION = r"""
module: kubelet_settings
short_description: Gives a kubelet another configuration
description: >-
  Writes it and starts the kubelet again. One that is not healthy in time gets the former
  configuration back, and the module fails with its last words.
options:
  config: {description: "The configuration, as kubeadm writes it.", type: str, required: true}
  path:
    description: The kubelet's configuration.
    type: path
    default: /var/lib/kubelet/config.yaml
  timeout: {description: Seconds until the kubelet must be healthy., type: int, default: 60}
author: kubedrill
"""

EXAMPLES = r"""
- name: Configure the kubelet
  kubedrill.kubeadm.kubelet_settings:
    config: "{{ lookup('ansible.builtin.file', 'config.yaml') }}"
"""

RETURN = r"""
seconds:
  description: Seconds until the kubelet was healthy.
  type: float
  returned: success
"""

HEALTH = "http://127.0.0.1:10248/healthz"
STEADY_S = 3.0
"""For this long it must stay healthy: one that refuses its configuration ends after a moment."""


def restart(path: Path, config: str, timeout: float) -> list[str]:
    """Write the configuration and start the kubelet again; returns why it is not healthy."""
    write_whole(path, config.encode(), path.stat().st_mode & 0o777)
    run(["systemctl", "reset-failed", "kubelet"])
    run(["systemctl", "restart", "kubelet"], 60)
    healthy_since = [0.0]

    def probe() -> list[str]:
        if not http_ok(HEALTH):
            healthy_since[0] = 0.0
            return ["it does not answer its health check"]
        healthy_since[0] = healthy_since[0] or time.monotonic()
        steady = time.monotonic() - healthy_since[0] >= STEADY_S
        return [] if steady else ["it has only just become healthy"]

    return wait_until_none(probe, timeout)


def last_words() -> str:
    """What the kubelet's journal says last of an error."""
    command = ["journalctl", "-u", "kubelet", "-n", "200", "--no-pager", "-o", "cat"]
    lines = run(command).splitlines()
    errors = [line for line in lines if "command failed" in line or line.startswith(("Error", "E"))]
    return (errors or lines or [""])[-1][:400]


def configure(path: Path, params: dict[str, Any]) -> dict[str, Any]:
    """Restart with the new configuration, or with the former one; returns Ansible's result."""
    former = path.read_text(encoding="utf-8")
    begun = time.monotonic()
    problems = restart(path, params["config"], params["timeout"])
    if not problems:
        return {"changed": True, "seconds": round(time.monotonic() - begun, 1)}
    words = last_words()
    after = restart(path, former, params["timeout"])
    end = "runs with the former one again" if not after else "does not run with the former either"
    return {
        "failed": True,
        "changed": bool(after),
        "msg": (
            f"the kubelet was not healthy {params['timeout']} s after it got another configuration "
            f"({problems[0]}), and {end}; its last words: {words}"
        ),
    }


def main() -> None:
    """Configure the kubelet and exit."""
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "str", "required": True},
            "path": {"type": "path", "default": "/var/lib/kubelet/config.yaml"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    result: dict[str, Any] = {"changed": True}
    try:
        if not module.check_mode:
            result = configure(Path(module.params["path"]), module.params)
    except (CommandError, OSError) as error:
        module.fail_json(msg=str(error))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
