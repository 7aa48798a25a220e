"""Every error that kubedrill raises on purpose, with the exit code of the CLI.

::

    KubedrillError          1   base; its text is for the user
    ├── UsageError          2   unknown drill, host or option, or a wrong configuration or inventory
    │   └── ConfigErrors        several mistakes of one file, listed together
    ├── Unsafe              4   going on could harm the cluster: ABORTED
    ├── WouldTouch          1   a dry run came to a change of the cluster, which was not made
    ├── StepFailed          1   a playbook, a node or Kubernetes refused a step
    │   └── Unreachable     4   a node or the API could not be asked: nothing is known
    ├── DeadlineExceeded    1   a wait named in the configuration ran out
    └── BundleError             kubedrill.bundle.errors

Each message has what was found, what was expected and what to do. What each command's status means
is in kubedrill.cli.exit_codes: a command that judges never ends with 1, its FAIL, for an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


MAX_MISTAKES = 50
"""Mistakes shown of one file: nobody reads more at once."""


class KubedrillError(Exception):
    """Base of all errors that are shown to the user without a stack trace."""

    exit_code: ClassVar[int] = 1
    command = ""
    """What was called, such as "history trends"; the command line sets it."""


class UsageError(KubedrillError):
    """The user asked for something that cannot be: nothing was touched."""

    exit_code = 2


class NoHistory(UsageError):
    """There is no history of verdicts yet."""


class ConfigErrors(UsageError):
    """Several mistakes found in one place, shown together.

    >>> print(ConfigErrors("inventories/local", ["cp9: no such host", "cp1: no address"]))
    inventories/local has 2 mistakes:
      - cp9: no such host
      - cp1: no address
    """

    def __init__(self, where: str, mistakes: Iterable[str]) -> None:
        self.where = where
        self.mistakes = list(mistakes)
        count = f"{len(self.mistakes)} mistake{'' if len(self.mistakes) == 1 else 's'}"
        more = len(self.mistakes) - MAX_MISTAKES
        lines = [*self.mistakes[:MAX_MISTAKES], *([f"and {more} more"] if more > 0 else [])]
        super().__init__("\n".join([f"{where} has {count}:", *(f"  - {line}" for line in lines)]))


class Unsafe(KubedrillError):
    """Going on could harm the cluster or prove nothing; the verdict is ABORTED."""

    exit_code = 4


class WouldTouch(KubedrillError):
    """A dry run or readiness came to something that changes the cluster; it was not done."""


class StepFailed(KubedrillError):
    """A playbook, a node or Kubernetes refused a step."""


class Unreachable(StepFailed):
    """A node or the API could not be asked, so nothing is known of it."""

    exit_code = 4


class DeadlineExceeded(KubedrillError):
    """A wait ran out.

    >>> str(DeadlineExceeded("node w1 to be Ready", 180.0, "node_ready", "last seen: NotReady"))
    'waited 180 s (timeouts.node_ready) for node w1 to be Ready; last seen: NotReady'
    """

    def __init__(self, what: str, seconds: float, setting: str, last_seen: str = "") -> None:
        self.what, self.seconds, self.setting, self.last_seen = what, seconds, setting, last_seen
        tail = f"; {last_seen}" if last_seen else ""
        super().__init__(f"waited {seconds:g} s (timeouts.{setting}) for {what}{tail}")
