"""``python -m harness.cli``: the same as the command ``kubedrill``, for a process that starts another of its kind."""

from __future__ import annotations

from harness.cli.main import main

if __name__ == "__main__":
    main()
