"""Every reader, fed with mutated documents: it takes one or refuses it in a sentence.

Some seconds in `make test`, ten minutes in `make test-all`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import yaml
from doorkit import NEVER
from file_doors import MANIFEST
from fuzzkit import LONGEST, ODD, SECONDS, fuzz, mutated, spoilt
from hypothesis import strategies as st
from tests.records.nights import drill_entry, run_document

from kubedrill.base.plan import PLAN_FILE, RunPlan, read_plan
from kubedrill.base.project import ROOT
from kubedrill.bundle.manifest import read_manifest
from kubedrill.cli.main import run
from kubedrill.cluster.inventory import Inventory, build_inventory
from kubedrill.config import load_settings
from kubedrill.drills import ALL
from kubedrill.history.lines import read_lines
from kubedrill.history.read import read_document
from kubedrill.nightly.plan_file import load_plan
from kubedrill.record import read_record

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = {
    "timeouts": {"ssh_connect": 5, "node_ready": "5m"},
    "probes": {"interval_s": 0.1, "timeout_s": 1, "min_samples": 50, "warmup_s": 5},
    "drills": {"node-drain": {"app_outage_s": 2, "app_max_failed": 3}, "failover_vip": {}},
    "game_day": {"minutes": 30, "drills": ["kubelet-stopped"], "orders_per_s": 10},
    "load": {"late_ms": 50},
    "control_target": "127.0.0.1:80",
    "history": {"enabled": True, "database": "", "host": "rack-7"},
    "notify": {"urls_file": "", "always": False, "gateway": "http://h:9091/x"},
    "upgrade_to": "1.36.3",
    "upgrade_forks": 20,
    "reports_dir": "reports",
}
APP = {
    "app": {
        "namespace": "shop",
        "workload": "deployment/web",
        "deployed": True,
        "kustomize": None,
        "helm": None,
        "endpoints": {
            "outside": {"node_port": 30880, "path": "/", "host": "shop.example.org"},
            "inside": {"service": "web", "port": 80, "scheme": "https", "verify": False},
        },
        "objectives": {"outage_s": 5, "max_failed": 3, "replaced_s": 60},
    }
}
PLAN: dict[str, Any] = {
    "topologies": {"1+1": {"config": ""}, "3+2": None},
    "versions": ["1.35.4 → 1.36.3", ["1.35.4", "1.36.3"]],
    "drills": {"before": ["pod-killed"], "during": ["cluster-upgrade"], "after": ["app-rollout"]},
    "limits": {"up": "60m", "before": 900, "cycle": "8h"},
    "attempts": 2,
    "min_free_gb": 20,
}
RUN_PLAN = RunPlan(
    run="r1", cluster="c", seed=1, drills=["node-drain"], tool_version="0.2", config_sha256="0"
).model_dump(by_alias=True)
DOCUMENT = json.loads(run_document([drill_entry(), drill_entry("node-drain")]).model_dump_json())
OLD_LINE = {"format": 1, "run": "r1", "cluster": "c", "seed": 1, "verdict": "INCONCLUSIVE",
            "exit_code": 3, "drills": [], "not_run": []}  # fmt: skip
SHARED = {
    "cluster_name": "test",
    "cluster_kubernetes_version": "1.35.4",
    "cluster_virtual_address": "192.0.2.10",
    "cluster_node_network": "192.0.2.0/24",
    "cluster_pod_network": "10.244.0.0/16",
    "cluster_service_network": "10.96.0.0/12",
    "cluster_api_port": 8443,
    "drills_allowed": True,
    "power_off": "true",
    "power_on": "echo {{ inventory_hostname }}",
}
HOST = {
    "ansible_host": "192.0.2.9",
    "ansible_port": 22,
    "power_pause": "true",
    "power_resume": "true",
}


def listing(drawn: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """What Ansible lists of an inventory, one of whose hosts has variables of its own."""
    shared, host = drawn
    hosts = {
        name: {"ansible_host": f"192.0.2.{number}", **shared}
        for number, name in enumerate(("cp1", "cp2", "cp3", "w1"), 11)
    }
    hosts["w1"].update(host)
    return {
        "_meta": {"hostvars": hosts, "vaulted": ["power_off"]},
        "all": {"children": ["ungrouped", "cluster"]},
        "cluster": {"children": ["control_planes", "workers"]},
        "control_planes": {"hosts": ["cp1", "cp2", "cp3"]},
        "workers": {"hosts": ["w1"]},
    }


INVENTORY = {
    "cluster": {
        "children": {
            "control_planes": {"hosts": {"cp1": {"ansible_host": "192.0.2.11"}}},
            "workers": {"hosts": {"w1": {"ansible_host": "192.0.2.12", "ansible_port": 22}}},
        },
        "vars": SHARED,
    }
}
INI = """\
[control_planes]
cp1 ansible_host=192.0.2.11
[workers]
w1 ansible_host=192.0.2.12 ansible_port=22
[cluster:children]
control_planes
workers
[cluster:vars]
cluster_virtual_address=192.0.2.10
cluster_node_network=192.0.2.0/24
cluster_kubernetes_version=1.35.4
drills_allowed=true
"""
VARIABLES = (
    "KUBEDRILL_CACHE", "KUBEDRILL_STATE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME", "KUBEDRILL_UPSTREAM_BINARIES", "KUBEDRILL_UPSTREAM_REGISTRY",
    "KUBEDRILL_DEBIAN_MIRROR", "KUBEDRILL_NOTIFY_URLS", "CI", "NO_COLOR", "COLUMNS", "TERM",
)  # fmt: skip
COMMANDS = (["bundle", "list"], ["bundle", "verify"], ["history", "list"], ["notify"],
            ["list"], ["heal", "-i", "hosts.yml", "--dry-run"])  # fmt: skip


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(errors="surrogatepass"))
    return path


def as_yaml(data: Any) -> str:
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def as_json(data: Any) -> str:
    return json.dumps(data, indent=1, default=str, skipkeys=True)


def as_line(data: Any) -> str:
    return json.dumps(data, default=str, skipkeys=True) + "\n"


def texts(base: Any, form: Callable[[Any], str]) -> st.SearchStrategy[str]:
    return mutated(base).map(form).flatmap(spoilt)


RECORD = [json.loads(line) for line in (ROOT / "tests/records/good.jsonl").read_text().splitlines()]
FEW = [*RECORD[:12], *RECORD[-6:]]


def as_record(lines: Any) -> str:
    return "".join(as_line(line) for line in lines)


READERS: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "settings": (
        texts(SETTINGS, as_yaml),
        lambda text: load_settings(write("kubedrill.yml", text), ALL),
    ),
    "own application": (
        texts(APP, as_yaml),
        lambda text: load_settings(write("kubedrill.yml", text), ALL),
    ),
    "plan": (
        texts(PLAN, as_yaml),
        lambda text: load_plan(write("plan.yml", text), {"1.35.4", "1.36.3"}),
    ),
    "inventory": (
        st.tuples(mutated(SHARED), mutated(HOST)),
        lambda drawn: build_inventory(
            Path("inventory"), json.loads(json.dumps(listing(drawn), default=str, skipkeys=True))
        ),
    ),
    "inventory as YAML": (
        texts(INVENTORY, as_yaml),
        lambda text: Inventory.load(write("i/hosts.yml", text)),
    ),
    "inventory as JSON": (
        texts(INVENTORY, as_json),
        lambda text: Inventory.load(write("j/hosts.json", text)),
    ),
    "inventory as INI": (spoilt(INI), lambda text: Inventory.load(write("ini/hosts", text))),
    "bundle": (
        texts(MANIFEST, as_json),
        lambda text: read_manifest(write("v1.35.4-amd64/bundle.json", text).parent),
    ),
    "record": (
        texts(FEW, as_record),
        lambda text: read_record(write("r/record/node-drain.jsonl", text)),
    ),
    "run document": (
        texts(DOCUMENT, as_json),
        lambda text: read_document(write("run/verdict.json", text).parent),
    ),
    "run's plan": (
        texts(RUN_PLAN, as_json),
        lambda text: read_plan(write(f"p/{PLAN_FILE}", text).parent),
    ),
    "history": (texts(DOCUMENT, as_line), lambda text: read_lines(write("runs.jsonl", text))),
    "old history": (texts(OLD_LINE, as_line), lambda text: read_lines(write("old.jsonl", text))),
}
SLOW = {"inventory as YAML", "inventory as JSON", "inventory as INI"}
"""Readers that start Ansible, a second each: a few of them in `make test` are enough."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(tmp_path / "hypothesis"))


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_or_refuses_in_a_sentence(name: str) -> None:
    strategy, read = READERS[name]
    if name in SLOW and SECONDS < 60:
        pytest.skip("starts Ansible for each input; `make test-all` reads them")
    assert fuzz(strategy, read, SECONDS / len(READERS)) >= 25


