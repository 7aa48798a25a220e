"""A session with its real processes, as far as it goes without a cluster.

Outside and control probes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import api_node

from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.base.model import Connection, ProbeSpec, Vantage
from kubedrill.base.waits import wait_for
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.config import Settings
from kubedrill.probes import ProbeSession, Targets, standard_probes
from kubedrill.probes.inside import choose_nodes, namespace_objects, prober_objects
from kubedrill.probes.process import Helper
from kubedrill.probes.sampler.sinks import MemorySink
from kubedrill.probes.standard import control_probe
from kubedrill.probes.tail import Tail

sys.path.insert(0, str(Path(__file__).parent))
from test_sampler import server_thread

TARGETS = Targets("http://a/", "http://b/", "https://v:8443", "hello.", "10.96.0.9", "10.96.0.10")
BOTH = ("new", "reused")
CLUSTER: Any = None  # a session of outside probes must not need one


def session(path: Path, *specs: ProbeSpec, settings: Settings | None = None) -> ProbeSession:
    return ProbeSession(specs, path, api=CLUSTER, settings=settings or Settings(), targets=TARGETS)


def app_probe(port: int, connection: Connection = Connection.NEW) -> ProbeSpec:
    name = f"app-{connection.value}"
    return ProbeSpec(
        name, "http", f"http://127.0.0.1:{port}/", Vantage.OUTSIDE, connection, 0.02, 60
    )


def samples(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_from_start_to_stop(tmp_path: Path) -> None:
    record = tmp_path / "drill.jsonl"
    with server_thread() as server:
        specs = (
            app_probe(server.port),
            app_probe(server.port, Connection.REUSED),
            control_probe(Settings()),
        )
        with session(record, *specs) as running:
            latest = running.latest()
        asked = len(server.requests)
    assert set(latest) == {"app-new", "app-reused", "control"}
    assert all(0 < ok == total for ok, total in latest.values()), (
        "start returns once every probe has an answer"
    )
    *result, (kind, lane, _, name, _, data) = samples(record)
    assert (kind, lane, name, data) == ("event", "process", "sampler", {"code": 0})
    assert sum(s[1] != "control" for s in result) == asked, (
        "nothing that was under way at the end is lost"
    )
    assert {s[6] for s in result} == {"ok"}
    assert {s[7] for s in result if s[1] == "app-new"} == {"hello-1"}


def test_a_dead_sampler_is_an_error_and_not_a_quiet_record(tmp_path: Path) -> None:
    with server_thread() as server:
        running = session(tmp_path / "r.jsonl", app_probe(server.port))
        running.start()
        assert running._sampler is not None
        assert running._sampler._process is not None
        os.kill(running._sampler._process.pid, signal.SIGKILL)

        def ask() -> None:
            running.latest()

        with pytest.raises(StepFailed, match="sampler died with status -9"):
            wait_for(
                "the death to be noticed", ask, seconds=60, setting="probes_ready", poll_s=0.02
            )
        with pytest.raises(StepFailed, match="sampler died with status -9"):
            running.stop()


def test_an_unwritable_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="No such file or directory"):
        session(tmp_path / "gone" / "r.jsonl", app_probe(1)).start()


def test_a_probe_without_any_answer_is_named(tmp_path: Path) -> None:
    settings = Settings.model_validate({"timeouts": {"probes_ready": 0.5}})
    with server_thread("hang") as server:
        running = session(tmp_path / "r.jsonl", app_probe(server.port), settings=settings)
        with pytest.raises(DeadlineExceeded, match="no answer yet: app-new"):
            running.start()
        assert running._sampler is None, "nothing is left running"


def test_an_error_of_the_drill_is_not_hidden_by_a_dead_sampler(tmp_path: Path) -> None:
    with server_thread() as server:
        running = session(tmp_path / "r.jsonl", app_probe(server.port))
        with pytest.raises(ZeroDivisionError) as error, running:  # noqa: PT012
            assert running._sampler is not None
            assert running._sampler._process is not None
            running._sampler._process.kill()
            raise ZeroDivisionError
    assert "sampler died" in error.value.__notes__[0]


def test_a_helper_that_says_nothing_is_killed() -> None:
    helper = Helper("asyncio")  # a Python prompt that waits for its stdin
    with pytest.raises(DeadlineExceeded, match=r"waited 0\.1 s"):
        helper.start(0.1, "probes_ready")
    helper.stop(1)


def test_the_standard_set() -> None:
    specs = {spec.name: spec for spec in standard_probes(TARGETS, Settings())}
    pairs = [
        f"{what}-{how}"
        for what in ("app-nodeport", "app-service", "api-read", "api-write")
        for how in BOTH
    ]
    assert sorted(specs) == sorted([*pairs, "dns", "control"])
    assert all(spec.interval_s <= 0.1 for spec in specs.values())
    assert specs["api-write-new"].target != specs["api-write-reused"].target, (
        "each writes to its own object"
    )
    assert {name for name, s in specs.items() if s.vantage is Vantage.INSIDE} == {
        "app-service-new",
        "app-service-reused",
        "dns",
    }


def test_probes_from_pods_are_asked_on_each_vantage_node() -> None:
    one, two = (
        {spec.name: spec for spec in standard_probes(TARGETS, Settings(), places)}
        for places in (["w2"], ["w2", "w1"])
    )
    assert set(two) - set(one) == {"app-service-new-2", "app-service-reused-2", "dns-2"}
    for name in ("app-service-new", "app-service-reused", "dns"):
        assert (one[name].place, two[name].place) == ("w2", "w2")
        assert replace(two[f"{name}-2"], name=name, place="w2") == two[name]
    assert {spec.place for spec in two.values() if spec.vantage is not Vantage.INSIDE} == {""}


class Pods:
    """Probers on two nodes, in memory; pods of nodes that are ``down`` do not answer."""

    def __init__(self) -> None:
        self.sinks = {"w1": MemorySink(), "w2": MemorySink()}
        self.down: set[str] = set()
        self.deleted: list[Any] = []

    def apply(self, objects: list[Any]) -> None:
        """Let each prober of the configuration answer its first tick."""
        for each in objects:
            for spec in json.loads(each.get("data", {}).get("config.json", '{"probes": []}'))[
                "probes"
            ]:
                for node in self.sinks:
                    self.tick(node, spec["name"], 0)

    def tick(self, node: str, probe: str, seq: int) -> None:
        now = time.monotonic_ns()
        self.sinks[node].keep((probe, seq, now, now, now, "ok", node))

    def wait_rollout(self, *_: str) -> None: ...

    def delete(self, objects: list[Any]) -> None:
        self.deleted += objects

    def pods(self, *_: str) -> list[Any]:
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=f"prober-{node}", deletion_timestamp=None),
                spec=SimpleNamespace(node_name=node),
            )
            for node in self.sinks
            if node not in self.down
        ]

    def pod_get(self, _namespace: str, pod: str, path: str, _port: int) -> str:
        node = pod.removeprefix("prober-")
        if node in self.down:
            raise ApiUnavailable("no route to host")
        return json.dumps(self.sinks[node].answer(path))


def test_a_vantage_goes_on_while_the_other_one_is_away(tmp_path: Path) -> None:
    record, pods = tmp_path / "r.jsonl", Pods()
    specs = [
        ProbeSpec(name, "dns", "hello.", Vantage.INSIDE, Connection.NEW, timeout_s=0.1, place=place)
        for name, place in (("dns", "w2"), ("dns-2", "w1"))
    ]
    api: Any = pods
    with ProbeSession(specs, record, api=api, settings=Settings(), targets=TARGETS) as running:
        pods.down = {"w2"}
        pods.tick("w1", "dns", 1)
        wait_for(
            "the second vantage",
            lambda: running.latest()["dns-2"] == (2, 2),
            seconds=60,
            setting="probes_ready",
        )
        assert running.latest()["dns"][1] < 2
        pods.down = set()
    lines = samples(record)
    assert [(line[1], line[7]) for line in lines if line[0] == "sample"].count(("dns-2", "w1")) == 2
    assert {line[1] for line in lines if line[0] == "clock"} == {"inside w1", "inside w2"}
    assert [each["kind"] for each in pods.deleted] == ["DaemonSet"]


@pytest.mark.parametrize(
    ("target", "kind"),
    [("", "http"), ("https://example.org/", "http-status"), ("10.0.0.1:22", "tcp")],
)
def test_control_targets(target: str, kind: str) -> None:
    assert control_probe(Settings(control_target=target)).kind == kind


def test_the_prober_is_pinned_restricted_and_of_the_same_code() -> None:
    *maps, daemon_set = prober_objects(["w2", "w1"], [{"name": "dns"}])
    pod = daemon_set["spec"]["template"]["spec"]
    (required,) = pod["affinity"]["nodeAffinity"].values()
    on_nodes = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["w2", "w1"]}
    assert required["nodeSelectorTerms"] == [{"matchExpressions": [on_nodes]}]
    assert pod["tolerations"] == [{"operator": "Exists"}], "no taint of a drill drives it away"
    assert pod["securityContext"]["runAsNonRoot"]
    assert {"__main__.py", "ticks.py", "kinds.py"} <= set(maps[0]["data"])
    again, later = (
        prober_objects(["w2"], [{"name": "other"}])[-1],
        prober_objects(["w2"], [{"name": "dns"}], "later")[-1],
    )
    hashes = {
        d["spec"]["template"]["metadata"]["annotations"]["kubedrill/content"]
        for d in (daemon_set, again, later)
    }
    assert len(hashes) == 3, "another configuration or another session starts another pod"
    assert namespace_objects(())[0]["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }


def cluster(make_inventory: Any, ready: set[str]) -> Any:
    inventory = make_inventory(workers=2)
    names = [n.name for n in inventory.nodes]
    return SimpleNamespace(
        inventory=inventory,
        nodes=lambda: [api_node(n) for n in names],
        ready=lambda n: n.metadata.name in ready,
    )


@pytest.mark.parametrize(
    ("ready", "avoid", "number", "chosen"),
    [
        ({"w1", "w2"}, (), 1, ["w2"]),
        ({"w1", "w2"}, ("w2",), 1, ["w1"]),
        ({"w1"}, (), 1, ["w1"]),
        ({"w1"}, ("w1",), 1, ["w1"]),
        ({"w1", "w2"}, ("cp1", "w1", "w2"), 2, ["w2", "w1"]),
        ({"w1", "w2"}, ("w2",), 2, ["w1", "w2"]),
        ({"w1"}, (), 2, ["w1"]),
    ],
)
def test_the_vantage_nodes(
    make_inventory: Any, ready: set[str], avoid: tuple[str, ...], number: int, chosen: list[str]
) -> None:
    assert choose_nodes(cluster(make_inventory, ready), avoid, number) == chosen


def test_no_vantage_node(make_inventory: Any) -> None:
    with pytest.raises(StepFailed, match="no worker is Ready"):
        choose_nodes(cluster(make_inventory, {"cp1"}), ())


def test_the_tail_takes_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "r"
    tail = Tail(path, ["p"])
    assert tail.silent() == ["p"]
    now = time.monotonic_ns()
    good = json.dumps(["sample", "p", 0, now, now, now, "ok", ""], separators=(",", ":"))
    bad = json.dumps(["sample", "p", 1, now, now, now, "timeout", ""], separators=(",", ":"))
    path.write_text(f'["clock","inside",0,0]\n{good}\n{bad[:20]}')
    assert tail.latest() == {"p": (1, 1)}
    with path.open("a") as file:
        file.write(f"{bad[20:]}\n")
    assert tail.latest() == {"p": (1, 2)}
    assert tail.silent() == []
