"""Flags of the control plane's components, and durations as they are written there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubedrill.base.errors import KubedrillError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedrill.cluster.api import ClusterApi

_UNITS = {
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 0.001,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
    "d": 86400.0,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")


def seconds(text: str | float) -> float:
    """Read a duration as Go, haproxy and keepalived write them; a bare number is in seconds.

    >>> seconds("5m0s"), seconds("500ms"), seconds("0.3"), seconds(40)
    (300.0, 0.5, 0.3, 40.0)
    """
    if isinstance(text, int | float) or re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise KubedrillError(f"{text!r} is not a duration; expected one such as 40s, 500ms or 5m0s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def parse_flags(command: Iterable[str]) -> dict[str, str]:
    """The ``--name=value`` words of a static pod's command.

    >>> parse_flags(["etcd", "--election-timeout=1000", "--experimental"])
    {'election-timeout': '1000', 'experimental': 'true'}
    """
    words = [word.removeprefix("--") for word in command if word.startswith("--")]
    return {
        name: value if mark else "true"
        for name, mark, value in (word.partition("=") for word in words)
    }


def read_flags(api: ClusterApi, component: str) -> dict[str, str]:
    """Read the flags of a component's static pod.

    Raises:
        KubedrillError: there is no such pod.
    """
    pods = api.pods("kube-system", f"component={component}")
    if not pods:
        raise KubedrillError(
            f"kube-system has no pod with the label component={component}; is this a kubeadm "
            f"cluster?"
        )
    container = pods[0].spec.containers[0]
    return parse_flags([*(container.command or []), *(container.args or [])])
