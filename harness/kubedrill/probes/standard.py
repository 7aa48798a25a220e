"""The probes of a drill: what a user of the cluster would feel, from three vantage points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kubedrill.base.model import ENDPOINT, Connection, ProbeSpec, Vantage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

NAMESPACE = "kubedrill-probe"
APISERVER_PORT = 6443
"""Where kubeadm lets each API server listen."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What is probed.

    ``app_outside``: URL of the application's node port on the virtual address. ``app_inside``: URL
    of its Service's address. ``api``: URL of the API through the virtual address. ``dns_name``,
    ``dns_expect``: the Service's full name and the address that it must resolve to. ``dns_server``:
    address of the cluster's DNS Service. ``asked_outside``, ``asked_inside``: what else the
    application's probes say (kind, host, verify of a ProbeSpec).
    """

    app_outside: str
    app_inside: str
    api: str
    dns_name: str
    dns_expect: str
    dns_server: str
    asked_outside: tuple[tuple[str, Any], ...] = ()
    asked_inside: tuple[tuple[str, Any], ...] = ()


def find_targets(  # noqa: PLR0913 - each is named by the caller
    api: ClusterApi,
    *,
    app_outside: str,
    app_inside: str,
    dns_name: str,
    dns_expect: str,
    asked_outside: tuple[tuple[str, Any], ...] = (),
    asked_inside: tuple[tuple[str, Any], ...] = (),
) -> Targets:
    """Add what the cluster itself knows.

    Its API's address and its DNS Service (kubeadm names it kube-dns).
    """
    dns = str(api.core.read_namespaced_service("kube-dns", "kube-system").spec.cluster_ip)
    url = api.inventory.api_url
    return Targets(
        app_outside, app_inside, url, dns_name, dns_expect, dns, asked_outside, asked_inside
    )


def standard_probes(
    targets: Targets, settings: Settings, places: Sequence[str] = ("",)
) -> tuple[ProbeSpec, ...]:
    """Return the standard set, with the probes from inside once for each node in ``places``.

    The application is asked inside by its Service's address, so that a DNS outage is seen by the
    probe ``dns`` alone and not blamed on the application. The control probe's target is
    ``settings.control_target``; where that is empty, the session serves one.
    """
    interval, timeout = settings.probes.interval_s, settings.probes.timeout_s
    both = (Connection.NEW, Connection.REUSED)
    outside, inside = Vantage.OUTSIDE, Vantage.INSIDE
    how_out, how_in = dict(targets.asked_outside), dict(targets.asked_inside)

    def spec(
        name: str, kind: str, target: str, vantage: Vantage, connection: Connection
    ) -> ProbeSpec:
        return ProbeSpec(name, kind, target, vantage, connection, interval, timeout)

    probes = [
        *(
            replace(
                spec(f"app-nodeport-{c.value}", "http", targets.app_outside, outside, c), **how_out
            )
            for c in both
        ),
    ]
    for c in both:
        service = spec(f"app-service-{c.value}", "http", targets.app_inside, inside, c)
        probes += _from_pods(replace(service, **how_in), places)
    for kind in ("api-read", "api-write"):
        for connection in both:
            name = f"{kind}-{connection.value}"
            url = f"{targets.api.rstrip('/')}/api/v1/namespaces/{NAMESPACE}/configmaps/{name}"
            probes.append(spec(name, kind, url, outside, connection))
    probes += _from_pods(spec("dns", "dns", targets.dns_name, inside, Connection.NEW), places)
    probes.append(control_probe(settings))
    return tuple(probes)


def _from_pods(spec: ProbeSpec, places: Sequence[str]) -> Iterator[ProbeSpec]:
    """One probe for each node: "dns", "dns-2"."""
    for number, place in enumerate(places, 1):
        name = spec.name if number == 1 else f"{spec.name}-{number}"
        yield replace(spec, name=name, place=place)


def watch_clients(inventory: Inventory) -> dict[str, str]:
    """The clients of the watch ledger: each API server, and the cluster's own endpoint."""
    planes = {
        node.name: f"https://{_in_url(node.address)}:{APISERVER_PORT}"
        for node in inventory.control_planes
    }
    return {**planes, ENDPOINT: inventory.api_url}


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def control_probe(settings: Settings) -> ProbeSpec:
    """The probe of a target outside the cluster.

    When it fails, the harness host is to blame, not the cluster.
    """
    target = settings.control_target
    kind = "http" if not target else "http-status" if "://" in target else "tcp"
    interval, timeout = settings.probes.interval_s, settings.probes.timeout_s
    return ProbeSpec("control", kind, target, Vantage.CONTROL, Connection.NEW, interval, timeout)
