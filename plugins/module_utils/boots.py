"""Which boot a machine is in."""

from __future__ import annotations

import os
from pathlib import Path


def boot(proc: Path = Path("/proc")) -> tuple[str, float]:
    """What identifies this boot, and seconds since it.

    The start of the first process counts too: a container has the boot id of its host.
    """
    identity = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    after_name = (proc / "1/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = int(after_name[19])
    uptime = float((proc / "uptime").read_text(encoding="ascii").split()[0])
    age = max(0.0, uptime - ticks / os.sysconf("SC_CLK_TCK"))
    return f"{identity.partition('-')[0]}-{ticks}", age
