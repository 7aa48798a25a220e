"""What runs on nodes needs no newer Python than Debian 11 has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_modules_need_python_3_9_at_most() -> None:
    argv = ["-t=3.9-", "--no-tips", "--violations", "plugins/modules", "plugins/module_utils"]
    result = subprocess.run(
        [Path(sys.executable).with_name("vermin"), *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
