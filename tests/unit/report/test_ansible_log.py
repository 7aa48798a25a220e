"""Which line of Ansible's log a task of the timeline leads to.

Tried on what ansible-playbook itself writes.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from recordkit import Kit

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Span
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.playbooks import run_playbook
from kubedrill.core.ansible_lane import AnsibleLane
from kubedrill.report import write_report
from kubedrill.report.ansible_log import AnsibleLog, links, read_logs
from kubedrill.report.timeline import timeline
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from pathlib import Path

PLAYBOOK = """
- name: Try
  hosts: control_planes
  connection: local
  gather_facts: false
  roles:
    - outer
  tasks:
    - name: Look
      ansible.builtin.assert: {that: true, quiet: true}
    - name: Several
      ansible.builtin.command: "echo {{ item }}"
      loop: [1, 2, 3]
    - name: Take more in
      ansible.builtin.include_tasks: more.yml
    - name: Leave out
      ansible.builtin.command: echo never
      when: inventory_hostname == "a"
    - name: Elsewhere
      ansible.builtin.command: "echo password={{ secret }}"
      delegate_to: localhost
      notify: Tell
    - name: Look
      ansible.builtin.debug: {msg: "token: abcdef.0123456789abcdef"}
    - name: Break
      ansible.builtin.fail: {msg: "disk {{ inventory_hostname }} is full"}
      when: inventory_hostname == "b"
  handlers:
    - name: Tell
      ansible.builtin.command: echo told
