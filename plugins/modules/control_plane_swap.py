"""Ansible module: replaces a control plane's static pods while its kubelet stands still.

A kubelet that sees a static pod's manifest change waits 10 to 15 s before it starts the successor,
and deletes the mirror pod through the very API server that is being replaced. Here it sees neither:
it is stopped, the old processes end in order (API server first, so that its requests end while etcd
still serves), manifests and the kubelet's program are renamed into place, and the kubelet starts as
if after a boot. docs/explanation/upgrade.md says what happens at each kill point.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kubelet_flags import (
    FLAGS,
    stage_flags,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods import (
    arm_undo,
    disarm_undo,
    healthy_others,
    last_words,
    quorum_problem,
    stop,
    unhealthy,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    MANIFESTS,
    CommandError,
    run,
    wait_until_none,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import (
    copy_whole,
    same_content,
)

DOCUMENTATION = r"""
module: control_plane_swap
short_description: Replaces the manifests of one control plane's static pods, and its kubelet
description: Puts the old manifests back when the new ones do not become healthy in time.
options:
  staged:
    description: Directory with the four new manifests and the new kubelet.
    type: path
    required: true
  previous: {description: Directory that keeps the old manifests., type: path, required: true}
  etcdctl: {description: The etcdctl program., type: str, required: true}
  peers:
    description: Addresses of the other control planes.
    type: list
    elements: str
    required: true
  files:
    description: Names in the staged directory, and the files that they replace with the manifests.
    type: dict
    default: {}
  restart:
    description: Static pods to start again whose manifests are as staged.
    type: list
    elements: str
    default: []
  kubelet:
    description: The kubelet's installed program.
    type: path
    default: /usr/local/bin/kubelet
  grace: {description: Seconds that a process gets to end after SIGTERM., type: int, default: 10}
  timeout:
    description: Seconds until the new static pods must be healthy.
    type: int
    required: true
author: kubedrill
"""

EXAMPLES = r"""
- name: Replace the control plane's static pods and kubelet
  kubedrill.kubeadm.control_plane_swap:
    staged: /etc/kubernetes/kubedrill/new
    previous: /etc/kubernetes/kubedrill/previous
    etcdctl: /usr/local/bin/etcdctl
    peers: [192.0.2.12, 192.0.2.13]
    timeout: 120
"""

RETURN = r"""
swapped:
  description: Components that were replaced; none where all are as staged.
  type: list
  elements: str
  returned: success
seconds:
  description: Seconds until the new static pods were healthy.
  type: float
  returned: when something was replaced
"""

IMAGE = re.compile(r"^\s+image: (\S+)$", re.MULTILINE)


def differing(staged: Path, kubelet: Path) -> list[str]:
    """Components whose staged manifest differs from the one that runs.

    All of them when the kubelet differs.

    A kubelet of another minor version computes other identities for the same manifests and would
    kill all static pods within 2 s of its start: they are ended in order instead.
    """
    if (staged / "kubelet").exists() and not same_content(staged / "kubelet", kubelet):
        return list(STATIC_PODS)
    return [
        name
        for name in STATIC_PODS
        if not same_content(staged / f"{name}.yaml", MANIFESTS / f"{name}.yaml")
    ]


def missing_images(staged: Path, names: list[str]) -> list[str]:
    """Images that the new manifests name and containerd does not have."""
    known = set(run(["ctr", "-n", "k8s.io", "images", "list", "-q"]).split())
    images = [
        image
        for name in names
        for image in IMAGE.findall((staged / f"{name}.yaml").read_text(encoding="utf-8"))
    ]
    return [image for image in images if image not in known]


def place(source: Path, names: list[str]) -> None:
    """Put manifests into place, each in one step, etcd and the API server first."""
    for name in names:
        copy_whole(source / f"{name}.yaml", MANIFESTS / f"{name}.yaml")


def swap(
    source: Path, names: list[str], grace: float, kubelet: Path, files: dict[str, str]
) -> None:
    """Stop kubelet and static pods, place what is staged, start the kubelet.

    etcd ends last, so that the API server can answer what it has begun; the kubelet's program is
    placed last, so that it is never newer than the API server's manifest, and never finds a flag
    that it does not know.
    """
    run(["systemctl", "stop", "kubelet"], 60)
    stop([name for name in names if name != "etcd"], grace)
    stop([name for name in names if name == "etcd"], grace)
    place(source, names)
    for name, target in files.items():
        if (source / name).exists():
            copy_whole(source / name, Path(target), Path(target).stat().st_mode & 0o777)
    if (source / FLAGS.name).exists():
        copy_whole(source / FLAGS.name, FLAGS, 0o644)
    if (source / "kubelet").exists() and not same_content(source / "kubelet", kubelet):
        copy_whole(source / "kubelet", kubelet, 0o755, sync=False)  # a rerun compares it
    run(["systemctl", "start", "kubelet"], 60)


def upgrade(params: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Swap, wait, and swap back on failure; returns Ansible's result."""
    staged, previous, kubelet = (Path(params[name]) for name in ("staged", "previous", "kubelet"))
    stage_flags(staged, FLAGS)
    keep(previous, names, kubelet, staged)
    keep_files(previous, params["files"], staged)
    arm_undo(2 * int(params["grace"]) + 120)
    begun = time.monotonic()
    swap(staged, names, params["grace"], kubelet, params["files"])
    problems = wait_until_none(unhealthy, params["timeout"], poll=0.2)
    if not problems:
        disarm_undo()
        return {"changed": True, "swapped": names, "seconds": round(time.monotonic() - begun, 1)}
    words = [f"{name}: {text}" for name in problems if (text := last_words(name))]
    restorable = [name for name in names if (previous / f"{name}.yaml").exists()]
    swap(previous, restorable, params["grace"], kubelet, params["files"])
    after = wait_until_none(unhealthy, params["timeout"], poll=0.2)
    disarm_undo()
    end = (
        f"and the old ones do not run either (not healthy: {', '.join(after)})"
        if after
        else "the old static pods run again"
    )
    message = (
        f"the new static pods were not healthy after {params['timeout']} s "
        f"({', '.join(problems)}): {end}"
    )
    message = "; ".join([message, *words])
    return {"failed": True, "changed": bool(after), "msg": message}


