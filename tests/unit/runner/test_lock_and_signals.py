import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubedrill.base.errors import Unsafe
from kubedrill.cluster.inventory import Inventory
from kubedrill.runner.lock import run_lock
from kubedrill.runner.signals import stop_on_signals

HOLDER = """\
from pathlib import Path
from kubedrill.cluster.inventory import Inventory
from kubedrill.runner.lock import run_lock
with run_lock(Inventory(Path("/inv"), "test", (), {})):
    print("held", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def inventory(name: str = "test") -> Inventory:
    return Inventory(Path("/inv"), name, (), {})


def test_a_second_run_on_the_same_cluster_is_refused_and_a_killed_one_frees_it() -> None:
    pipe = subprocess.PIPE
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=pipe, stdout=pipe, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Unsafe, match=f"process {holder.pid}") as error, run_lock(inventory()):
        pass
    assert error.value.exit_code == 4
    with run_lock(inventory("another")):
        pass
    holder.kill()
    holder.wait()
    with run_lock(inventory()):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_once_and_healing_is_left_alone(number: Any) -> None:
    before = signal.getsignal(number)
    healed = []
    with stop_on_signals() as stop:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with stop.shield():
            os.kill(os.getpid(), number)  # an impatient second Ctrl-C
            healed.append(True)
        healed.append(stop.asked)
    assert healed == [True, True]
    assert signal.getsignal(number) is before


def test_a_signal_during_healing_is_raised_after_it() -> None:
    healed = []
    with stop_on_signals() as stop, pytest.raises(KeyboardInterrupt), stop.shield():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        healed.append(True)
    assert healed == [True]
