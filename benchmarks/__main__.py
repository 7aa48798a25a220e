"""What ``make bench`` runs, from what a laptop can do to what needs the local cluster."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = ["sampler", "verdict", "trends", "piped_modules", "install", "upgrade", "orders"]


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
