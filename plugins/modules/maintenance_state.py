"""Ansible module: when a node booted, and why it should boot again. Reads only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.boots import boot
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.distributions import (
    DEBIAN,
    REDHAT,
    SUSE,
    read_os_release,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    outdated_units,
)

DOCUMENTATION = r"""
module: maintenance_state
short_description: Reads when a node booted, and what of it is older than its files
description: Looks at the machine, not at remembered facts, so that a killed run is continued where
  it stopped.
options: {}
author: kubedrill
"""

EXAMPLES = r"""
- name: Read the machine's state
  kubedrill.kubeadm.maintenance_state:
"""

RETURN = r"""
state:
  description: >-
    C(boot), which another boot has another value of; C(age_s), seconds since; C(reboot), reasons
    to boot again; C(outdated_units).
  type: dict
  returned: always
"""

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KERNELS = ("vmlinuz", "boot/vmlinuz")
"""Debian's links to the newest kernel that is installed."""


def reboot_reasons(family: str, root: Path = Path("/")) -> list[str]:
    """Why the node should boot again. Raises CommandError where that cannot be learned."""
    reasons = []
    for flag in (root / "run/reboot-required", root / "var/run/reboot-required"):
        if flag.exists() and not reasons:
            packages = flag.with_name(f"{flag.name}.pkgs")
            names = packages.read_text(encoding="utf-8").split() if packages.exists() else []
            about = f" ({', '.join(dict.fromkeys(names))})" if names else ""
            reasons.append(f"{flag.name} is set{about}")
    if family == DEBIAN:
        return reasons + newer_kernel(root)
    if family == REDHAT:
        return reasons + ask(
            ["needs-restarting", "-r"] if shutil.which("needs-restarting", path=SEARCH)
            else ["dnf", "needs-restarting", "-r"],
            needed=r"Reboot is required",
            needless=r"Reboot should not be necessary",
            package="dnf-utils",
        )  # fmt: skip
    if family == SUSE:
        return reasons + ask(
            ["zypper", "needs-rebooting"],
            needed=r"Reboot is (required|suggested)|system restart is (required|suggested)",
            needless=r"No core libraries|not (required|needed|necessary)",
            package="zypper",
        )
    return reasons


def newer_kernel(root: Path) -> list[str]:
    """Whether another kernel than the running one would boot; nothing in a container."""
    for name in KERNELS:
        link = root / name
        version = link.resolve().name.partition("vmlinuz-")[2] if link.is_symlink() else ""
        if version and link.exists() and version != os.uname().release:
            return [f"kernel {version} is installed, {os.uname().release} runs"]
    return []


def ask(argv: list[str], needed: str, needless: str, package: str) -> list[str]:
    """Ask a distribution's own program, whose status alone may mean an error too."""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "LC_ALL": "C", "PATH": SEARCH},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{' '.join(argv)}: {error}: install {package}") from error
    output = f"{done.stdout}\n{done.stderr}"
    if re.search(needed, output, re.IGNORECASE):
        return [f"{' '.join(argv)} asks for it"]
    if done.returncode == 0 or re.search(needless, output, re.IGNORECASE):
        return []
    raise CommandError(
        f"{' '.join(argv)} ended with {done.returncode}: {output.strip()[-500:]}: install {package}"
    )


def main() -> None:
    """Read and exit."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        identity, age = boot()
        state = {
            "boot": identity,
            "age_s": age,
            "reboot": reboot_reasons(read_os_release()["family"]),
            "outdated_units": outdated_units(),
        }
    except (CommandError, OSError, ValueError) as error:
        module.fail_json(msg=f"the machine's state could not be read: {error}")
    module.exit_json(changed=False, state=state)


if __name__ == "__main__":
    main()
