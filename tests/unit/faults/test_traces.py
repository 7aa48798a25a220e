"""Every fault says what it leaves and goes through the one verb that a dry run refuses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn
from unittest.mock import MagicMock

import pytest
from fault_nodes import PLACE, Nodes, context, ok

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import kube_api
from kubedrill import faults
from kubedrill.base.errors import KubedrillError, WouldTouch
from kubedrill.cluster.watchdog import Watchdog
from kubedrill.faults import (
    BadRollout,
    ContainerKill,
    DescriptorsUsedUp,
    DiskFull,
    Drain,
    ExpiredCertificate,
    Load,
    Partition,
    PodKill,
    QuorumGone,
    QuorumLoss,
    Revoked,
    ServiceFault,
    Shaping,
    TokenExpired,
    ZoneOutage,
    traces,
)
from kubedrill.faults.traces import FAULTS, NodeTrace, Stage, Trace, register

MARK = NodeTrace(
    kind="mark",
    text="mark {what}",
    stage=Stage.FILE,
    detect=lambda _node: "",
    repair=lambda what: f"rm {what}",
)


@dataclass
class Good:
    traces: ClassVar[tuple[Trace, ...]] = (MARK,)
    subject: str = "w1"
    name: str = "marked"

    def available(self, _cluster: Any) -> None: ...

    def inject(self, _cluster: Any) -> None: ...

    def heal(self, _cluster: Any) -> None: ...

    evidence = "the node is marked"

    def unaffected(self, _cluster: Any, _place: str) -> None: ...


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "FAULTS", list(FAULTS))
    monkeypatch.setattr(traces, "TRACES", dict(traces.TRACES))


def test_a_fault_is_registered_with_its_traces() -> None:
    assert register(Good) is Good
    assert traces.FAULTS[-1] is Good
    assert traces.TRACES["mark"] is MARK


def without(verb: str) -> Any:
    """A trace of a new kind that lacks one of its verbs."""
    trace = NodeTrace(**{**vars(MARK), "kind": "half"})
    object.__setattr__(trace, verb, None)
    return trace


@pytest.mark.parametrize("verb", ["detect", "repair"])
def test_a_fault_without_detect_or_repair_is_refused(verb: str) -> None:
    class Half(Good):
        traces = (without(verb),)

    with pytest.raises(TypeError, match=f"Half: .* lacks {verb}"):
        register(Half)
    assert "half" not in traces.TRACES


def test_a_fault_that_does_not_say_what_it_leaves_is_refused() -> None:
    class Silent(Good):
        traces = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="Silent lacks traces"):
        register(Silent)


PARTS = ("available", "inject", "heal", "evidence", "unaffected")


@pytest.mark.parametrize("verb", PARTS)
def test_a_fault_that_lacks_a_verb_or_its_evidence_is_refused(verb: str) -> None:
    verbs = {name: getattr(Good, name) for name in PARTS if name != verb}
    with pytest.raises(TypeError, match=f"Lame lacks {verb}"):
        register(type("Lame", (), {**verbs, "traces": ()}))


def test_two_traces_of_one_kind_are_refused() -> None:
    class Twin(Good):
        traces = (NodeTrace(**{**vars(MARK), "kind": "unit"}),)

    with pytest.raises(TypeError, match="two traces of the kind 'unit'"):
        register(Twin)


def test_every_fault_of_the_package_is_registered() -> None:
    """A new file registers its fault without being named anywhere."""
    folder = Path(faults.__file__).parent
    texts = {path.stem: path.read_text() for path in folder.glob("*.py")}
    files = {file for file, text in texts.items() if "def inject(" in text or "(NodeFault)" in text}
    modules = {fault.__module__.rpartition(".")[2] for fault in FAULTS}
    assert modules == files - {"base", "on_node", "node_fault"}


class Refusing(Nodes):
    """Nodes, an API and a power switch of a dry run: what changes something is refused."""

    def __init__(self) -> None:
        super().__init__({**PLACE, "qdisc show": ok("[]"), "boot_id": ok("a")})
        self.apps, self.core, self.client = MagicMock(), MagicMock(), MagicMock()
        self.client.sanitize_for_serialization.return_value = {"name": "c"}

    def change(self, node: Any, argv: Any, *_: Any, **_options: Any) -> NoReturn:
        raise WouldTouch(f"{node}: would run {argv}")

    def ask(self, method: str, path: str, _body: Any = None) -> kube_api.Answer:
        if method != "GET":
            raise WouldTouch(f"the API would run {method} {path}")
        return kube_api.make_answer(200, b"{}")

    def nodes(self) -> list[Any]:
        return []

    def pods(self, *_: Any, **_options: Any) -> list[Any]:
        return []

    def wait(self, *_: Any, **_options: Any) -> None: ...

    def available(self, _node: Any) -> None: ...

    pause_available = available

    def is_off(self, _node: Any) -> bool:
        return True

    def switch(self, node: Any) -> NoReturn:
        raise WouldTouch(f"{node.name}: would be switched")

    on = off = pause = resume = switch


EXAMPLES: dict[type, Any] = {
    BadRollout: BadRollout("n", "d", "crash loop", before={"name": "c"}),
    ContainerKill: ContainerKill("w1", "n", "p", "c"),
    DescriptorsUsedUp: DescriptorsUsedUp("w1", "kubelet"),
    DiskFull: DiskFull("w1", "root"),
    Drain: Drain("w1", 1),
    ExpiredCertificate: ExpiredCertificate("cp1", "kubelet"),
    Load: Load("w1", "cpu"),
    Partition: Partition("w1", "all"),
    QuorumGone: QuorumGone(("cp1", "cp2"), ("cp1", "cp2", "cp3")),
    QuorumLoss: QuorumLoss(("cp1", "cp2")),
    ServiceFault: ServiceFault("w1", "kubelet", "stop"),
    Shaping: Shaping("w1", "latency"),
    ZoneOutage: ZoneOutage("a", ("w1", "w2")),
}
BY_THE_API = {
    PodKill: PodKill("n", "p"),
    Revoked: Revoked("right"),
    TokenExpired: TokenExpired(),
}
"""They change objects only, which the read-only client refuses (test_read_only)."""


def make(fault: type) -> Any:
    """An example of a fault; most need a node only."""
    return (EXAMPLES | BY_THE_API).get(fault) or fault("cp1")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_whether_a_fault_is_available_is_only_read(fault: type, make_inventory: Any) -> None:
    make(fault).available(context(Refusing(), make_inventory()))


@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if f not in BY_THE_API], ids=lambda fault: fault.__name__
)
def test_what_breaks_and_what_heals_is_refused_in_a_dry_run(
    fault: type, make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watchdog, "arm", lambda _self: 0)
    cluster, example = context(Refusing(), make_inventory()), make(fault)
    with pytest.raises(KubedrillError, match=r"would (run|be switched)"):
        example.inject(cluster)
    if example.traces:
        with pytest.raises(KubedrillError, match=r"would (run|be switched)"):
            example.heal(cluster)
