"""Inputs at the command line."""

from __future__ import annotations

from doorkit import Door, command

NUMBERS = {
    "drill game-day --minutes": ("1", "1440"),
    "app traffic --seconds": ("1", "86400"),
    "app traffic --writes": ("0.1", "1000"),
    "app traffic --reads": ("0", "1000"),
    "app load --seconds": ("1", "3600"),
    "history trends --alarm-rate": ("0", "0.5"),
}
WHOLE = {
    "drill --seed": "0",
    "history list --last": "1",
    "history trends --recent": "2",
    "history trends --before": "2",
    "history trends --window": "2",
    "history prune --keep-records": "0",
    "diagnostics --minutes": "1",
}
NO_NUMBERS = ("nan", "inf", "-inf", "1e400", "soon", "true", "-5", "1e18", "9" * 5000, "0x10", "''")

DOORS: list[Door] = [
    *(
        command(
            f"{line} {value[:9]}", f"{line} {value}", f"{low} to {high}, found", line.split()[-1]
        )
        for line, (low, high) in NUMBERS.items()
        for value in NO_NUMBERS
    ),
    *(
        command(f"{line} {value[:9]}", f"{line} {value}", f"a whole number from {low} to")
        for line, low in WHOLE.items()
        for value in (*NO_NUMBERS, "1.5", str(2**63))
    ),
    *(
        command(f"app load --rates {rates[:12]}", f"app load --rates {rates}", "growing numbers")
        for rates in ("nan", "1,nan,5", "1,inf", "5,1", "0", "1e9", ",", "x", "9" * 5000)
    ),
    *(
        command(f"app load --objective {text}", f"app load --objective {text}", "PERCENT:MILLI")
        for text in ("nan:1:1", "101:1:1", "99:inf:1", "99:1:nan", "99", "a:b:c")
    ),
    *(
        command(f"an empty path: {line}", f"{line} ''", "expected a path, found an empty one")
        for line in (
            "init",
            "nightly",
            "history export",
            "history import",
            "drill --inventory",
            "drill --config",
            "site --to",
            "diagnostics --also",
            "backup --to",
            "backup verify",
            "backup verify none.jsonl --identity",
        )
    ),
    command("a run without a name", "report ''", "no run ''", "expected a folder with"),
    command("a mistyped command", "dril", "no such command: dril; did you mean drill"),
    command("another mistyped command", "lst", "did you mean list"),
    command("a mistyped command of a group", "history trend", "did you mean trends"),
    command("a command like none", "xyzzy", "known: app, backup"),
    command("a command without end", "x" * 5000, "no such command"),
    command("a mistyped drill", "drill node-drian", "Did you mean node-drain or "),
    command("two mistyped drills", "drill node-drian failover-vipp", "failover-vip or "),
    command("a drill like none", "drill zzzz", "kubedrill list names them all"),
    command("a drill without end", f"drill {'x' * 5000}", "kubedrill list names them all"),
    command("a mistyped option", "drill --inventry x", "--inventory"),
    command("a backup of no cluster", "backup -i none", "give an Ansible inventory"),
    command("a recipient that is none", "backup --recipient age1x", "'age1x' is no public key"),
    command("a backup in a file", "backup --to none.jsonl", "is a file"),
    command("a backup below a file", "backup --to none.jsonl/x", "is no directory"),
    command(
        "two mistakes of a backup",
        "backup --recipient AGE-SECRET-KEY-1X --to none.jsonl/x",
        "2 mistakes",
        "holds a private key",
    ),
    command("a backup that there is not", "backup verify nope --identity none.jsonl", "nope"),
    command("a backup without a key", "backup verify none.jsonl", "--identity"),
    command("a backup's command that is none", "backup prove", "no such command: prove"),
    command("a shell that is none", "completion tcsh", "bash"),
    command("an output that is none", "list -o yaml", "json"),
    command("no version to go to", "readiness", "--upgrade-to"),
    command("a version that is a word", "readiness --upgrade-to latest", "latest"),
    command("a bundle of a word", "bundle build --kubernetes latest", "the supported releases are"),
    command("a bundle of another release", "bundle build --kubernetes 1.2.3", "1.35.4", "1.36.3"),
    command("a bundle without end", f"bundle build --kubernetes {'9' * 5000}", "Use one of them"),
    command("two kinds of bundle", "bundle build --orders --kubernetes 1.36.3", "leave out"),
    command("a game day's length beside another drill", "drill node-drain --minutes 5", "game-day"),
    command("a run that there is not", "report nope", "no run 'nope'", "kubedrill drill"),
    command("a cycle that there is not", "notify nope", "nope"),
    command("settings that there are not", "site --config none.yml", "No such file"),
    command("settings that are a folder", "site --config .", "Is a directory"),
    command("an inventory that there is not", "heal -i none", "give an Ansible inventory"),
    command("a database of another kind", "history --database mysql://h/d list", "sqlite:///FILE"),
    command("a database that is no URL", "history --database nonsense list", "sqlite:///FILE"),
    command("a database of no file", "history --database sqlite:// list", "without a file"),
    command("no history yet", "history list", "there is no history yet"),
    command("no history yet, for the site", "site", "there is no history yet"),
    command("a window that is too small", "history trends --before 70", "--window 60"),
    command("no name", "init", "DIR"),
    command("the list", "list", "Standard drills", "Services", "node-drain", status=0),
    command("the long list", "list --all", "Drains", "* node-drain", status=0),
    command("the list of a drill", "list clock-skew", "proves", "needs", "step 1", status=0),
    command("the list of a mistyped drill", "list clock-scew", "Did you mean clock-skew"),
]
