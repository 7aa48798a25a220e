r"""Change of settings of a living cluster, and back, under traffic.

What shows it is asked of what runs: the arguments of each server's process, and the configuration
that each kubelet says that it has.

By hand: ``tr '\\0' '\\n' </proc/$(pgrep -of '^kube-apiserver ')/cmdline``, ``kubectl get --raw
/api/v1/nodes/w1/proxy/configz``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException

from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.config.limits import Limits
from kubedrill.core.ansible_lane import run_playbook_step
from kubedrill.core.drill import Drill, Family
from kubedrill.core.etcd_leadership import wait_whole
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import only_plane_swapped, planned_work

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected

PLAYBOOK = "reconfigure.yml"
VARIABLE = "cluster_kubeadm"
ARGUMENTS = {
    "api_server": ("kube-apiserver", "event-ttl", ("2h0m0s", "3h0m0s")),
    "controller_manager": (
        "kube-controller-manager",
        "terminated-pod-gc-threshold",
        ("9000", "8000"),
    ),
}
"""Component → its program, an argument that no request notices, and two values."""
FIELD = "imageGCHighThresholdPercent"
PERCENT = (86, 87)
"""Values of it: beside the kubelet's own 85, so that no image is removed earlier."""

Settings = dict[str, str]
"""``setting on node`` → what runs with it, "" where it is not set or cannot be read."""


class ClusterReconfigured(Drill):
    """Change three settings, and put them back."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs an inventory whose settings can be read here."""
        variables = ctx.cluster.inventory.vars
        if VARIABLE in variables and not isinstance(variables[VARIABLE], dict):
            return f"{VARIABLE} of the inventory is a template, which only Ansible reads"
        return None

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name all nodes."""
        return tuple(node.name for node in ctx.cluster.inventory.nodes)

    def expected(self, ctx: DrillContext) -> Expected:
        """The app must not notice; the API may be out for a moment."""
        timers = ctx.timers
        return planned_work(
            "pods go on while a kubelet starts again",
            "each API server leaves the balancer before it stops; a request under way then may "
            f"fail ({timers.etcd_election})",
            only_plane_swapped(
                timers, [node.name for node in ctx.cluster.inventory.control_planes]
            ),
        )

    def run(self, ctx: DrillContext) -> None:
        """Change, look at what runs, put back, and look again."""
        before = read_settings(ctx)
        expected, variables = choose(before, ctx.cluster.inventory.vars.get(VARIABLE) or {})
        what = "the settings that were changed"
        ctx.undos.add(what, lambda: run_playbook_step(ctx, PLAYBOOK, {}, "put the settings back"))
        run_playbook_step(ctx, PLAYBOOK, variables, "change three settings")
        check_changed(ctx, expected, read_settings(ctx))
        run_playbook_step(ctx, PLAYBOOK, {}, "put the settings back")
        ctx.undos.drop(what)
        check_put_back(ctx, before, read_settings(ctx))
        with ctx.step("cluster", "put back: until every member of etcd is healthy"):
            wait_whole(ctx.cluster.api)
        with ctx.step("cluster", "put back: until every probe is answered"):
            seconds = ctx.cluster.settings.timeouts.recovery
            ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="recovery")


def read_settings(ctx: DrillContext) -> Settings:
    """Read the three settings of everything that runs."""
    inventory, hosts = ctx.cluster.inventory, ctx.cluster.hosts
    settings: Settings = {}
    with ctx.step("cluster", "read the settings of what runs"):
        for node in inventory.control_planes:
            for program, argument, _ in ARGUMENTS.values():
                result = hosts.read(node.name, question(program, argument), 60, check=False)
                settings[f"{argument} on {node.name}"] = result.stdout.strip()
        for node in inventory.nodes:
            try:
                answer = ctx.cluster.api.get_raw(f"/api/v1/nodes/{node.name}/proxy/configz")
            except (ApiException, ApiUnavailable):
                answer = ""
            settings[f"{FIELD} on {node.name}"] = read_field(answer)
    return settings


def question(program: str, argument: str) -> str:
    """What to run on a control plane to have a running program's argument."""
    return (
        f"tr '\\0' '\\n' </proc/$(pgrep -of '^{program} ')/cmdline | sed -n 's/^--{argument}=//p'"
    )


