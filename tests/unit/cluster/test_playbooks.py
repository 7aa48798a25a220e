"""Real ansible-playbook runs on this machine: what the events tell, and what they must not."""

import os
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from kubedrill.base.errors import DeadlineExceeded, StepFailed, UsageError
from kubedrill.base.redact import GONE, remember_secrets
from kubedrill.base.waits import wait_for
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.playbooks import NICENESS, KillPlaybook, TaskEvent, run_playbook

HEAD = (
    "- name: Try\n  hosts: control_planes\n  connection: local\n  gather_facts: false\n  tasks:\n"
)
MIXED = (
    HEAD
    + """
    - name: Leave it
      ansible.builtin.assert: {that: true, quiet: true}
    - name: Change it
      ansible.builtin.command: echo hi
    - name: Skip it
      ansible.builtin.command: echo never
      when: false
    - name: Try and rescue
      block:
        - name: Fail for a while
          ansible.builtin.command: "false"
      rescue:
        - name: Repair
          ansible.builtin.assert: {that: true, quiet: true}
    - name: Break in secret
      ansible.builtin.shell: "echo {{ secret }} >&2; exit 3"
      no_log: true
      when: inventory_hostname == "a"
    - name: Break in the open
      ansible.builtin.fail: {msg: "disk {{ inventory_hostname }} is full"}
      when: inventory_hostname == "b"
"""
)
SLOW = (
    HEAD
    + """
    - name: Wait, and let a session of its own wait too
      ansible.builtin.shell: >-
        setsid sh -c 'sleep 600; touch {{ mark }}.late' & sleep 600; touch {{ mark }}.late
"""
)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    path = tmp_path_factory.mktemp("inventory") / "hosts.ini"
    path.write_text("[control_planes]\na\nb\n", encoding="utf-8")
    return Inventory(path, "test", (), {})


@pytest.fixture(scope="module")
def mixed(
    inventory: Inventory, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[TaskEvent], str]:
    playbook = tmp_path_factory.mktemp("play") / "mixed.yml"
    playbook.write_text(MIXED, encoding="utf-8")
    events: list[TaskEvent] = []
    with pytest.raises(StepFailed) as caught:
        run_playbook(
            inventory, playbook, {"secret": "hunter2"}, on_event=events.append, timeout_s=120
        )
    return events, str(caught.value)


def test_each_task_on_each_host_is_told(mixed: tuple[list[TaskEvent], str]) -> None:
    seen = {(event.kind, event.host, event.task) for event in mixed[0]}
    for host in ("a", "b"):
        assert ("ok", host, "Leave it") in seen
        assert ("changed", host, "Change it") in seen
        assert ("skipped", host, "Skip it") in seen
        assert ("failed", host, "Fail for a while") in seen
        assert ("ok", host, "Repair") in seen
    assert mixed[0][0].kind == "play"
    assert mixed[0][-2].kind == "stats"
    assert mixed[0][-2].data["a"]["changed"] == 1
    assert (mixed[0][-1].kind, mixed[0][-1].task, mixed[0][-1].data) == (
        *("exit", "mixed.yml"),
        {"code": 2},
    )


def test_events_are_in_order_on_this_machine_s_monotonic_clock(
    mixed: tuple[list[TaskEvent], str],
) -> None:
    times = [event.at for event in mixed[0]]
    assert times == sorted(times)
    assert times[-1] <= time.monotonic_ns()
    assert times[0] > time.monotonic_ns() - 600 * 10**9


def test_the_error_names_host_task_and_ansible_s_words(mixed: tuple[list[TaskEvent], str]) -> None:
    assert mixed[1].splitlines() == [
        "mixed.yml failed:",
        "  - a: task 'Break in secret' failed: hidden (no_log)",
        "  - b: task 'Break in the open' failed: disk b is full",
    ]


def test_no_secret_leaves_the_playbook(mixed: tuple[list[TaskEvent], str]) -> None:
    assert "hunter2" not in repr(mixed)


def slow(tmp_path: Path) -> tuple[Path, Path]:
    playbook = tmp_path / "slow.yml"
    playbook.write_text(SLOW, encoding="utf-8")
    return playbook, tmp_path / "mark"


