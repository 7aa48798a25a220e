"""The section ``app:`` of the configuration.

An application of the user's own, which drills run against.

Each rule stands with the field that it is about, so that all mistakes of the section are told at
once.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from kubedrill.base.section import NonEmptyPath, Section, matching, wrong
from kubedrill.config.limits import MOST_FAILED, MOST_S

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""A file of such a name makes a kustomize directory (kustomize:
RecognizedKustomizationFileNames)."""

KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet"}
"""Workloads whose pods a drain moves and a controller replaces elsewhere; a DaemonSet's are
neither."""

_Name = Annotated[
    str,
    matching(
        r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
        "a name of at most 63 lower-case letters, digits and dashes, such as shop-web",
    ),
]
"""A DNS label (RFC 1123), which names of namespaces and Services are."""

_WORKLOAD = re.compile(rf"({'|'.join(KINDS)})/[a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?")


def _located(path: Path, info: ValidationInfo) -> Path:
    """A path of the configuration is relative to the configuration's own folder."""
    folder: Path = (info.context or {}).get("folder", Path())
    try:
        located = (folder / path.expanduser()).absolute()
        there = located.exists()
    except (OSError, RuntimeError):  # too long, or ~ of a user that there is not
        located, there = path, False
    if not there:
        raise wrong(
            f"there is no {str(located)[:200]}; give a path relative to the configuration file"
        )
    return located


_Path = Annotated[NonEmptyPath, AfterValidator(_located)]


class Helm(Section):
    """A chart on this host, rendered by ``helm template``."""

    chart: _Path = Field(description="folder with Chart.yaml, or a packaged chart (.tgz)")
    release: _Name = Field(default="app", description="name of the release")
    values: tuple[_Path, ...] = Field(default=(), description="values files, the last one wins")

    @field_validator("chart")
    @classmethod
    def _is_a_chart(cls, chart: Path) -> Path:
        if chart.is_dir() and not (chart / "Chart.yaml").is_file():
            raise wrong(f"{chart} is no chart: it has no Chart.yaml")
        return chart


def _require_address(url: str) -> None:
    """Probes look no name up outside, so that a name server's failure is not the application's."""
    try:
        parts = urlsplit(url)
        ipaddress.ip_address(parts.hostname or "")
        right = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise wrong(
            f"expected http(s)://ADDRESS[:PORT]/PATH with an IP address, found {url!r}; its "
            "name goes to host"
        )


class _Face(Section):
    """How the application is asked."""

    path: Annotated[str, matching(r"/[!-~]*", "a path such as /healthz")] = Field(
        default="/", description="what is asked for; a healthy answer is 2xx"
    )
    scheme: Literal["http", "https"] = Field(default="http", description="http or https")
    host: Annotated[str, matching(r"[-.:a-zA-Z0-9]*", "a host name, such as shop.example.org")] = (
        Field(default="", description="Host header and TLS name; empty: address")
    )
    verify: bool = Field(
        default=True, description="https: whether a certificate that is not trusted is a failure"
    )


class Outside(_Face):
    """The way in from outside the cluster."""

    node_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="node port of a Service, asked at the cluster's virtual address",
    )
    url: str = Field(
        default="", validate_default=True, description="instead of node_port, path and scheme"
    )

    @field_validator("url")
    @classmethod
    def _one_way(cls, url: str, info: ValidationInfo) -> str:
        if "node_port" in info.data and bool(url) == (info.data["node_port"] is not None):
            raise wrong("give either node_port or url")
        if url:
            _require_address(url)
            if info.data.get("path", "/") != "/" or info.data.get("scheme", "http") != "http":
                raise wrong("a url holds its scheme and path; leave scheme and path out")
        return url


class Inside(_Face):
    """The way in from a pod: a Service with an address of its own."""

    service: _Name = Field(description="name of the Service")
    port: int = Field(ge=1, le=65535, description="port of the Service")


class Endpoints(Section):
    """Where the application is asked."""

    outside: Outside
    inside: Inside


class Objectives(Section):
    """What a drill may cost the application, where ``drills:`` does not say otherwise."""

    outage_s: float | None = Field(
        default=None, ge=0, le=MOST_S, description="seconds; longest outage of a probe"
    )
    max_failed: int | None = Field(
        default=None, ge=0, le=MOST_FAILED, description="failed requests; null: the drill's own"
    )
    replaced_s: float = Field(
        default=60, gt=0, le=MOST_S, description="seconds that pods may stay on a dead node"
    )

    @property
    def limits(self) -> dict[str, float]:
        """The limits that they stand for, by their names in ``drills:``."""
        limits = {"app_outage_s": self.outage_s, "app_max_failed": self.max_failed}
        return {name: value for name, value in limits.items() if value is not None}


class AppSettings(Section):
    """An application of the user's own.

    Where this section is missing, drills use the sample application.
    """

    namespace: _Name = Field(description="where all of it is")
    workload: str = Field(
        description="deployment/NAME or statefulset/NAME, whose pods drills look at"
    )
    endpoints: Endpoints
    objectives: Objectives = Objectives()
    kustomize: _Path | None = Field(default=None, description="kustomize directory")
    helm: Helm | None = Field(default=None, description="Helm chart")
    deployed: bool = Field(
        default=False, validate_default=True, description="its owner has deployed it, and keeps it"
    )

    @property
    def kind(self) -> str:
        """Kind of the workload, as "Deployment"."""
        return KINDS[self.workload.partition("/")[0]]

    @property
    def name(self) -> str:
        """Name of the workload, which the application is called by."""
        return self.workload.partition("/")[2]

    @property
    def source(self) -> str:
        """Where it comes from, in words: "kustomize /srv/shop"."""
        chart = f"Helm chart {self.helm.chart}" if self.helm else ""
        return f"kustomize {self.kustomize}" if self.kustomize else chart or "deployed by its owner"

    @property
    def where(self) -> str:
        """Which one it is, wherever it comes from: "deployment/shop in namespace shop"."""
        return f"{self.workload} in namespace {self.namespace}"

    @property
    def description(self) -> str:
        """In words: "deployment/shop in namespace shop (kustomize /srv/shop)"."""
        return f"{self.where} ({self.source})"

    @field_validator("namespace")
    @classmethod
    def _is_not_ours(cls, namespace: str) -> str:
        if namespace.startswith("kubedrill-"):
            raise wrong(
                "namespaces that begin with kubedrill- are kubedrill's own; choose another one"
            )
        return namespace

    @field_validator("workload")
    @classmethod
    def _is_a_workload(cls, workload: str) -> str:
        if not _WORKLOAD.fullmatch(workload):
            raise wrong(
                f"expected {' or '.join(f'{kind}/NAME' for kind in KINDS)}, found {workload!r}"
            )
        return workload

    @field_validator("kustomize")
    @classmethod
    def _is_kustomize(cls, folder: Path | None) -> Path | None:
        if folder is not None and not any((folder / name).is_file() for name in KUSTOMIZATIONS):
            raise wrong(f"{folder} is no kustomize directory: it has no {KUSTOMIZATIONS[0]}")
        return folder

    @field_validator("deployed")
    @classmethod
    def _one_source(cls, deployed: bool, info: ValidationInfo) -> bool:
        sources = [name for name in ("kustomize", "helm") if info.data.get(name)] + [
            "deployed: true"
        ] * deployed
        if {"kustomize", "helm"} <= set(info.data) and len(sources) != 1:
            given = " and ".join(sources) or "none of them"
            raise wrong(f"give exactly one of kustomize, helm and deployed: true; {given} is given")
        return deployed
