"""Ansible module: writes small files and restarts the services that read them, in one task."""

from __future__ import annotations

import os
import pwd
import shlex
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import STATE, Baseline
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import replacing

DOCUMENTATION = r"""
module: node_files
short_description: Puts several small files on a node, and has the services run that read them
description:
  - Writes each file to a temporary name, validates it, then renames it, so that a half-written file
    is never seen.
  - Parent directories are made with mode 0755 where they are missing.
  - What the node was like before the first change is recorded on it, for the reset role.
options:
  files:
    description: The files.
    required: true
    type: list
    elements: dict
    suboptions:
      dest:
        description: Absolute path.
        required: true
        type: path
      content:
        description: The whole text. Not needed for a file that is to be absent.
        type: str
        default: ""
      mode:
        description: Permissions in octal.
        type: str
        default: "0644"
      owner:
        description: Owner of the file.
        type: str
        default: root
      validate:
        description: Command that must succeed before the file lands; %s stands for the temporary
          file.
        type: str
      products:
        description: Files that a program makes from this one; removed when it changes, so that they
          are made anew.
        type: list
        elements: str
        default: []
      state:
        description: Whether the file is to be there.
        type: str
        choices: [present, absent]
        default: present
  services:
    description: Units of systemd that are to be enabled.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit.
        type: str
        required: true
      run:
        description: Whether it is to run now too. One that need not run is restarted only when it
          runs already.
        type: bool
        default: true
      files:
        description: The unit is restarted, or reloaded, when a file below one of these paths was
          changed.
        type: list
        elements: str
        default: []
      on_change:
        description: What to do with a running unit then.
        type: str
        choices: [restart, reload]
        default: restart
author: kubedrill
"""

EXAMPLES = r"""
- name: Configure the load balancer
  kubedrill.kubeadm.node_files:
    files:
      - dest: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        validate: /usr/sbin/haproxy -c -f %s
    services:
      - name: haproxy.service
        files: [/etc/haproxy/]
        on_change: reload
"""

RETURN = r"""
changed_files:
  description: Paths that were written, removed or given other permissions.
  returned: always
  type: list
  elements: str
changed_services:
  description: Units that were enabled, started, restarted or reloaded.
  returned: always
  type: list
  elements: str
"""

PENDING = (
    STATE / "pending"
)  # a mark for each unit whose files changed and that has not read them yet


def current(path: Path) -> str | None:
    """Text of a file, or None when it is not there."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def right_attributes(path: Path, mode: int, uid: int) -> bool:
    """Whether an existing file has the wanted permissions and owner."""
    status = path.stat()
    return (status.st_mode & 0o7777, status.st_uid) == (mode, uid)


def write(module: AnsibleModule, file: dict[str, Any], mode: int, uid: int) -> None:
    """Write, validate and rename one file."""
    path = Path(file["dest"])
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with replacing(path, mode) as stream:
        stream.write(file["content"].encode())
        stream.flush()
        os.fchown(stream.fileno(), uid, -1)
        os.fchmod(stream.fileno(), mode)
        if file["validate"]:
            argv = [word.replace("%s", stream.name) for word in shlex.split(file["validate"])]
            status, out, err = module.run_command(argv)
            if status:
                module.fail_json(
                    msg=(
                        f"{path} would not be valid: {' '.join(argv)} said: "
                        f"{(err or out).strip()[-2000:]}"
                    )
                )


def readers(services: list[dict[str, Any]], path: Path) -> list[Path]:
    """Return the marks of the units that read a file."""
    return [
        PENDING / each["name"] for each in services if str(path).startswith(tuple(each["files"]))
    ]


def put(module: AnsibleModule, file: dict[str, Any]) -> dict[str, str] | None:
    """Make one file as wanted; return its difference, or None when nothing was to be done."""
    path = Path(file["dest"])
    before = current(path)
    if file["state"] == "absent":
        if before is None:
            return None
        if not module.check_mode:
            Baseline().file(path)
            path.unlink()
        return {
            "before_header": str(path),
            "after_header": str(path),
            "before": before,
            "after": "",
        }
    mode, uid = int(file["mode"], 8), pwd.getpwnam(file["owner"]).pw_uid
    if before == file["content"] and right_attributes(path, mode, uid):
        return None
    if not module.check_mode:
        for mark in readers(module.params["services"], path):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
        Baseline().file(path)
        for product in file["products"]:
            Path(product).unlink(missing_ok=True)
        write(module, file, mode, uid)
    secret = not mode & 0o077
    return {
        "before_header": str(path),
        "after_header": f"{path} (mode {file['mode']})",
        "before": "" if secret else before or "",
        "after": "(not shown: only its owner may read it)\n" if secret else file["content"],
    }


def systemctl(module: AnsibleModule, *argv: str, may_fail: bool = False) -> str:
    """Ask or tell systemd; return what it printed."""
    status, out, err = module.run_command(["systemctl", *argv])
    if status and not may_fail:
        module.fail_json(
            msg=(
                f"systemctl {' '.join(argv)} failed: {(err or out).strip()[-1000:]}; see "
                f"`journalctl -u {argv[-1]}`"
            )
        )
    return str(out).strip()


def verb(module: AnsibleModule, service: dict[str, Any]) -> str:
    """What a unit needs: "" when it needs nothing."""
    if systemctl(module, "is-active", service["name"], may_fail=True) != "active":
        return "restart" if service["run"] else ""
    return str(service["on_change"]) if (PENDING / service["name"]).exists() else ""


def serve(module: AnsibleModule, service: dict[str, Any]) -> bool:
    """Have one unit enabled and, where that is wanted, running with its present files.

    Return whether it changed.
    """
    enabled = systemctl(module, "is-enabled", service["name"], may_fail=True) == "enabled"
    needed = verb(module, service)
    if not module.check_mode:
        if needed or not enabled:
            Baseline().service(service["name"])
        if not enabled:
            systemctl(module, "enable", service["name"])
        if needed:
            systemctl(module, "daemon-reload")
            systemctl(module, needed, service["name"])
        (PENDING / service["name"]).unlink(missing_ok=True)
    return bool(needed) or not enabled


def main() -> None:
    """Put all files, see to all services and exit."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "dest": {"type": "path", "required": True},
                    "content": {"type": "str", "default": ""},
                    "mode": {"type": "str", "default": "0644"},
                    "owner": {"type": "str", "default": "root"},
                    "validate": {"type": "str"},
                    "products": {"type": "list", "elements": "str", "default": []},
                    "state": {
                        "type": "str",
                        "choices": ["present", "absent"],
                        "default": "present",
                    },
                },
            },
            "services": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "run": {"type": "bool", "default": True},
                    "files": {"type": "list", "elements": "str", "default": []},
                    "on_change": {
                        "type": "str",
                        "choices": ["restart", "reload"],
                        "default": "restart",
                    },
                },
            },
        },
        supports_check_mode=True,
    )
    differences = {file["dest"]: put(module, file) for file in module.params["files"]}
    changed = [path for path, difference in differences.items() if difference]
    services = [service["name"] for service in module.params["services"] if serve(module, service)]
    module.exit_json(
        changed=bool(changed or services),
        changed_files=changed,
        changed_services=services,
        diff=[difference for difference in differences.values() if difference],
    )


if __name__ == "__main__":
    main()