def read_field(answer: str) -> str:
    """Read a kubelet's configuration as it shows it.

    >>> read_field('{"kubeletconfig": {"imageGCHighThresholdPercent": 85}}'), read_field("refused")
    ('85', '')
    """
    try:
        return str(json.loads(answer)["kubeletconfig"][FIELD])
    except (ValueError, KeyError):
        return ""


def choose(before: Settings, inventory: Mapping[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """Values that nothing has yet, and the variables that ask for them beside the inventory's.

    >>> choose({"event-ttl on cp1": "2h0m0s"}, {})[0]
    {'event-ttl on cp1': '3h0m0s'}
    """
    values: dict[str, Any] = {}
    asked = {name: dict(each) for name, each in inventory.items()}
    for component, (_, argument, choices) in ARGUMENTS.items():
        values[argument] = _other(before, argument, choices)
        asked.setdefault(component, {})[argument] = values[argument]
    values[FIELD] = _other(before, FIELD, PERCENT)
    asked.setdefault("kubelet", {})[FIELD] = values[FIELD]
    expected = {name: str(values[name.partition(" on ")[0]]) for name in before}
    return expected, {VARIABLE: asked}


def _other(before: Settings, name: str, choices: Iterable[Any]) -> Any:
    used = {value for setting, value in before.items() if setting.startswith(f"{name} on ")}
    return next((each for each in choices if str(each) not in used), next(iter(choices)))


def check_changed(ctx: DrillContext, expected: Settings, actual: Settings) -> None:
    """Compare what runs with what was asked for; this is the evidence too."""
    differing = differences(expected, actual)
    text = ", ".join(differing) or f"all {len(expected)} as asked for"
    ctx.witness("cluster", text, seen=bool(expected) and not differing)
    ctx.check(
        "settings-changed",
        "every program runs with the new settings",
        bool(expected) and not differing,
        text,
        "each process and each kubelet says what was asked for",
    )


def check_put_back(ctx: DrillContext, before: Settings, after: Settings) -> None:
    """Check that everything runs as it did before."""
    differing = differences(before, after)
    ctx.check(
        "settings-put-back",
        "every program runs with its former settings again",
        not differing,
        ", ".join(differing) or "all as before",
        "as before",
    )


def differences(expected: Settings, actual: Settings) -> list[str]:
    """Settings that are something else.

    >>> differences({"event-ttl on cp1": "2h0m0s"}, {"event-ttl on cp1": ""})
    ['event-ttl on cp1 is not set']
    """
    return [
        f"{name} is {actual.get(name) or 'not set'}"
        for name, value in expected.items()
        if actual.get(name, "") != value
    ]


DRILLS = (
    ClusterReconfigured(
        name="cluster-reconfigured",
        title="Three settings of the cluster are changed and put back",
        proves="settings of servers and kubelets change node by node while app and API stay up",
        needs="nothing more",
        duration_s=400,
        family=Family.NODES,
        only_by_name=True,
        evidence="every API server, controller manager and kubelet runs with another setting",
        limits=Limits(app_max_failed=0, api_outage_s=1.0),
        limits_because="planned work: 0 failed application requests, the API out for 1 s at most",
        steps=(
            (
                "Read event-ttl of every API server, terminated-pod-gc-threshold of every "
                "controller manager, imageGCHighThresholdPercent of every kubelet."
            ),
            (
                "Run playbooks/reconfigure.yml with other values of all three. Each Ansible task "
                "on each host is a span. Check what runs."
            ),
            (
                "Run it again without them, and check that everything runs as before. Wait until "
                "etcd is complete and every probe is answered."
            ),
        ),
    ),
)
