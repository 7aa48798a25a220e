"""The exit statuses, from the command line's one table."""

from __future__ import annotations

from markdown import table

from kubedrill.cli.exit_codes import ALWAYS, COMMANDS, OTHERS, meanings

INTRODUCTION = """# Exit codes

2 and 4 mean the same for every command. 1 and 3 are what a command found out: a command that judges
never ends with them for an error, so a cluster that could not be asked is no FAIL.

## All commands
"""

JUDGES = """## Commands that judge
"""

END = """Usage errors are an unknown drill, host or option, mistakes in the configuration, inventory
or plan, and files that are no records. They are listed all at once, and nothing is touched.

!!! note
    `make` turns every failure into its own status 2. The verdict's status is that of
    `kubedrill drill`; `kubedrill report` ends with it again.
"""


def pages() -> dict[str, str]:
    """Return the page of exit statuses."""
    everywhere = [(str(code), text) for code, text in sorted({**OTHERS, **ALWAYS}.items())]
    alike: dict[tuple[str, ...], list[str]] = {}
    for command in COMMANDS:
        texts = meanings(command)
        alike.setdefault(tuple(texts.get(code, "") for code in range(5)), []).append(f"`{command}`")
    rows = [(", ".join(commands), *texts) for texts, commands in alike.items()]
    parts = [INTRODUCTION, table(("code", "meaning"), everywhere)]
    parts += [JUDGES, table(("command", "0", "1", "2", "3", "4"), rows), END]
    return {"exit-codes.md": "\n".join(parts)}
