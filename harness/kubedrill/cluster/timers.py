"""The timers that decide how long an outage lasts, read from the live cluster.

Predictions are computed from them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes.client import ApiException

from kubedrill.base.errors import KubedrillError
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.balancers import (
    node_ports_apart,
    parse_haproxy,
    parse_keepalived,
    parse_vrrp_script,
    read_endpoint,
)
from kubedrill.cluster.flags import read_flags, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.balancers import EndpointFiles
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Timer:
    """One live value. ``source`` says where it was read, or whose documented default it is."""

    name: str
    value: float
    source: str
    unit: str = "s"

    def __str__(self) -> str:
        """For a limit's ``because``: "node-monitor-grace-period 50 s (default of Kubernetes)"."""
        return f"{self.name} {self.value:g}{' ' + self.unit if self.unit else ''} ({self.source})"


_CHECK_INTERVAL = Timer(
    "vrrp_script interval", 1.0, "default of keepalived: keepalived.conf has no vrrp_script"
)
_CHECK_TIMEOUT = Timer("vrrp_script timeout", 1.0, "default of keepalived: the interval")
_PORT_FALL = Timer("fall of node ports", 3, "default of haproxy: haproxy.cfg has no node ports", "")
_CHECK_FALL = Timer(
    "vrrp_script fall", 1, "default of keepalived: keepalived.conf does not say", ""
)


@dataclass(frozen=True, slots=True)
class LiveTimers:
    """Seconds each, but ``*_fall`` and ``haproxy_rise`` (counts) and ``vrrp_priority`` (0-255)."""

    node_monitor_grace: Timer
    node_monitor_period: Timer
    lease_duration: Timer
    lease_renew: Timer
    status_update: Timer
    toleration: Timer
    leader_lease: Timer
    leader_renew: Timer
    leader_retry: Timer
    etcd_heartbeat: Timer
    etcd_election: Timer
    vrrp_advert: Timer
    vrrp_priority: dict[str, int]
    vrrp_version: int
    haproxy_inter: Timer
    haproxy_fall: Timer
    haproxy_rise: Timer
    haproxy_check: Timer
    proxy_min_sync: Timer
    check_interval: Timer = _CHECK_INTERVAL
    check_timeout: Timer = _CHECK_TIMEOUT
    check_fall: Timer = _CHECK_FALL
    port_fall: Timer = _PORT_FALL

    @staticmethod
    def read(api: ClusterApi, hosts: Hosts, inventory: Inventory) -> LiveTimers:
        """Read all timers, about 2 s.

        A value that is not set anywhere is the documented default, and says so.

        Raises:
            KubedrillError: the cluster or a control plane does not answer.
        """
        controller = read_flags(api, "kube-controller-manager")
        etcd = read_flags(api, "etcd")
        minor = int(api.version.get_code().git_version.split(".")[1])
        files = read_endpoint(hosts, inventory)
        grace = 50 if minor >= 32 else 40
        kubelet = _kubelet(api)
        lease = _duration(kubelet, "nodeLeaseDurationSeconds", 40, "kubelet configz")
        renew = "a quarter of the lease duration, fixed in the kubelet"
        return LiveTimers(
            lease_duration=lease,
            lease_renew=Timer("lease renewal", lease.value / 4, renew),
            status_update=_duration(kubelet, "nodeStatusUpdateFrequency", 10, "kubelet configz"),
            **_keepalived_timers(files),
            **_haproxy_timers(files),
            node_monitor_grace=_flag(controller, "node-monitor-grace-period", grace),
            node_monitor_period=_flag(controller, "node-monitor-period", 5),
            toleration=_flag(
                read_flags(api, "kube-apiserver"), "default-not-ready-toleration-seconds", 300
            ),
            leader_lease=_flag(controller, "leader-elect-lease-duration", 15),
            leader_renew=_flag(controller, "leader-elect-renew-deadline", 10),
            leader_retry=_flag(controller, "leader-elect-retry-period", 2),
            etcd_heartbeat=_flag(etcd, "heartbeat-interval", 0.1, scale=0.001),
            etcd_election=_flag(etcd, "election-timeout", 1.0, scale=0.001),
            proxy_min_sync=_proxy_min_sync(api),
        )

    def vrrp_takeover_s(self, lost: str) -> float:
        """Seconds from the last advertisement of ``lost`` until the next node has the address.

        Master_Down_Interval = 3 x advert + skew, skew = (256 - priority) / 256 x advert (RFC 5798,
        section 6.1; in version 2 the factor is 1 s: RFC 3768).
        """
        return 3 * self.vrrp_advert.value + self.vrrp_skew_s(lost)

    def vrrp_skew_s(self, lost: str) -> float:
        """Seconds from the goodbye of ``lost`` (priority 0) until the next node has the address.

        A router that stops in order says so, and the others wait for the skew only (RFC 5798,
        section 6.4.2).
        """
        rest = [priority for node, priority in self.vrrp_priority.items() if node != lost]
        factor = self.vrrp_advert.value if self.vrrp_version >= 3 else 1.0
        return (256 - max(rest, default=100)) / 256 * factor

    @property
    def check_notices_s(self) -> float:
        """Longest time until keepalived believes its check of the balancer.

        One interval, then ``fall`` failures.

        keepalived starts the next run one interval after the last one's start, and ends one at its
        timeout.
        """
        each = max(self.check_interval.value, self.check_timeout.value)
        return self.check_interval.value + self.check_fall.value * each

    @property
    def node_loss_s(self) -> float:
        """Longest time until a dead node is marked NotReady, and so its pods leave the Services.

        Grace + one period.
        """
        return self.node_monitor_grace.value + self.node_monitor_period.value

    @property
    def balancer_notices_s(self) -> float:
        """Longest time until the balancer takes a silent API server out.

        One interval, then ``fall`` failed checks.
        """
        each = max(self.haproxy_inter.value, self.haproxy_check.value)
        return self.haproxy_inter.value + self.haproxy_fall.value * each

    @property
    def ports_notice_s(self) -> float:
        """Longest time until an external balancer drops the node ports of a dead node."""
        each = max(self.haproxy_inter.value, self.haproxy_check.value)
        return self.haproxy_inter.value + self.port_fall.value * each

    @property
    def etcd_election_s(self) -> float:
        """Longest time until etcd has a new leader.

        Raft waits one to two election timeouts (randomised).
        """
        return 2 * self.etcd_election.value

    def describe(self, *names: str) -> tuple[str, ...]:
        """The named timers for a budget's ``because``."""
        return tuple(str(getattr(self, name)) for name in names)


