"""Two playbooks, or a playbook and a drill, on one cluster: one of them is refused, by name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.kubedrill.kubeadm.plugins.lookup import claim as claim_lookup
from ansible_collections.kubedrill.kubeadm.plugins.module_utils import claims, processes
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import CommandError

ROOT = Path(__file__).resolve().parents[3]


class Api:
    """Keeps one Lease, as kubectl shows it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] = {}
        self.away, self.meanwhile, self.writes = "", None, 0

    def kubectl(self, verb: str, *_: str, stdin: str = "") -> str:
        if self.away:
            raise CommandError(self.away)
        if verb == "get":
            text = json.dumps(self.lease) if self.lease else ""
            if self.meanwhile:
                self.lease, self.meanwhile = self.meanwhile, None
            return text
        if verb == "delete":
            self.lease = {}
            return ""
        if (verb == "create") == bool(self.lease):
            raise CommandError("Error from server (AlreadyExists): it is there")
        self.writes += 1
        given = json.loads(stdin)
        known = self.lease.get("metadata", {}).get("resourceVersion")
        if given["metadata"].get("resourceVersion") != known:
            raise CommandError("Error from server (Conflict): it was modified")
        given["metadata"]["resourceVersion"] = str(self.writes)
        self.lease = given
        return ""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    server = Api()
    monkeypatch.setattr(claims, "_kubectl", server.kubectl)
    return server


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(claims, "CLAIM", tmp_path / "run" / "claim.json")
    return claims.CLAIM


def someone(name: str = "eve@far (process 7, site.yml)", **changes: Any) -> dict[str, Any]:
    """A playbook of another controller."""
    return {
        "holder": name,
        processes.PLACE: f"boot of {name}",
        processes.PROCESS: "7",
        processes.STARTED: "700",
        "lineage": ["7 700", "1 1"],
        "alive": ["7 700"],
        "takeover": "",
        **changes,
    }


ME = someone("ann@near (process 9, upgrade.yml)")
AGAIN = {**ME, processes.PROCESS: "10", "lineage": ["10 1000", "1 1"], processes.STARTED: "1000"}
"""The same command on the same controller, after the first one was killed."""


def take(kind: str, me: dict[str, Any]) -> None:
    if kind == "file":
        claims.take_file(me)
    else:
        assert claims.take_lease(me)


@pytest.mark.parametrize("kind", ["file", "lease"])
def test_a_second_playbook_is_refused_and_knows_whom_it_waits_for(api: Api, kind: str) -> None:
    assert api.lease == {}
    take(kind, someone())
    with pytest.raises(claims.ClaimedError) as caught:
        take(kind, ME)
    text = str(caught.value)
    assert text.startswith("eve@far (process 7, site.yml) has been working on this cluster since 2")
    assert "nothing was changed" in text
    assert "cluster_claim_takeover='eve@far (process 7, site.yml)'" in text


@pytest.mark.parametrize("kind", ["file", "lease"])
def test_the_holder_itself_goes_on(api: Api, kind: str) -> None:
    take(kind, ME)
    take(kind, ME)
    assert api.writes <= 1, "a fresh Lease is not written again"


@pytest.mark.parametrize("kind", ["file", "lease"])
def test_a_holder_that_was_killed_is_followed_at_once_on_its_controller_only(
    api: Api, kind: str
) -> None:
    assert api.lease == {}
    take(kind, ME)
    with pytest.raises(claims.ClaimedError):
        take(kind, {**AGAIN, "alive": ["9 900", "7 700"]})
    with pytest.raises(claims.ClaimedError):
        take(kind, someone(alive=[]))
    take(kind, {**AGAIN, "alive": []})
    with pytest.raises(claims.ClaimedError):
        take(kind, {**ME, "alive": ["10 1000"]})


@pytest.mark.parametrize("kind", ["file", "lease"])
def test_another_user_s_process_that_is_hidden_may_live(api: Api, kind: str) -> None:
    assert api.lease == {}
    take(kind, ME)
    with pytest.raises(claims.ClaimedError):
        take(kind, {**AGAIN, "holder": "bob@near (process 10)", "alive": [], "hidden": True})
    take(kind, {**AGAIN, "alive": [], "hidden": True})


