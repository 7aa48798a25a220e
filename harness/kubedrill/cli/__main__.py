"""``python -m kubedrill.cli``.

The same as the command ``kubedrill``, for a process that starts another of its kind.
"""

from __future__ import annotations

from kubedrill.cli.main import main

if __name__ == "__main__":
    main()