"""

ROLES = {
    "outer": "- name: Take the other in\n  ansible.builtin.include_role: {name: inner}\n",
    "inner": "- name: Act\n  ansible.builtin.command: echo inner\n",
}


@dataclass
class Noted:
    """What AnsibleLane needs of a drill."""

    spans: list[Span] = field(default_factory=list)
    ends: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def writer(self) -> Noted:
        return self

    @property
    def progress(self) -> Noted:
        return self

    def span(self, span: Span) -> None:
        self.spans.append(span)

    def step(self, *_: str) -> None:
        """Nobody watches."""

    def event(self, lane: str, *_: str, **data: Any) -> None:
        self.ends.append((lane, data))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Span]]:
    """A run's folder with the log of a real playbook, and the record's spans of it."""
    folder = tmp_path_factory.mktemp("20261121-043000")
    (folder / "hosts.ini").write_text("[control_planes]\na\nb\n")
    (folder / "play.yml").write_text(PLAYBOOK)
    (folder / "more.yml").write_text("- name: One more\n  ansible.builtin.command: echo more\n")
    for role, task in ROLES.items():
        (folder / "roles" / role / "tasks").mkdir(parents=True)
        (folder / "roles" / role / "tasks" / "main.yml").write_text(task)
    (folder / "record").mkdir()
    noted: Any = Noted()
    inventory = Inventory(folder / "hosts.ini", "test", (), {})
    log = folder / "record" / "failover-vip.1.ansible.log"
    with AnsibleLane(noted) as lane, pytest.raises(StepFailed):
        run_playbook(
            inventory,
            folder / "play.yml",
            {"secret": "x1"},
            on_event=lane.take,
            timeout_s=300,
            log_path=log,
        )
    assert noted.ends == [("process", {"code": 2})], "how it ended is in the record"
    return folder, noted.spans


def notes(folder: Path, spans: list[Span]) -> dict[tuple[str, str], list[str]]:
    """Task and host → the lines that its spans lead to."""
    logs = read_logs(folder, "failover-vip")
    result = links(logs, spans)
    lines: dict[tuple[str, str], list[str]] = {}
    for span in sorted(result, key=lambda span: span.start):
        number = int(result[span].rpartition("#L")[2])
        lines.setdefault((span.name, span.subject), []).append(logs[0].lines[number - 1])
    return lines


def test_each_task_leads_to_the_line_that_tells_how_it_ended(
    played: tuple[Path, list[Span]],
) -> None:
    lines = notes(*played)
    assert sum(map(len, lines.values())) == len(played[1]), "no task is without its line"
    assert lines["Look", "b"][0] == "ok: [b]"
    assert lines["Look", "b"][1].startswith("ok: [b] => {")
    assert lines["Several", "a"] == ["changed: [a] => (item=1)"]
    assert re.fullmatch(r"included: .*more\.yml for (a, b|b, a)", lines["Take more in", "b"][0])
    assert lines["outer: Take the other in", "b"][0] in {
        "included: inner for a, b",
        "included: inner for b, a",
    }
    assert lines["inner: Act", "b"] == ["changed: [b]"]
    assert lines["One more", "a"] == ["changed: [a]"]
    assert ("Leave out", "b") not in lines
    assert lines["Leave out", "a"] == ["changed: [a]"]
    assert lines["Elsewhere", "a"] == ["changed: [a -> localhost]"]
    assert lines["Break", "b"][0].startswith("fatal: [b]: FAILED!")
    assert lines["Tell", "a"] == ["changed: [a]"]


def test_the_pages_have_the_lines_and_no_secret(played: tuple[Path, list[Span]]) -> None:
    folder, spans = played
    kit = Kit()
    kit.spans += spans
    record = kit.record()
    page = write_report(folder, [record], [judge(record)], not_run={}).read_text()
    log = (folder / "logs" / "failover-vip.1.ansible.log.html").read_text()
    assert "abcdef.0123456789abcdef" not in log
    assert "[redacted]" in log
    addresses = re.findall(r'href="logs/([^"#]+)#(L\d+)"', page)
    assert len(addresses) == len(spans)
    assert all(f'id="{line}"' in log for _, line in addresses)
    assert 'href="../index.html#drill-1"' in log
    drawn = [
        span
        for lane in timeline(record, links(read_logs(folder, "failover-vip"), record.spans))[
            "lanes"
        ]
        if lane["lane"] == "ansible"
        for row in lane["rows"]
        for span in row["spans"]
    ]
    assert all(span[6].startswith("logs/failover-vip.1.ansible.log.html#L") for span in drawn)


def test_a_second_playbook_of_the_drill_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    for number in (2, 10, 1):
        text = (
            "TASK [upgrade : Look] ****\n" + ("" if number == 1 else "\n" * number) + "ok: [cp1]\n"
        )
        (tmp_path / "record" / f"upgrade.{number}.ansible.log").write_text(text)
    (tmp_path / "record" / "upgrade-killed.1.ansible.log").write_text(
        "TASK [upgrade : Look] ****\nok: [cp1]\n"
    )
    ends = [span("Look", at, "ok") for at in (3, 1, 2)]
    result = links(read_logs(tmp_path, "upgrade"), ends)
    assert [result[s] for s in sorted(ends, key=lambda s: s.start)] == [
        "logs/upgrade.1.ansible.log.html#L2",
        "logs/upgrade.2.ansible.log.html#L4",
        "logs/upgrade.10.ansible.log.html#L12",
    ]


def test_a_task_that_was_cut_off_leads_to_where_it_began() -> None:
    log = AnsibleLog(
        "x.1.ansible.log",
        ("TASK [upgrade : Look] ***", "ok: [cp1]", "", "TASK [upgrade : Look] ***"),
    )
    done, cut = span("Look", 1, "ok"), span("Look", 2, "unfinished")
    assert links([log], [done, cut]) == {
        done: "logs/x.1.ansible.log.html#L2",
        cut: "logs/x.1.ansible.log.html#L4",
    }


def test_what_no_log_tells_of_has_no_address() -> None:
    assert links([], [span("Look", 1, "ok")]) == {}
    log = AnsibleLog("x.1.ansible.log", ("TASK [upgrade : Other] ***", "ok: [cp1]"))
    assert links([log], [span("Look", 1, "ok"), Span("step", "cp1", "upgrade: Other", 1, 2)]) == {}


def test_hostile_lines_are_text(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    text = "TASK [</span><script>alert(1)</script>] ***\nok: [cp1]\n"
    (tmp_path / "record" / "failover-vip.1.ansible.log").write_text(text)
    kit = Kit()
    kit.spans.append(span("</span><script>alert(1)</script>", 1, "ok"))
    record = kit.record()
    page = write_report(tmp_path, [record], [judge(record)], not_run={}).read_text()
    assert "<script>alert" not in page
    assert (
        "<script>alert" not in (tmp_path / "logs" / "failover-vip.1.ansible.log.html").read_text()
    )


def test_a_long_log_is_read_in_time(tmp_path: Path) -> None:
    """An upgrade of many nodes: 20,000 results; it must not grow with their square."""
    (tmp_path / "record").mkdir()
    block = "TASK [upgrade : Look] ****\n" + "".join(f"ok: [n{n}]\n" for n in range(200)) + "\n"
    (tmp_path / "record" / "upgrade.1.ansible.log").write_text(block * 100)
    spans = [
        Span("ansible", f"n{n}", "upgrade: Look", at, at + 1, {"result": "ok"})
        for at in range(100)
        for n in range(200)
    ]
    begun = time.process_time()
    assert len(links(read_logs(tmp_path, "upgrade"), spans)) == 20_000
    assert time.process_time() - begun < 30


def span(task: str, at: int, result: str) -> Span:
    name = task if task.startswith("<") else f"upgrade: {task}"
    return Span("ansible", "cp1", name, at, at + 1, {"result": result})
