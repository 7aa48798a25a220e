"""How much processor time a module of this collection takes, piped and as Ansible sends it.

``benchmarks/piped_modules.py [--pairs 8]`` runs a playbook of 24 tasks on this machine (connection
``local``, with pipelining) in both ways, in turn and in changing order, and prints the CPU seconds
of a task: of Ansible and of all that it starts. The tasks do next to nothing, so that what is left
is the way. An empty playbook is taken off. ``p`` is the share of all ways to swap the two of a pair
that differ as much.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
ENOUGH = 0.45
"""Of Ansible's CPU seconds that a piped task may take at most."""
ROUNDS = 8
MODULES: dict[str, dict[str, Any]] = {
    "node_files": {"files": []},
    "node_facts": {"network": "127.0.0.0/8"},
    "upgrade_gate": {"node": "x", "etcdctl": "x", "members": 1, "timeout": 0, "checks": []},
}


def write_playbook(folder: Path, name: str, rounds: int, *, piped: bool) -> Path:
    """Write a playbook that runs each module some times."""
    tasks = [{f"kubedrill.kubeadm.{module}": MODULES[module]} for module in MODULES] * rounds
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "cluster_piped_modules": piped,
            "ansible_python_interpreter": "/usr/bin/python3",
        },
        "tasks": tasks,
    }
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump([play]), encoding="utf-8")
    return path


def run(playbook: Path) -> tuple[float, float]:
    """CPU and wall seconds of a playbook."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, "ANSIBLE_PIPELINING": "true"}
    done = subprocess.run(
        [PLAYBOOK, "-i", "localhost,", playbook],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{playbook.name} failed:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - began


def p_value(differences: Sequence[float]) -> float:
    """Share of all swaps within pairs whose sum is as far from 0, in either direction.

    >>> p_value([1.0, 2.0, 3.0])
    0.25
    """
    actual = abs(sum(differences))
    signs = list(itertools.product((1, -1), repeat=len(differences)))
    sums = [abs(sum(s * d for s, d in zip(sign, differences, strict=True))) for sign in signs]
    return sum(each >= actual - 1e-12 for each in sums) / len(sums)


def main() -> None:
    """Measure the pairs and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=8)
    pairs = parser.parse_args().pairs
    number = ROUNDS * len(MODULES)
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="kubedrill-bench-") as name:
        folder = Path(name)
        empty = write_playbook(folder, "empty", 0, piped=True)
        books = {
            "piped": write_playbook(folder, "piped", ROUNDS, piped=True),
            "ansible": write_playbook(folder, "ansible", ROUNDS, piped=False),
        }
        run(empty)  # compiles Ansible's own modules, once
        nothing = statistics.median(run(empty)[0] for _ in range(3))
        print(f"an empty playbook: {nothing:.2f} CPU-s")
        for index in range(pairs):
            row = {}
            for way in ("ansible", "piped") if index % 2 else ("piped", "ansible"):
                cpu, wall = run(books[way])
                row[way], row[f"{way} wall"] = (cpu - nothing) / number, wall / number
            rows.append(row)
            print(
                f"pair {index + 1}: ansible {row['ansible']:.3f}, piped {row['piped']:.3f} CPU-s a "
                f"task ({row['piped'] / row['ansible']:.2f}); wall {row['ansible wall']:.2f}, "
                f"{row['piped wall']:.2f} s",
                flush=True,
            )
    ratio = statistics.median(row["piped"] / row["ansible"] for row in rows)
    p = p_value([row["piped"] - row["ansible"] for row in rows])
    print(f"piped / ansible: median {ratio:.2f} of {pairs}, p = {p:.4f}, at most {ENOUGH:g}")
    sys.exit(ratio > ENOUGH)


if __name__ == "__main__":
    main()