def keep(previous: Path, names: list[str], kubelet: Path, staged: Path) -> None:
    """Keep what is replaced, once.

    A second run must not overwrite the old files with half of the new ones.
    """
    previous.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        manifest = MANIFESTS / f"{name}.yaml"
        if manifest.exists() and not same_content(manifest, staged / f"{name}.yaml"):
            shutil.copy2(manifest, previous / f"{name}.yaml")
    program = staged / "kubelet"
    if program.exists() and kubelet.exists() and not same_content(program, kubelet):
        shutil.copy2(kubelet, previous / "kubelet")
    (previous / FLAGS.name).unlink(missing_ok=True)
    if (staged / FLAGS.name).exists():
        shutil.copy2(FLAGS, previous / FLAGS.name)


def keep_files(previous: Path, files: dict[str, str], staged: Path) -> None:
    """Keep the files that are replaced with the manifests, once."""
    for name, target in files.items():
        (previous / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not same_content(staged / name, Path(target)):
            copy_whole(Path(target), previous / name)


def main() -> None:
    """Compare, check that the others hold the majority, swap."""
    module = AnsibleModule(
        argument_spec={
            "staged": {"type": "path", "required": True},
            "previous": {"type": "path", "required": True},
            "etcdctl": {"type": "str", "required": True},
            "peers": {"type": "list", "elements": "str", "required": True},
            "files": {"type": "dict", "default": {}},
            "restart": {"type": "list", "elements": "str", "default": []},
            "kubelet": {"type": "path", "default": "/usr/local/bin/kubelet"},
            "grace": {"type": "int", "default": 10},
            "timeout": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        staged = Path(module.params["staged"])
        names = differing(staged, Path(module.params["kubelet"]))
        names = [name for name in STATIC_PODS if name in {*names, *module.params["restart"]}]
        if not names or module.check_mode:
            module.exit_json(changed=bool(names), swapped=names)
        missing = missing_images(staged, names)
        if missing:
            module.fail_json(
                msg=(
                    f"containerd has no image {', '.join(missing)}: nothing was stopped; import "
                    f"them first"
                )
            )
        if "etcd" in names:
            others = healthy_others(module.params["etcdctl"], module.params["peers"])
            problem = quorum_problem(others, len(module.params["peers"]) + 1)
            if problem:
                module.fail_json(
                    msg=(
                        f"{problem}: nothing was stopped; repair etcd and run the same command "
                        "again"
                    )
                )
        result = upgrade(module.params, names)
    except (CommandError, OSError) as error:
        module.fail_json(msg=str(error))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
