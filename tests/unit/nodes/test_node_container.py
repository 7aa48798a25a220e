from __future__ import annotations

from pathlib import Path

import pytest

from kubedrill.local.node_container import (
    CAPABILITIES,
    HostFacts,
    capability_names,
    init_command,
    run_arguments,
)

EVERYTHING = (1 << 41) - 1
BUNDLES = Path("/home/user/.cache/kubedrill/bundles")


def facts(*, privileged: bool = False, bounding_set: int = EVERYTHING) -> HostFacts:
    return HostFacts(privileged, bounding_set, 2)


def test_full_privileges_are_used_where_the_host_gives_them() -> None:
    arguments = run_arguments(facts(privileged=True), BUNDLES)
    assert "--privileged" in arguments
    assert not [word for word in arguments if word.startswith("--cap-")]


def test_a_restricted_host_hands_out_exactly_what_it_has() -> None:
    without_resource = EVERYTHING & ~(1 << 24)
    arguments = run_arguments(facts(bounding_set=without_resource), BUNDLES)
    assert "--privileged" not in arguments
    granted = {
        word.removeprefix("--cap-add=") for word in arguments if word.startswith("--cap-add=")
    }
    assert granted == set(CAPABILITIES) - {"SYS_RESOURCE"}


@pytest.mark.parametrize(
    ("bit", "name"),
    [(0, "CHOWN"), (12, "NET_ADMIN"), (21, "SYS_ADMIN"), (27, "MKNOD"), (37, "AUDIT_READ")],
)
def test_bits_are_those_of_linux_capability_h(bit: int, name: str) -> None:
    assert capability_names(1 << bit) == [name]


def test_capabilities_that_old_docker_does_not_know_are_never_asked_for() -> None:
    assert capability_names(0b111 << 38) == []  # perfmon, bpf, checkpoint_restore


@pytest.mark.parametrize("privileged", [True, False])
def test_nodes_cannot_write_the_users_bundles(privileged: bool) -> None:
    volumes = [
        word
        for word in run_arguments(facts(privileged=privileged), BUNDLES)
        if word.startswith("--volume=")
    ]
    assert f"--volume={BUNDLES}:/opt/kubedrill/bundles:ro" in volumes
    assert "--volume=/var" in volumes


def test_systemd_is_forced_to_cgroup_v1_only_where_that_is_there() -> None:
    assert "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1" in init_command(1)
    assert init_command(2)[-1] == "/sbin/init"