def _flag(flags: Mapping[str, str], name: str, default: float, *, scale: float = 1.0) -> Timer:
    if name in flags:
        return Timer(name, seconds(flags[name]) * scale, f"flag --{name}")
    return Timer(name, default, "default of Kubernetes or etcd: the flag is not set")


def _duration(values: Mapping[str, Any], name: str, default: float, where: str) -> Timer:
    value = values.get(name)
    if value in (None, "", "0s", 0):
        return Timer(name, default, f"default: {where} does not say")
    return Timer(name, seconds(value), where)


def _value(  # noqa: PLR0913 - a row of a table
    name: str, value: float | None, default: float, where: str, whose: str, *, unit: str = "s"
) -> Timer:
    if value is None:
        return Timer(name, default, f"default of {whose}: {where} does not say", unit)
    return Timer(name, value, where, unit)


def _keepalived_timers(files: EndpointFiles) -> dict[str, Any]:
    nodes = {node: parse_keepalived(text) for node, text in files.keepalived.items()}
    vrrp, script = next(iter(nodes.values()), {}), parse_vrrp_script(files.check)

    def timer(
        name: str, value: float | None, default: float, of: str = "", unit: str = "s"
    ) -> Timer:
        return _value(name, value, default, "keepalived.conf", f"keepalived{of}", unit=unit)

    interval = timer("vrrp_script interval", script.get("interval"), 1.0)
    return {
        "vrrp_advert": timer("advert_int", vrrp.get("advert_int"), 1.0),
        "vrrp_priority": {node: int(values.get("priority", 100)) for node, values in nodes.items()},
        "vrrp_version": int(vrrp.get("vrrp_version", 2)),
        "check_interval": interval,
        "check_timeout": timer(
            "vrrp_script timeout", script.get("timeout"), interval.value, ": interval"
        ),
        "check_fall": timer("vrrp_script fall", script.get("fall"), 1, unit=""),
    }


def _haproxy_timers(files: EndpointFiles) -> dict[str, Any]:
    servers, ports = (parse_haproxy(part) for part in node_ports_apart(files.haproxy))

    def count(name: str, value: float | None, default: float) -> Timer:
        return _value(name, value, default, files.where, "haproxy", unit="")

    inter, check = servers.get("inter"), servers.get("check")
    return {
        "haproxy_inter": _value("inter", inter, 2.0, files.where, "haproxy"),
        "haproxy_fall": count("fall", servers.get("fall"), 3),
        "haproxy_rise": count("rise", servers.get("rise"), 2),
        "haproxy_check": _value(
            "timeout check", check, servers.get("inter", 2.0), files.where, "haproxy: inter"
        ),
        "port_fall": count("fall of node ports", ports.get("fall"), 3),
    }


def _kubelet(api: ClusterApi) -> dict[str, Any]:
    """The configuration of the first kubelet that answers.

    All nodes of a kubeadm cluster share it.
    """
    reason = "there is no node"
    for node in api.nodes():
        try:
            text = api.get_raw(f"/api/v1/nodes/{node.metadata.name}/proxy/configz")
        except (ApiUnavailable, ApiException) as error:
            reason = str(error)
            continue
        config: dict[str, Any] = json.loads(text)["kubeletconfig"]
        return config
    raise KubedrillError(f"no kubelet gave its configuration through the API: {reason}")


def _proxy_min_sync(api: ClusterApi) -> Timer:
    config = yaml.safe_load(
        api.core.read_namespaced_config_map("kube-proxy", "kube-system").data["config.conf"]
    )
    section = config.get(config.get("mode") or "iptables") or {}
    return _duration(section, "minSyncPeriod", 1, "kube-proxy's ConfigMap")