@pytest.mark.parametrize("name", READERS)
def test_what_is_mutated_is_valid(name: str) -> None:
    """Else nothing behind the first refusal would ever be read."""
    forms: dict[str, tuple[Any, Callable[[Any], str]]] = {
        "settings": (SETTINGS, as_yaml),
        "own application": (APP, as_yaml),
        "plan": (PLAN, as_yaml),
        "bundle": (MANIFEST, as_json),
        "record": (RECORD, as_record),
        "run document": (DOCUMENT, as_json),
        "run's plan": (RUN_PLAN, as_json),
        "history": (DOCUMENT, as_line),
        "old history": (OLD_LINE, as_line),
        "inventory as YAML": (INVENTORY, as_yaml),
        "inventory as JSON": (INVENTORY, as_json),
        "inventory as INI": (INI, str),
        "inventory": ((SHARED, HOST), lambda data: data),
    }
    data, form = forms[name]
    READERS[name][1](form(data))


def values() -> st.SearchStrategy[str]:
    texts_of = [str(value) for value in ODD if "\x00" not in str(value)]
    folders = ["/dev/null", "/proc/1/x", "relative", "/root/\udc80", "://", "http://[", "a b", "0"]
    return st.sampled_from([*texts_of, *folders])


def test_an_environment_variable_is_taken_or_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("hosts.yml", as_yaml(INVENTORY))

    def read(drawn: tuple[str, str, list[str]]) -> None:
        name, value, command = drawn
        with mock.patch.dict(os.environ, {name: value.encode(errors="replace").decode()}):
            status = run(command)
        captured = capsys.readouterr()
        assert status in {0, 1, 2, 4}
        if status:
            answer = captured.out + captured.err
            assert len(answer) <= LONGEST
            assert [words for words in NEVER if words in answer] == [], answer[:2000]

    drawn = st.tuples(st.sampled_from(VARIABLES), values(), st.sampled_from(COMMANDS[:-1]))
    assert fuzz(drawn, read, SECONDS / len(READERS)) >= 25
