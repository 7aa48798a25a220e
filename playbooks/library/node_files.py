"""Ansible module: puts several small files on a node in one task."""

from __future__ import annotations

import os
import pwd
import shlex
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: node_files
short_description: Puts several small files on a node in one task
description:
  - Writes each file to a temporary name, validates it, then renames it, so that a half-written file is never seen.
  - Parent directories are made with mode 0755 where they are missing.
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
        description: Command that must succeed before the file lands; %s stands for the temporary file.
        type: str
      state:
        description: Whether the file is to be there.
        type: str
        choices: [present, absent]
        default: present
author: kubedrill
"""

EXAMPLES = r"""
- name: Configure the balancer
  node_files:
    files:
      - dest: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        validate: /usr/sbin/haproxy -c -f %s
"""

RETURN = r"""
changed_files:
  description: Paths that were written, removed or given other permissions.
  returned: always
  type: list
  elements: str
"""


def current(path: Path) -> str | None:
    """Text of a file, or None when it is not there."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def right_attributes(path: Path, mode: int, uid: int) -> bool:
    """Whether an existing file has the wanted permissions and owner."""
    found = path.stat()
    return (found.st_mode & 0o7777, found.st_uid) == (mode, uid)


def write(module: AnsibleModule, wanted: dict[str, Any], mode: int, uid: int) -> None:
    """Write, validate and rename one file."""
    path = Path(wanted["dest"])
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(wanted["content"])
            stream.flush()
            os.fsync(stream.fileno())
        os.chown(temporary, uid, -1)
        Path(temporary).chmod(mode)
        if wanted["validate"]:
            argv = [word.replace("%s", temporary) for word in shlex.split(wanted["validate"])]
            status, out, err = module.run_command(argv)
            if status:
                module.fail_json(msg=f"{path} would not be valid: {' '.join(argv)} said: {(err or out).strip()[-2000:]}")
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def put(module: AnsibleModule, wanted: dict[str, Any]) -> dict[str, str] | None:
    """Make one file as wanted; return its difference, or None when nothing was to be done."""
    path = Path(wanted["dest"])
    before = current(path)
    if wanted["state"] == "absent":
        if before is None:
            return None
        if not module.check_mode:
            path.unlink()
        return {"before_header": str(path), "after_header": str(path), "before": before, "after": ""}
    mode, uid = int(wanted["mode"], 8), pwd.getpwnam(wanted["owner"]).pw_uid
    if before == wanted["content"] and right_attributes(path, mode, uid):
        return None
    if not module.check_mode:
        write(module, wanted, mode, uid)
    secret = not mode & 0o077
    return {
        "before_header": str(path),
        "after_header": f"{path} (mode {wanted['mode']})",
        "before": "" if secret else before or "",
        "after": "(not shown: only its owner may read it)\n" if secret else wanted["content"],
    }


def main() -> None:
    """Put all files and exit."""
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
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                },
            },
        },
        supports_check_mode=True,
    )
    differences = {wanted["dest"]: put(module, wanted) for wanted in module.params["files"]}
    changed = [path for path, difference in differences.items() if difference]
    module.exit_json(
        changed=bool(changed), changed_files=changed, diff=[found for found in differences.values() if found]
    )


if __name__ == "__main__":
    main()
