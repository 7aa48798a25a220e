"""The timers that decide how long an outage lasts, read from the live cluster.

Predictions are computed from them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes.client import ApiException

from kubedrill.base.errors import KubedrillError
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.balancers import read_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

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
        flags = {
            part: _flags(api, part)
            for part in ("kube-controller-manager", "kube-apiserver", "etcd")
        }
        minor = int(api.version.get_code().git_version.split(".")[1])
        kubelet = _kubelet(api)
        files = read_endpoint(hosts, inventory)
        keepalived = {node: parse_keepalived(text) for node, text in files.keepalived.items()}
        haproxy, ports = (parse_haproxy(part) for part in node_ports_apart(files.haproxy))
        vrrp = next(iter(keepalived.values()), {})
        script = parse_vrrp_script(files.check)
        every = _value(
            "vrrp_script interval", script.get("interval"), 1.0, "keepalived.conf", "keepalived"
        )
        controller, etcd = flags["kube-controller-manager"], flags["etcd"]
        lease = _duration(kubelet, "nodeLeaseDurationSeconds", 40, "kubelet configz")
        return LiveTimers(
            node_monitor_grace=_flag(
                controller, "node-monitor-grace-period", 50 if minor >= 32 else 40
            ),
            node_monitor_period=_flag(controller, "node-monitor-period", 5),
            lease_duration=lease,
            lease_renew=Timer(
                "lease renewal",
                lease.value / 4,
                "a quarter of the lease duration, fixed in the kubelet",
            ),
            status_update=_duration(kubelet, "nodeStatusUpdateFrequency", 10, "kubelet configz"),
            toleration=_flag(flags["kube-apiserver"], "default-not-ready-toleration-seconds", 300),
            leader_lease=_flag(controller, "leader-elect-lease-duration", 15),
            leader_renew=_flag(controller, "leader-elect-renew-deadline", 10),
            leader_retry=_flag(controller, "leader-elect-retry-period", 2),
            etcd_heartbeat=_flag(etcd, "heartbeat-interval", 0.1, scale=0.001),
            etcd_election=_flag(etcd, "election-timeout", 1.0, scale=0.001),
            vrrp_advert=_value(
                "advert_int", vrrp.get("advert_int"), 1.0, "keepalived.conf", "keepalived"
            ),
            vrrp_priority={
                node: int(values.get("priority", 100)) for node, values in keepalived.items()
            },
            vrrp_version=int(vrrp.get("vrrp_version", 2)),
            haproxy_inter=_value("inter", haproxy.get("inter"), 2.0, files.where, "haproxy"),
            haproxy_fall=_value("fall", haproxy.get("fall"), 3, files.where, "haproxy", unit=""),
            haproxy_rise=_value("rise", haproxy.get("rise"), 2, files.where, "haproxy", unit=""),
            haproxy_check=_value(
                "timeout check",
                haproxy.get("check"),
                haproxy.get("inter", 2.0),
                files.where,
                "haproxy: inter",
            ),
            port_fall=_value(
                "fall of node ports", ports.get("fall"), 3, files.where, "haproxy", unit=""
            ),
            proxy_min_sync=_proxy_min_sync(api),
            check_interval=every,
            check_timeout=_value(
                "vrrp_script timeout",
                script.get("timeout"),
                every.value,
                "keepalived.conf",
                "keepalived: interval",
            ),
            check_fall=_value(
                "vrrp_script fall", script.get("fall"), 1, "keepalived.conf", "keepalived", unit=""
            ),
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


def parse_keepalived(text: str) -> dict[str, float]:
    """advert_int, priority and vrrp_version of keepalived.conf (the first vrrp_instance).

    VRRP version 2, keepalived's default, knows whole seconds only: keepalived rounds, to 1 s at
    least.
    """
    pairs = re.findall(
        r"^\s*(advert_int|priority|vrrp_version)\s+([\d.]+)", _uncommented(text, "#!"), re.MULTILINE
    )
    values = {name: float(value) for name, value in reversed(pairs)}
    if values.get("vrrp_version", 2) == 2 and "advert_int" in values:
        values["advert_int"] = float(max(1, round(values["advert_int"])))
    return values


def parse_vrrp_script(text: str) -> dict[str, float]:
    """interval, timeout and fall of keepalived.conf's first vrrp_script; {} where there is none."""
    block = re.search(
        r"^\s*vrrp_script\s+\S+\s*\{(.*?)\}", _uncommented(text, "#!"), re.MULTILINE | re.DOTALL
    )
    pairs = (
        re.findall(r"^\s*(interval|timeout|fall)\s+([\d.]+)", block.group(1), re.MULTILINE)
        if block
        else []
    )
    return {name: float(value) for name, value in pairs}


def parse_haproxy(text: str) -> dict[str, float]:
    """inter, fall and rise of the servers (or default-server), and ``timeout check``.

    A bare number is milliseconds.
    """
    clean = _uncommented(text, "#")
    values: dict[str, float] = {}
    for line in re.findall(r"^\s*(?:default-server|server)\s.*$", clean, re.MULTILINE):
        for name, value in re.findall(r"\s(inter|fall|rise)\s+(\S+)", line):
            values.setdefault(name, float(value) if name != "inter" else _milliseconds(value))
    check = re.search(r"^\s*timeout\s+check\s+(\S+)", clean, re.MULTILINE)
    if check:
        values["check"] = _milliseconds(check.group(1))
    return values


def node_ports_apart(text: str) -> tuple[str, str]:
    r"""Split haproxy.cfg before the node ports' backend, which only an external balancer has.

    >>> node_ports_apart("backend api-servers\n a\nbackend nodes\n b\n")
    ('backend api-servers\n a\n', 'backend nodes\n b\n')
    """
    backend = re.search(r"^backend nodes\s*$", text, re.MULTILINE)
    return (text[: backend.start()], text[backend.start() :]) if backend else (text, "")


def _milliseconds(text: str) -> float:
    return float(text) / 1000 if text.isdigit() else seconds(text)


def _uncommented(text: str, marks: str) -> str:
    return "\n".join(re.split(f"[{marks}]", line, maxsplit=1)[0] for line in text.splitlines())


def _flags(api: ClusterApi, component: str) -> dict[str, str]:
    pods = api.pods("kube-system", f"component={component}")
    if not pods:
        raise KubedrillError(
            f"kube-system has no pod with the label component={component}; is this a kubeadm "
            f"cluster?"
        )
    container = pods[0].spec.containers[0]
    return parse_flags([*(container.command or []), *(container.args or [])])


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
