import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fault_nodes import Nodes, ok, refused

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.undo_timer import (
    STORE,
    UNITS,
    NodeUndo,
    forget_line,
    store_line,
    timer_argv,
    undo_argv,
    units_on,
)
from kubedrill.core.leftovers import parse
from kubedrill.faults.on_node import UNITS as UNIT_TRACE

UNIT = "kubedrill-undo-cp1-etcd-stop"
BOOT = "kubedrill-boot-cp1-etcd-stop.service"


def test_systemd_hands_the_shell_s_own_variables_on() -> None:
    """Systemd 257: ``${found# }`` "evaluates to an empty string"; what it guarded was not done."""
    argv = timer_argv(
        "kubedrill-undo-cp1-etcd-gone", 540, 'found="$(pids)"; [ -n "${found# }" ] || exit 1'
    )
    assert argv[-1] == 'found="$$(pids)"; [ -n "$${found# }" ] || exit 1'
    assert "--on-active=540s" in argv


class Machine:
    """A node's folders in a temporary one; systemctl and systemd-run only note their arguments."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls = root, root / "calls"
        (root / "bin").mkdir()
        (root / "etc/systemd/system").mkdir(parents=True)
        for name in ("systemctl", "systemd-run"):
            program = root / "bin" / name
            program.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >> {self.calls}\n')
            program.chmod(0o755)

    def sh(self, line: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        line = line.replace(str(self.root), "")
        line = line.replace(STORE, f"{self.root}{STORE}").replace(UNITS, f"{self.root}{UNITS}")
        path = f"{self.root}/bin:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-c", line],
            input=stdin.replace(STORE, f"{self.root}{STORE}"),
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> list[str]:
        """What stands under /var and /etc."""
        paths = [*self.root.glob("var/**/*"), *self.root.glob("etc/**/*")]
        return sorted(path.name for path in paths if not path.is_dir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def store(machine: Machine, undo: str = "true") -> list[str]:
    argv = undo_argv(UNIT, 540, undo)
    done = machine.sh(store_line(UNIT), stdin=shlex.join(argv) + "\n")
    assert done.returncode == 0, done.stderr
    return argv


def test_what_is_stored_arms_the_same_undo_at_the_next_boot(machine: Machine) -> None:
    argv = store(machine)
    assert machine.files() == [BOOT, BOOT, f"{UNIT}.timer"]
    wants = Path(f"{machine.root}{UNITS}/multi-user.target.wants/{BOOT}")
    assert wants.resolve() == Path(f"{machine.root}{UNITS}/{BOOT}")
    start = next(
        line.removeprefix("ExecStart=")
        for line in wants.read_text().splitlines()
        if line.startswith("ExecStart=")
    )
    assert machine.sh(start).returncode == 0  # the boot
    armed = " ".join(argv).replace(STORE, f"{machine.root}{STORE}")
    assert " ".join(machine.calls.read_text().split()) in " ".join(armed.split())
    assert f"systemd-run --quiet --collect --unit={UNIT} --on-active=540s" in armed


def test_systemd_takes_the_unit_that_is_read_at_a_boot(machine: Machine) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    store(machine)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"{machine.root}{UNITS}/{BOOT}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert BOOT not in done.stderr, done.stderr


def test_an_undo_is_repeated_until_it_succeeds_and_then_disarms_itself(machine: Machine) -> None:
    flag = Path(f"{machine.root}{UNITS}/flag")
    argv = store(machine, f"[ -e {UNITS}/flag ] || exit 3; rm {UNITS}/flag; echo undone; exit 0")
    assert "--on-unit-inactive=30s" in argv
    line = argv[-1].replace("$$", "$")
    assert machine.sh(line).returncode == 3
    assert f"{UNIT}.timer" in machine.files()
    flag.touch()
    works = machine.sh(line)
    assert (works.returncode, works.stdout, machine.files()) == (0, "undone\n", [])
    assert not machine.calls.exists()  # who waits for the service may still see its end
    again = machine.sh(line)
    assert (again.returncode, again.stdout) == (0, "")
    assert machine.calls.read_text() == f"systemctl stop {UNIT}.timer\n"


def test_disarming_leaves_nothing_and_may_be_repeated(machine: Machine) -> None:
    store(machine)
    for _ in range(2):
        assert machine.sh(forget_line(UNIT)).returncode == 0
        assert machine.files() == []
    assert not Path(f"{machine.root}{STORE}").exists()


def test_an_undo_that_is_only_stored_is_detected_and_armed_before_it_is_run(
    machine: Machine,
) -> None:
    store(machine)
    out = """out() { printf '%s\\t%s\\n' "$1" "$2"; }"""
    done = machine.sh(f"root=; {out}\n{UNIT_TRACE.detect(None)}")  # type: ignore[arg-type]
    (item,) = parse("cp1", f"--unit--\n{done.stdout}")
    assert str(item) == f"cp1: unit {UNIT}.timer of a fault is still there (stored)"
    machine.calls.unlink()
    fails = "systemctl() { [ $1 != cat ] && command systemctl $*; }"
    assert machine.sh(f"{fails}; {UNIT_TRACE.repair(item.what)}").returncode == 0
    calls = machine.calls.read_text()
    assert calls.index("systemd-run --quiet") < calls.index(f"start --wait {UNIT}.service")
    assert calls.index("start --wait") < calls.rindex(f"systemctl stop {UNIT}.timer")
    assert machine.files() == []


def test_a_node_with_a_stored_undo_is_occupied() -> None:
    nodes: Any = Nodes({"list-units": ok(f"{UNIT}.timer\n")})
    assert units_on(nodes, "cp1") == [f"{UNIT}.timer"]
    assert STORE in nodes.lines("cp1")[0]


def test_an_undo_that_could_not_be_armed_is_not_left_in_the_store() -> None:
    nodes: Any = Nodes({"systemd-run": refused("no bus")})
    with pytest.raises(StepFailed, match="no bus"):
        NodeUndo(nodes, "cp1", "etcd-stop", "true").arm(540)
    assert nodes.lines("cp1")[-1] == forget_line(UNIT)
