"""Writes the saved records of this folder.

They stay as they are unless the format changes: run it only then.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from recordkit import write  # noqa: E402
from scenarios import bad, good, inconclusive  # noqa: E402


def main() -> None:
    """Write good, bad and inconclusive, and one that was cut in the middle of a line."""
    for name, make in (("good", good), ("bad", bad), ("inconclusive", inconclusive)):
        path = HERE / f"{name}.jsonl"
        path.unlink(missing_ok=True)
        write(make(), path)
    whole = (HERE / "good.jsonl").read_bytes()
    (HERE / "cut-short.jsonl").write_bytes(whole[: len(whole) * 6 // 10])


if __name__ == "__main__":
    main()
