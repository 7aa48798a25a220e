"""Is the target's bundle here, whole, and enough for what runs on the cluster?"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kubedrill.readiness.model import known
from kubedrill.readiness.rules.common import (
    blocker,
    image_name,
    info,
    must_leave,
    several,
    unknown,
    warning,
    workload,
)
from kubedrill.readiness.rules.fit import could_run_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot

PROGRAMS = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "etcdctl",
    "etcdutl",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
)
"""What a bundle has in bin/ (docs/explanation/architecture.md)."""


def complete(snapshot: Snapshot) -> Iterator[Issue]:
    """Every file as its manifest says, every program, and every image that kubeadm asks for."""
    bundle = snapshot.bundle.get()
    build = f"kubedrill bundle build --kubernetes {str(snapshot.target).removeprefix('v')}"
    if bundle.faults:
        yield blocker(
            f"bundle {bundle.path}", several(bundle.faults), "a whole bundle of the target", build
        )
        return
    names = {part.name for part in bundle.parts}
    missing = [name for name in PROGRAMS if name not in names]
    images = {part.image for part in bundle.parts if part.image}
    missing += [image for image in bundle.required_images if image not in images]
    if missing:
        yield blocker(
            f"bundle {bundle.path}",
            f"lacks {several(missing)}",
            "every program and image of the release",
            build,
        )


def images(snapshot: Snapshot) -> Iterator[Issue]:
    """Images of pods that a drain moves.

    In the bundle, or on every node where the pod could land.
    """
    bundled = {part.image: part.nodes for part in snapshot.bundle.get().parts if part.image}
    if not bundled:
        return  # the bundle is not usable, which another rule says
    hosts = known(snapshot.hosts)
    for name, host in hosts.items():
        if host.images is None:
            yield unknown(
                f"images of {name}",
                "containerd did not list them",
                "a list",
                f"look at containerd on {name}",
            )
    images_of = {name: host.images for name, host in hosts.items() if host.images is not None}
    roles = {
        node.name: ("control_plane" if node.is_control_plane else "worker")
        for node in snapshot.machines
    }
    for image, pods in _images_in_use(snapshot).items():
        nodes = [
            node.metadata.name
            for node in snapshot.nodes.get()
            if any(could_run_on(pod, node) for pod in pods)
        ]
        missing = [
            name
            for name in nodes
            if image not in images_of.get(name, {image})
            and roles.get(name) not in bundled.get(image, ())
        ]
        users = several(sorted({workload(pod) for pod in pods}))
        if missing:
            yield _missing_image(snapshot, image, pods, users, missing)
        elif image not in bundled and images_of.keys() >= set(nodes):
            yield info(
                f"image {image}",
                f"of {users} is not in the bundle; every node where it could run has it",
            )


def _images_in_use(snapshot: Snapshot) -> dict[str, list[Any]]:
    pods_of: dict[str, list[Any]] = defaultdict(list)
    for pod in snapshot.pods.get():
        if must_leave(pod):
            for container in [*(pod.spec.init_containers or []), *pod.spec.containers]:
                pods_of[image_name(container.image)].append(pod)
    return dict(sorted(pods_of.items()))


def _missing_image(
    snapshot: Snapshot, image: str, pods: list[Any], users: str, nodes: list[str]
) -> Issue:
    never = any(
        c.image_pull_policy == "Never"
        for pod in pods
        for c in pod.spec.containers
        if image_name(c.image) == image
    )
    actual = f"of {users} is not in the bundle of {snapshot.target} and not on {several(nodes)}"
    if never:
        expected = "the image on every node where the pod could run: its pull policy is Never"
        return blocker(
            f"image {image}",
            actual,
            expected,
            f"import it there: ctr -n k8s.io images import, on {several(nodes)}",
        )
    expected = "an image that a node has, or a registry that it reaches (which was not tried)"
    return warning(
        f"image {image}",
        actual,
        expected,
        "import it there, or make sure that these nodes reach its registry",
    )
