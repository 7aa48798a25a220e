import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_nodes import Nodes, context, ok, order, refused

from kubedrill.base.errors import KubedrillError, StepFailed, UsageError
from kubedrill.base.waits import wait_for
from kubedrill.faults.services import SERVICES, VERBS, ServiceFault, find_service, script

PAIRS = [(s, v) for s in SERVICES for v in VERBS if not (SERVICES[s].kind == "pod" and v == "stop")]


@pytest.fixture
def cluster(make_inventory: Any) -> Any:
    return make_inventory()


@pytest.mark.parametrize(("service", "verb"), PAIRS)
def test_undo_is_armed_on_the_node_before_the_fault_and_disarmed_after_the_heal(
    cluster: Any, service: str, verb: str
) -> None:
    nodes = Nodes()
    ctx, fault = context(nodes, cluster), ServiceFault("cp2", service, verb)
    fault.inject(ctx)
    armed = next(i for i, line in enumerate(nodes.lines("cp2")) if "systemd-run" in line)
    assert nodes.lines("cp2")[armed + 1] == f"/bin/sh -c {_quoted(fault.script(ctx).inject)}"
    assert (
        f"--unit=kubedrill-undo-cp2-{service}-{verb} --on-active=540s" in nodes.lines("cp2")[armed]
    )
    nodes.commands.clear()
    fault.heal(ctx)
    assert order(
        nodes.lines("cp2"),
        fault.script(ctx).undo[:8],
        f"systemctl stop kubedrill-undo-cp2-{service}-{verb}.timer",
    )
    assert {name for name, _ in nodes.commands} == {"cp2"}


def _quoted(text: str) -> str:
    import shlex  # noqa: PLC0415

    return shlex.quote(text)


@pytest.mark.parametrize(("service", "verb"), PAIRS)
def test_the_undo_survives_systemd_run_which_expands_braces(service: str, verb: str) -> None:
    assert "${" not in script(SERVICES[service], verb).undo
    assert "$$" not in script(SERVICES[service], verb).undo


def test_an_undo_that_cannot_be_armed_leaves_the_node_alone(cluster: Any) -> None:
    nodes = Nodes({"systemd-run": refused("no bus")})
    with pytest.raises(KubedrillError, match="nothing was broken: cp1: no bus") as error:
        ServiceFault("cp1", "kubelet", "stop").inject(context(nodes, cluster))
    assert not isinstance(
        error.value, StepFailed
    )  # the harness's failure is not held against the cluster
    assert not any("systemctl stop kubelet" in line for line in nodes.lines("cp1"))


def test_a_heal_that_fails_leaves_the_undo_armed(cluster: Any) -> None:
    nodes = Nodes({"systemctl start kubelet": refused("bad unit")})
    with pytest.raises(StepFailed, match="bad unit"):
        ServiceFault("w1", "kubelet", "stop").heal(context(nodes, cluster))
    assert not any(".timer" in line for line in nodes.lines("w1"))


def test_signals_reach_the_right_processes() -> None:
    assert script(SERVICES["keepalived"], "freeze").inject == (
        "systemctl kill --kill-who=all --signal=SIGSTOP keepalived"
    )
    assert (
        "--kill-who=main --signal=SIGKILL containerd"
        in script(SERVICES["containerd"], "kill").inject
    )
    undo = script(SERVICES["kubelet"], "freeze").undo
    assert undo.index("SIGCONT") < undo.index("systemctl start kubelet")


FAKE_CTR = """#!/bin/sh
case "$*" in
*"tasks ls"*)
  printf 'TASK PID STATUS\\nab {pid} RUNNING\\nabc 1 RUNNING\\nold 4194303 STOPPED\\n' ;;
*'"io.kubernetes.container.name"==etcd,labels."io.kubernetes.pod.namespace"==kube-system')
  printf 'ab\\nold\\n' ;;
esac
"""


def comes_to(pid: int, expected: str) -> bool:
    """Whether a process comes to be in a state of proc(5).

    A signal takes effect a moment after it was sent.
    """

    def reached() -> bool | None:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == expected or None
        )

    return wait_for(
        f"process {pid} in state {expected}",
        reached,
        seconds=30,
        setting="a test's own",
        poll_s=0.01,
    )


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "300"]) as process:
        try:
            yield process
        finally:
            process.kill()  # a frozen one would keep the test waiting


