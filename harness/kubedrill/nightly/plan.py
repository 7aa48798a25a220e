"""The plan of a nightly cycle.

Which clusters, which version steps, which drills, and how long each part may take.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from kubedrill.base.durations import read_duration
from kubedrill.base.section import Section, matching
from kubedrill.drills import ALL, similar

if TYPE_CHECKING:
    from kubedrill.nightly.state import Cell

_TOPOLOGY = re.compile(r"([1-9])\+([1-9])(\+lb)?")
VERSION = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})")
_ARROW = re.compile(r"\s*(?:→|->)\s*")
_WHOLE_DAY = 86_400
_NODE_BITS = 24
"""Each cluster's nodes get a network of 256 addresses, as the local inventory's do."""


def steps(text: Any) -> Any:
    """Read a path of versions.

    >>> steps("1.35.4 → 1.36.3"), steps(["v1.36.3"])
    (('1.35.4', '1.36.3'), ('1.36.3',))
    """
    if not isinstance(text, str | list):
        raise ValueError('expected versions such as "1.35.4 → 1.36.3"; put a single one in quotes')  # noqa: TRY004
    return tuple(
        str(part).strip().removeprefix("v")
        for part in (_ARROW.split(text) if isinstance(text, str) else text)
    )


def _path(versions: tuple[str, ...]) -> tuple[str, ...]:
    odd = [version[:40] or "nothing" for version in versions if not VERSION.fullmatch(version)]
    if odd:
        raise ValueError(f"{', '.join(odd)}: expected full versions such as 1.36.3, joined by →")
    numbers = [tuple(map(int, version.split("."))) for version in versions]
    for old, new in pairwise(numbers):
        step = f"{'.'.join(map(str, old))} → {'.'.join(map(str, new))}"
        if new <= old:
            raise ValueError(
                f"{step} is no upgrade; each version must be newer than the one before"
            )
        if new[0] != old[0] or new[1] - old[1] > 1:
            raise ValueError(
                f"{step} skips a minor version, which Kubernetes does not allow; put one between "
                f"them"
            )
    return versions


def _drill(name: str) -> str:
    if name not in ALL:
        like = similar(name)
        raise ValueError(
            f"no such drill{f'; did you mean {like}?' if like else ''} (kubedrill list names them "
            f"all)"
        )
    return name


def _upgrade(name: str) -> str:
    if not ALL[_drill(name)].upgrades:
        known = ", ".join(drill.name for drill in ALL.values() if drill.upgrades)
        raise ValueError(f"this drill upgrades nothing; expected one of: {known}")
    return name


def _no_upgrade(name: str) -> str:
    if ALL[_drill(name)].upgrades:
        raise ValueError("this drill upgrades the cluster; name it under drills.during")
    return name


def _topology(name: str) -> str:
    if not _TOPOLOGY.fullmatch(name):
        raise ValueError(
            "expected control planes + workers, 1 to 9 each, such as 3+2, or 3+2+lb with a load "
            "balancer"
        )
    if int(name[0]) % 2 == 0:
        raise ValueError(
            f"{name[0]} control planes keep no majority that {int(name[0]) - 1} do not; use an "
            f"odd "
            f"number"
        )
    return name


def _networks(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError("expected an IPv4 network such as 172.31.96.0/20") from error
    if network.prefixlen > _NODE_BITS:
        raise ValueError(
            "expected a network of /24 or larger; each cluster takes 256 addresses of it"
        )
    return text


Duration = Annotated[int, BeforeValidator(read_duration), Field(gt=0, le=7 * _WHOLE_DAY)]
UpgradePath = Annotated[
    tuple[str, ...], BeforeValidator(steps), AfterValidator(_path), Field(min_length=1)
]
Topology = Annotated[str, AfterValidator(_topology)]
Calm = Annotated[str, AfterValidator(_no_upgrade)]
Upgrade = Annotated[str, AfterValidator(_upgrade)]


class Shape(Section):
    """What is particular to one topology."""

    config: str = Field(
        default="",
        description="kubedrill.yml of its clusters, relative to the plan; empty: the plan's",
    )


class Drills(Section):
    """What is drilled. Each entry of ``during`` makes a cell of its own."""

    before: tuple[Calm, ...] = Field(default=(), description="on the fresh cluster")
    during: tuple[Upgrade, ...] = Field(
        default=("cluster-upgrade",), min_length=1, description="each its own cell"
    )
    after: tuple[Calm, ...] = Field(default=(), description="on the upgraded cluster")


class Limits(Section):
    """Seconds that each part of a cell may take, until it is ended."""

    up: Duration = Field(
        default=3600,
        description="nodes and installation; the first time bundles too: up to 40 min on two cores",
    )
    readiness: Duration = Field(
        default=600, description="looking for what would stop or hurt the next step"
    )
    before: Duration = Field(default=3600, description="all drills before the upgrade")
    upgrade: Duration = Field(default=3600, description="each version step with its drill")
    after: Duration = Field(default=3600, description="all drills after the upgrade")
    diagnostics: Duration = Field(
        default=600, description="collecting logs of a cell that did not pass"
    )
    down: Duration = Field(default=600, description="taking the cluster away")
    heal: Duration = Field(
        default=300, description="a part that was asked to end, to put back what it broke"
    )
    cycle: Duration = Field(default=36_000, description="no cell is begun after this time")


class Without(Section):
    """Cells that are left out: those that match all that is given."""

    topology: str = ""
    versions: UpgradePath | None = None
    during: str = ""

    @model_validator(mode="after")
    def _some_only(self) -> Without:
        if not (self.topology or self.versions or self.during):
            raise ValueError("leaves out every cell; say which topology, versions or during")
        return self

    def matches(self, cell: Cell) -> bool:
        """Whether a cell is left out."""
        pairs = zip(
            (self.topology, self.versions, self.during),
            (cell.topology, cell.versions, cell.during),
            strict=True,
        )
        return all(not excluded or excluded == actual for excluded, actual in pairs)


class Plan(Section):
    """All of a plan file."""

    name: Annotated[
        str,
        matching(
            r"[a-z0-9][a-z0-9-]{0,30}",
            "at most 31 lower-case letters, digits and dashes, such as nightly",
        ),
        Field(description="of cycles made from it"),
    ] = "nightly"
    config: str = Field(
        default="",
        description="kubedrill.yml, relative to the plan; empty: that of the working folder",
    )
    provider: Annotated[
        str, matching("docker|libvirt|virtualbox|", "docker, libvirt or virtualbox")
    ] = Field(default="", description="empty: what fits this host")
    networks: Annotated[str, AfterValidator(_networks)] = Field(
        default="172.31.96.0/20",
        description="where nodes get their addresses; one /24 for each cluster",
    )
    topologies: dict[Topology, Shape | None] = Field(
        min_length=1, description="control planes + workers [+lb]"
    )
    versions: tuple[UpgradePath, ...] = Field(
        min_length=1, description="paths, each of one version or more"
    )
    drills: Drills = Drills()
    limits: Limits = Limits()
    skip: tuple[Without, ...] = Field(default=(), description="cells to leave out")
    readiness: bool = Field(
        default=True, description="kubedrill readiness before each step; its findings are recorded"
    )
    keep_on_failure: bool = Field(
        default=False, description="leave the cluster of a cell that did not pass"
    )
    attempts: int = Field(
        default=2, ge=1, le=10, description="how often a cell is begun that a killed cycle cut off"
    )
    continue_within: Duration = Field(
        default=43_200, description="an older cut cycle is cleaned up, not continued"
    )
    min_free_gb: float = Field(
        default=5.0, ge=0, le=1_000_000, description="less free disk than this stops the cycle"
    )

    @property
    def digest(self) -> str:
        """Changes with anything that the plan says.

        A cut cycle is continued only by the same plan.
        """
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def config_of(self, topology: str) -> str:
        """The configuration of a topology's clusters, as the plan names it.

        Empty: that of the working folder.
        """
        shape = self.topologies.get(topology)
        return shape.config if shape and shape.config else self.config