@pytest.mark.parametrize("kind", ["file", "lease"])
def test_another_controller_follows_when_the_dead_holder_is_named(api: Api, kind: str) -> None:
    assert api.lease == {}
    take(kind, someone())
    with pytest.raises(claims.ClaimedError):
        take(kind, {**ME, "takeover": "eve@far (process 8, site.yml)"})
    take(kind, {**ME, "takeover": "eve@far (process 7, site.yml)"})


@pytest.mark.parametrize("kind", ["file", "lease"])
@pytest.mark.parametrize(("seconds", "free"), [(-claims.GRACE - 1, True), (-1, False)])
def test_a_claim_runs_out_by_more_than_clocks_differ(
    api: Api, kind: str, monkeypatch: pytest.MonkeyPatch, seconds: int, *, free: bool
) -> None:
    assert api.lease == {}
    monkeypatch.setattr(claims, "SECONDS", seconds)
    take(kind, someone())
    if free:
        take(kind, ME)
    else:
        with pytest.raises(claims.ClaimedError):
            take(kind, ME)


def test_a_claim_is_renewed_when_half_of_its_time_is_over(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "SECONDS", 100)
    claims.take_lease(ME)
    before = api.lease["spec"]
    monkeypatch.setattr(claims, "SECONDS", 1000)
    claims.take_lease(ME, renew_only=True)
    assert api.lease["spec"]["renewTime"] > before["renewTime"]
    assert api.lease["spec"]["acquireTime"] == before["acquireTime"]


def test_a_renewal_takes_nothing_that_is_nobody_s(api: Api) -> None:
    claims.take_lease(ME, renew_only=True)
    assert api.lease == {}
    claims.take_lease(someone())
    with pytest.raises(claims.ClaimedError, match="eve@far"):
        claims.take_lease(ME, renew_only=True)


def test_the_lease_of_the_drill_that_runs_a_playbook_stays_the_drill_s(api: Api) -> None:
    drill = someone("ann@near (process 5)", **{processes.PROCESS: "5", processes.STARTED: "500"})
    drill[processes.PLACE] = ME[processes.PLACE]
    claims.take_lease({**drill, "lineage": ["5 500"]})
    child = {**ME, "lineage": ["9 900", "5 500", "1 1"], processes.STARTED: "900"}
    claims.take_lease(child)
    claims.release_lease(child)
    assert api.lease["spec"]["holderIdentity"] == "ann@near (process 5)"
    with pytest.raises(claims.ClaimedError, match="process 5"):
        claims.take_lease({**child, "lineage": ["9 900", "1 1"], "alive": ["5 500"]})


def test_of_two_that_begin_together_one_is_refused(api: Api) -> None:
    api.meanwhile = {"metadata": {"resourceVersion": "7"}, "spec": {}}
    with pytest.raises(claims.ClaimedError, match="at the same moment; nothing was changed"):
        claims.take_lease(ME)
    api.meanwhile = {"metadata": {"resourceVersion": "8"}, "spec": {}}
    with pytest.raises(claims.ClaimedError, match="at the same moment; nothing was changed"):
        claims.take_lease(ME)


def test_an_api_that_is_away_is_no_holder(api: Api) -> None:
    api.away = "The connection to the server 10.0.0.10:8443 was refused"
    assert claims.take_lease(ME) is False
    claims.release_lease(ME)


def test_only_its_holder_releases_a_claim(api: Api, file: Path) -> None:
    for me in (someone(), ME):
        claims.take_file(someone())
        claims.take_lease(someone())
        claims.release_file(me)
        claims.release_lease(me)
        assert (file.exists(), bool(api.lease)) == ((False, False) if me != ME else (True, True))


