"""What ``make bench`` runs: ticks of the sampler, what trends find, installer and upgrade, each against its floor."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = ["sampler", "trends", "install", "upgrade"]


def main() -> int:
    """Run all benchmarks in order; the first that cannot be run ends it."""
    for name in BENCHMARKS:
        print(f"==> {name}", flush=True)
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
