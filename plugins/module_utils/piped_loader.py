"""The beginning of a piped program: imports the modules that come with it, from memory."""

from __future__ import annotations

import os
import sys

try:
    os.getcwd()  # noqa: PTH109 - Path needs more to be imported
except OSError:
    os.chdir("/")
sys.path = [
    each
    for each in sys.path
    if each not in {"", ".", os.path.dirname(globals().get("__file__", ""))}  # noqa: PTH120
]
"""Neither the working directory nor the program's own has what it imports."""

import json  # noqa: E402
from importlib.machinery import ModuleSpec  # noqa: E402
from typing import Any, NoReturn  # noqa: E402


class Sent:
    """Imports the sources that were sent; a package has none."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return how to import one of the sources."""
        del path, target
        if name not in self.sources:
            return None
        return ModuleSpec(name, self, origin=f"<{name}>", is_package=not self.sources[name])

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: Any) -> None:
        """Run a source."""
        name = module.__name__
        exec(compile(self.sources[name], f"<{name}>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102


def run(program: bytes) -> NoReturn:
    """Run the module of a program: a dict of "main" (a name), "sources" (by name) and "task"."""
    values = json.loads(program)
    sys.meta_path.insert(0, Sent(values["sources"]))
    from ansible.module_utils import basic  # noqa: PLC0415 - one of the sources

    basic.TASK.update(values["task"])
    try:
        __import__(values["main"])
        sys.modules[values["main"]].main()
        basic.fail_unhandled(RuntimeError("New-style module did not handle its own exit."))
    except Exception as error:  # noqa: BLE001 - a failure is a result too
        basic.fail_unhandled(error)