def test_a_damaged_claim_is_nobody_s(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"holder": "eve')
    claims.take_file(ME)
    assert json.loads(file.read_text())["holder"] == ME["holder"]


def test_the_lookup_knows_a_living_python_process_and_a_killed_one() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as holder:
        died = f"{holder.pid} {processes.process_started(str(holder.pid))}"
        (me,) = claim_lookup.LookupModule().run([""])
        assert died in me["alive"]
        holder.kill()
        holder.wait()
    (me,) = claim_lookup.LookupModule().run(["somebody"])
    assert died not in me["alive"]
    mine = f"{me[processes.PROCESS]} {me[processes.STARTED]}"
    assert me["lineage"][0] == mine
    assert mine in me["alive"]
    assert me["takeover"] == "somebody"


def test_a_user_without_a_name_can_claim_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("getpwuid(): uid not found: 1000620000")

    monkeypatch.setattr(processes.getpass, "getuser", fail)
    assert processes.process_identity(7, "site.yml").startswith("uid ")


def test_processes_of_others_are_hidden_where_the_first_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not processes.hides_others()
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert processes.hides_others()


def test_a_process_that_nobody_reaps_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as holder:
        number = str(holder.pid)
        while "State:\tZ" not in (status := Path(f"/proc/{number}/status").read_text()):
            assert "State:" in status
        assert processes.process_started(number) == ""


PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: "{{ out }}"
        content: "{{ lookup('kubedrill.kubeadm.claim', '') | to_json }}"
        mode: "0600"
"""


def test_a_task_names_its_playbook_s_process_and_not_its_worker_s(tmp_path: Path) -> None:
    (tmp_path / "claim-play.yml").write_text(PLAY)
    program = Path(sys.executable).with_name("ansible-playbook")
    argv = [program, tmp_path / "claim-play.yml", "-e", f"out={tmp_path / 'claim.json'}"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL) as playbook:
        assert playbook.wait(120) == 0
    claim = json.loads((tmp_path / "claim.json").read_text())
    assert claim[processes.PROCESS] == str(playbook.pid)
    assert claim["holder"].endswith(f"(process {playbook.pid}, claim-play.yml)")
    assert claim[processes.STARTED].isdecimal()


LONG_PLAY = f"""{PLAY}
    - ansible.builtin.command: sleep 60
"""


def start_playbook(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """Start a playbook that works for a minute; return its process and its claim."""
    folder.mkdir()
    (folder / "site.yml").write_text(LONG_PLAY)
    program = Path(sys.executable).with_name("ansible-playbook")
    argv = [program, folder / "site.yml", "-e", f"out={folder / 'claim.json'}"]
    playbook = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    while not (folder / "claim.json").exists():
        assert playbook.poll() is None
        with suppress(subprocess.TimeoutExpired):
            playbook.wait(0.05)
    return playbook, json.loads((folder / "claim.json").read_text())


def test_a_living_playbook_is_waited_for_and_a_killed_one_followed_at_once(
    api: Api, tmp_path: Path
) -> None:
    kinds = ("file", "lease")
    first, claim = start_playbook(tmp_path / "first")
    try:
        for kind in kinds:
            take(kind, claim)
        second, again = start_playbook(tmp_path / "second")
        os.killpg(second.pid, signal.SIGKILL)
        second.wait()
        for kind in kinds:
            with pytest.raises(claims.ClaimedError, match=rf"process {first.pid}, site.yml"):
                take(kind, again)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    third, last = start_playbook(tmp_path / "third")
    os.killpg(third.pid, signal.SIGKILL)
    third.wait()
    for kind in kinds:
        take(kind, last)
        with pytest.raises(claims.ClaimedError, match=rf"process {third.pid}, site.yml"):
            take(kind, someone())
    assert api.lease


@pytest.mark.parametrize(
    "playbook",
    [
        "site.yml",
        "upgrade.yml",
        "rollback.yml",
        "reset.yml",
        "node_remove.yml",
        "certificates_renew.yml",
        "maintain.yml",
    ],
)
def test_each_playbook_claims_the_cluster_before_it_changes_a_node(playbook: str) -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / playbook).read_text(encoding="utf-8"))
    roles = [
        (task["ansible.builtin.import_role"]["name"].rpartition(".")[2],
         task["ansible.builtin.import_role"].get("tasks_from", "main"))
        for play in plays
        for task in play.get("tasks", ())
        if "ansible.builtin.import_role" in task
    ]  # fmt: skip
    reads = {"preflight", "etcd_snapshot"}
    before = roles[: roles.index(("preflight", "claim"))]
    assert {role for role, part in before if part not in {"inventory", "plan", "confirm"}} <= reads
    assert roles[-1] == ("preflight", "release")
    hosts = [play["hosts"] for play in plays if "tasks_from: claim" in yaml.safe_dump(play)]
    assert hosts[:1] == [plays[-1]["hosts"]], "with --limit a play may have no hosts"
