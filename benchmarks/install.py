"""How site.yml compares with the same work by hand, and a second run with the first.

``benchmarks/install.py [--pairs 3]`` makes fresh prepared nodes for each measurement, alternates
between the script ``benchmarks/by_hand/install.sh`` and ``site.yml``, and prints the ratios. It
needs the local nodes for itself and leaves them with the cluster that it installed last.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INVENTORY = ROOT / "inventories" / "local"
TOOLS = Path(sys.executable).parent
VERSION = "1.35.4"


def run(*command: str | Path) -> float:
    """Run a command, its output kept for the case that it fails, and return its seconds."""
    started = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(
            f"{command[0]} ended with "
            f"{done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
        )
    return time.monotonic() - started


def fresh_nodes() -> None:
    """New nodes with nothing on them but what the node image holds."""
    run("vagrant", "destroy", "--force")
    run("vagrant", "up", "--no-provision")


def site() -> float:
    """Seconds of one run of site.yml."""
    return run(TOOLS / "ansible-playbook", "-i", INVENTORY, "site.yml")


def capture(directory: Path) -> None:
    """Keep the files that the roles wrote: the hands use the same ones."""
    render = ROOT / "benchmarks/by_hand/render.yml"
    run(TOOLS / "ansible-playbook", "-i", INVENTORY, render, "-e", f"by_hand_dir={directory}")
    cache = os.environ.get("KUBEDRILL_CACHE") or Path.home() / ".cache/kubedrill"
    shutil.copy(Path(cache) / f"bundles/v{VERSION}-amd64/bundle.json", directory)


def by_hand(directory: Path) -> float:
    """Seconds of the script by hand."""
    listed = subprocess.run(
        [str(TOOLS / "ansible-inventory"), "-i", str(INVENTORY), "--list"],
        capture_output=True,
        check=True,
    )
    inventory = json.loads(listed.stdout)
    address = {
        name: values["ansible_host"] for name, values in inventory["_meta"]["hostvars"].items()
    }
    nodes = {
        group: [f"{n}={address[n]}" for n in inventory[group]["hosts"]]
        for group in ("control_planes", "workers")
    }
    keys = ROOT / ".vagrant/kubedrill"
    script = ROOT / "benchmarks/by_hand/install.sh"
    return run(
        script,
        directory,
        VERSION,
        "vagrant",
        keys,
        *nodes["control_planes"],
        "--",
        *nodes["workers"],
    )


def main() -> None:
    """Measure the pairs and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    pairs = parser.parse_args().pairs
    site_ratios, rerun_ratios = [], []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        fresh_nodes()
        site()
        capture(directory)
        for number in range(1, pairs + 1):
            fresh_nodes()
            hands = by_hand(directory)
            fresh_nodes()
            first, second = site(), site()
            site_ratios.append(first / hands)
            rerun_ratios.append(second / first)
            print(
                f"pair {number}: by hand {hands:.1f} s, site.yml {first:.1f} s (ratio "
                f"{first / hands:.2f}), "
                f"second run {second:.1f} s (ratio {second / first:.2f})",
                flush=True,
            )
    print(
        f"site.yml / by hand: median {statistics.median(site_ratios):.2f} of {pairs}, at most 1.3"
    )
    print(
        f"second run / first: median {statistics.median(rerun_ratios):.2f} of {pairs}, at most 0.2"
    )


if __name__ == "__main__":
    main()
