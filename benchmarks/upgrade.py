"""How playbooks/upgrade.yml compares with plain kubeadm and drain commands on the same cluster.

``benchmarks/upgrade.py [--pairs 3]`` installs a fresh cluster at 1.35.4 for each measurement and
alternates between ``benchmarks/upgrade_by_hand.py`` and the playbook. It needs the local nodes for
itself.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from benchmarks.install import INVENTORY, ROOT, TOOLS, fresh_nodes, run, site

TARGET = "1.36.3"


def main() -> None:
    """Measure the pairs and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    pairs = parser.parse_args().pairs
    ratios = []
    for number in range(1, pairs + 1):
        fresh_nodes()
        site()
        hands = run(sys.executable, ROOT / "benchmarks/upgrade_by_hand.py", INVENTORY, TARGET)
        fresh_nodes()
        site()
        playbook = run(
            TOOLS / "ansible-playbook",
            "-i",
            INVENTORY,
            "playbooks/upgrade.yml",
            "-e",
            f"upgrade_to={TARGET}",
        )
        ratios.append(playbook / hands)
        print(
            (
                f"pair {number}: by hand {hands:.0f} s, upgrade.yml {playbook:.0f} s (ratio "
                f"{ratios[-1]:.2f})"
            ),
            flush=True,
        )
    print(f"upgrade.yml / by hand: median {statistics.median(ratios):.2f} of {pairs}, at most 0.6")


if __name__ == "__main__":
    main()