def test_an_error_of_the_listener_stops_the_playbook(inventory: Inventory, tmp_path: Path) -> None:
    playbook, mark = slow(tmp_path)

    def listener(event: TaskEvent) -> None:
        if event.kind == "start":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_playbook(inventory, playbook, {"mark": str(mark)}, on_event=listener, timeout_s=120)
    wait_until_gone(mark)


def test_a_playbook_has_a_deadline(inventory: Inventory, tmp_path: Path) -> None:
    playbook, mark = slow(tmp_path)
    with pytest.raises(
        DeadlineExceeded, match=r"waited 2.5 s \(timeouts.playbook\) for slow.yml to end"
    ):
        run_playbook(inventory, playbook, {"mark": str(mark)}, timeout_s=2.5)
    wait_until_gone(mark)


def wait_until_gone(mark: Path) -> None:
    """Wait for all processes of a playbook to end.

    The kernel may take a moment for that after their signal.
    """
    gone = lambda: None if list(_processes_with(str(mark))) else True  # noqa: E731
    wait_for(
        "the playbook's processes to end", gone, seconds=60, setting="a test's own", poll_s=0.05
    )


def _processes_with(word: str) -> Iterator[Any]:
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in command:
                yield entry.name


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="this kernel does not group sessions"
)
def test_its_workers_sessions_take_only_what_is_left_of_the_processors(
    inventory: Inventory, tmp_path: Path
) -> None:
    playbook = tmp_path / "weight.yml"
    weight = "lookup('ansible.builtin.file', '/proc/self/autogroup')"
    playbook.write_text(
        f"{HEAD}    - ansible.builtin.assert: "
        f"{{that: \"{weight} is search('nice {NICENESS}$')\"}}\n"
    )
    run_playbook(inventory, playbook, timeout_s=120)


def test_a_playbook_that_does_not_exist(inventory: Inventory) -> None:
    with pytest.raises(UsageError, match="there is no playbook"):
        run_playbook(inventory, "playbooks/absent.yml")


def test_a_playbook_can_be_killed_at_once(inventory: Inventory, tmp_path: Path) -> None:
    playbook, mark = slow(tmp_path)
    events: list[TaskEvent] = []

    def kill(event: TaskEvent) -> None:
        events.append(event)
        if event.kind == "start":
            raise KillPlaybook

    with pytest.raises(KillPlaybook):
        run_playbook(inventory, playbook, {"mark": str(mark)}, on_event=kill, timeout_s=120)
    assert events[-1].data == {"code": -9}
    assert not list(_processes_with(str(mark)))


SAYS = (
    HEAD
    + """
    - name: Say it
      ansible.builtin.debug: {msg: "password: {{ secret }} and {{ other }}"}
    - name: Wait
      ansible.builtin.command: sleep {{ seconds }}
"""
)


@pytest.mark.parametrize("killed", [False, True])
def test_the_log_has_no_secret_while_the_playbook_runs_nor_afterwards(
    inventory: Inventory, tmp_path: Path, *, killed: bool
) -> None:
    playbook, log = tmp_path / "says.yml", tmp_path / "record" / "drill.1.ansible.log"
    playbook.write_text(SAYS, encoding="utf-8")
    log.parent.mkdir()
    remember_secrets(["planted-other"])
    before: list[bool] = []

    def take(event: TaskEvent) -> None:
        if event.kind == "start" and event.task == "Wait":
            before.append(log.exists())
            if killed:
                raise KillPlaybook("cut")

    variables = {"secret": "hunter2", "other": "planted-other", "seconds": 600 if killed else 0}
    with pytest.raises(KillPlaybook) if killed else nullcontext():
        run_playbook(inventory, playbook, variables, on_event=take, timeout_s=120, log_path=log)
    text = log.read_text(encoding="utf-8")
    assert not any(before)
    assert "TASK [Say it]" in text
    assert GONE in text
    assert "hunter2" not in text
    assert "planted-other" not in text
    assert log.stat().st_mode & 0o777 == 0o640
