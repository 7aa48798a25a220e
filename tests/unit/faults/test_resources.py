import subprocess
from pathlib import Path
from typing import Any

import pytest
from fault_nodes import Nodes, context, order, refused

from kubedrill.base.errors import UsageError
from kubedrill.faults import DiskFull, Load
from kubedrill.faults.resources import _EAT, fill, load

FAKES = {
    "df": "#!/bin/sh\nprintf 'Avail 1B-blocks\\n%s %s\\n' 5000 100000\n",
    "full/df": "#!/bin/sh\nprintf 'Avail 1B-blocks\\n%s %s\\n' 900 100000\n",
}


def run(line: str, fake: Path) -> int:
    return subprocess.run(
        ["sh", "-c", line], env={"PATH": f"{fake}:/usr/bin:/bin"}, check=False
    ).returncode


def test_a_disk_is_filled_but_for_its_last_percent_and_emptied_again(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    for name, text in FAKES.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = fill("etcd", str(disk))
    assert run(script.inject, tmp_path) == 0
    assert [(file.name, file.stat().st_size) for file in disk.iterdir()] == [
        ("kubedrill-fault.fill", 4000)
    ]
    assert run(script.undo, tmp_path) == 0
    assert run(script.undo, tmp_path) == 0
    assert list(disk.iterdir()) == []
    assert run(script.inject, tmp_path / "full") != 0  # less than a percent is left already
    assert list(disk.iterdir()) == []


def test_loads_end_by_themselves_and_by_their_undo() -> None:
    for what in ("memory", "cpu"):
        script = load(what, 540)
        assert f"--unit=kubedrill-fault-{what} --property=RuntimeMaxSec=540" in script.inject
        assert f"systemctl stop kubedrill-fault-{what}.service" in script.undo
    compile(_EAT.format(keep=64), "eat", "exec")
    assert "'" not in _EAT  # it stands between single quotes


@pytest.mark.parametrize("fault", [DiskFull("w1", "root"), Load("w1", "memory"), Load("w1", "cpu")])
def test_the_undo_is_armed_before_the_load(make_inventory: Any, fault: Any) -> None:
    nodes = Nodes()
    fault.inject(context(nodes, make_inventory()))
    armed, made = nodes.lines("w1")[1:]
    assert "--unit=kubedrill-undo-w1-" in armed
    assert "fallocate" in made or "kubedrill-fault-" in made
    nodes.commands.clear()
    fault.heal(context(nodes, make_inventory()))
    assert order(nodes.lines("w1"), "/bin/sh -c", ".timer")


def test_a_container_has_no_resources_of_its_own(make_inventory: Any) -> None:
    def why(fault: Any, **more: Any) -> str | None:
        return fault.available(
            context(Nodes({"systemd-detect-virt": refused("")}, **more), make_inventory())
        )  # type: ignore[no-any-return]

    assert (
        why(Load("w1", "cpu"))
        == "w1: it is a container: its cpu is its host's, of every node there and of the harness"
    )
    assert "which all nodes there share" in str(why(DiskFull("w1", "etcd")))
    free = context(Nodes(), make_inventory())
    assert [
        fault.available(free) for fault in (Load("w1", "memory"), DiskFull("w1", "containerd"))
    ] == [None, None]
    assert "below quorum" in str(why(DiskFull("cp1", "etcd"), down=("cp2",)))
    assert "below quorum" in str(why(Load("cp1", "memory"), down=("cp2",)))


def test_unknown_resources_are_refused() -> None:
    with pytest.raises(UsageError, match="no disk 'var'; expected one of: etcd, containerd, root"):
        DiskFull("w1", "var")
    with pytest.raises(UsageError, match="no load 'gpu'; expected one of: memory, cpu"):
        Load("w1", "gpu")