def test_a_container_s_process_is_found_frozen_woken_and_killed(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    ctr = tmp_path / "ctr"
    ctr.write_text(FAKE_CTR.format(pid=sleeper.pid))
    ctr.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    def run(line: str) -> None:
        subprocess.run(["sh", "-c", line], env=environment, check=True, timeout=30)

    freeze = script(SERVICES["etcd"], "freeze")
    run(freeze.inject)
    assert comes_to(sleeper.pid, "T")
    run(freeze.undo)
    assert comes_to(sleeper.pid, "S")
    run(script(SERVICES["etcd"], "kill").inject)
    assert sleeper.wait(30) == -9
    run(freeze.undo)  # safe where nothing is left of it


def test_nothing_to_kill_is_an_error(tmp_path: Path) -> None:
    ctr = tmp_path / "ctr"
    ctr.write_text("#!/bin/sh\n")
    ctr.chmod(0o755)
    line = script(SERVICES["etcd"], "kill").inject
    done = subprocess.run(
        ["sh", "-c", line], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False
    )
    assert done.returncode != 0


def test_a_manifest_is_moved_aside_and_back(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    source = tmp_path / "manifests" / "etcd.yaml"
    source.write_text("kind: Pod\n")
    stop = script(SERVICES["etcd"], "stop")

    def run(line: str) -> None:
        subprocess.run(["sh", "-c", line.replace("/etc/kubernetes", str(tmp_path))], check=True)

    run(stop.inject)
    assert not source.exists()
    run(stop.undo)
    run(stop.undo)
    assert source.read_text() == "kind: Pod\n"
    assert [path.name for path in tmp_path.iterdir()] == ["manifests"]


def test_all_mistakes_of_a_name_are_told_at_once() -> None:
    with pytest.raises(
        UsageError,
        match=r"no service 'kublet'; expected one of: kubelet.*no verb 'shoot'; expected",
    ):
        find_service("kublet", "shoot")
    with pytest.raises(UsageError, match="kube-proxy cannot be stopped"):
        ServiceFault("w1", "kube-proxy", "stop")


def test_etcd_is_never_taken_below_its_quorum(cluster: Any) -> None:
    running = {"tasks ls": ok("")}
    assert ServiceFault("cp1", "etcd", "freeze").available(context(Nodes(running), cluster)) is None
    reason = ServiceFault("cp1", "etcd", "freeze").available(
        context(Nodes(running, down=("cp3",)), cluster)
    )
    assert reason == "etcd would be below quorum: 1 of 3 members left without cp1, needs 2"
    already_down = ServiceFault("cp3", "etcd", "kill").available(
        context(Nodes(running, down=("cp3",)), cluster)
    )
    assert (
        already_down is None
    )  # the member that is lost is the one that is down: two of three are left


def test_reasons_why_not(cluster: Any, make_inventory: Any) -> None:
    def why(fault: ServiceFault, inventory: Any = cluster, **answers: Any) -> Any:
        return fault.available(
            context(Nodes({name.replace("_", " "): a for name, a in answers.items()}), inventory)
        )

    assert why(ServiceFault("cp1", "haproxy", "stop"), is_active=refused("")) is None
    absent = Nodes({"is-active --quiet haproxy": refused("", 3)})
    reason = ServiceFault("cp1", "haproxy", "stop").available(context(absent, cluster))
    assert reason == "haproxy does not run on cp1, so it cannot be stopped there"
    alone = why(ServiceFault("cp1", "kube-scheduler", "freeze"), make_inventory(cp=1))
    assert alone == "kube-scheduler on cp1 is the last of its kind: no other control plane"
    busy = Nodes(
        {"list-units": ok("kubedrill-undo-w1-kubelet-stop.timer loaded active waiting x\n")}
    )
    reason = ServiceFault("w1", "containerd", "kill").available(context(busy, cluster))
    assert reason is not None
    assert reason.startswith(
        "w1 has a fault already: kubedrill-undo-w1-kubelet-stop.timer; one fault a node"
    )
    keeper = Nodes({"list-units": ok("kubedrill-undo-cp10.timer loaded active waiting x\n")})
    assert ServiceFault("cp1", "kubelet", "kill").available(context(keeper, cluster)) is None
