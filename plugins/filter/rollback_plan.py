"""What a rollback would do, and why it must not begin.

Pure functions of what the nodes and the snapshot are now.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

State = dict[str, Any]
ROOM = 3
"""Times the snapshot's size that etcd's disk must have free: the snapshot, the restored data, a
margin."""


def image_tags(bundle: State) -> dict[str, str]:
    """Image tags of a bundle's static pods, by component, without a v."""
    components = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    images = {part["name"]: part["image"] for part in bundle["parts"] if part.get("image")}
    return {name: images[name].rpartition(":")[2].removeprefix("v") for name in components}


def versions_of(state: State) -> set[str]:
    """Kubernetes versions that run or are installed on a node."""
    tags = {version for name, version in state["tags"].items() if name != "etcd" and version}
    return tags | set(state["kubelets"])


def touched(state: State, to: str) -> bool:
    """Whether the upgrade has changed what runs on a node."""
    return bool(versions_of(state) - {to})


def refusals(nodes: Mapping[str, State], expected: Mapping[str, Any]) -> list[str]:
    """Why the rollback must not begin.

    ``expected`` has ``to``, ``confirmed``, ``snapshot`` (what rollback_snapshot chose, may be
    empty), ``problems`` (what is wrong with it), ``control_planes``, ``unseen`` (nodes that
    could not be looked at) and ``left_out`` (nodes that ``--limit`` leaves out).
    """
    mistakes = [
        f"{name} cannot be reached: every node must be, repair that first"
        for name in expected["unseen"]
    ]
    if left_out := expected.get("left_out"):
        mistakes.append(
            f"--limit leaves out {', '.join(left_out)}: a rollback takes every node, run the same "
            "command without --limit"
        )
    mistakes += expected["problems"]
    journals = {name: state["journal"] for name, state in nodes.items() if state["journal"]}
    begun = {name: journal for name, journal in journals.items() if "stopped" in journal}
    mistakes += _other_rollback(begun, expected)
    if not begun:
        mistakes += list(_releases(nodes, expected))
        mistakes += list(_control_planes(nodes, expected))
    if not expected["confirmed"]:
        mistakes.append(_consent(expected["snapshot"]))
    return mistakes


def done(nodes: Mapping[str, State]) -> bool:
    """Whether an earlier run came to its end on every node, and only tidying up is left."""
    return any((state["journal"] or {}).get("done") for state in nodes.values())


def _other_rollback(journals: Mapping[str, State], expected: Mapping[str, Any]) -> list[str]:
    asked = (expected["to"], expected["snapshot"].get("sha256", ""))
    return [
        f"{name} is in the middle of a rollback to {journal['to']} from the snapshot with sha256 "
        f"{journal['sha256']}: "
        f"finish it with -e rollback_to={journal['to']} and -e rollback_snapshot= naming that file"
        for name, journal in journals.items()
        if (journal["to"], journal["sha256"]) != asked
    ]


def _releases(nodes: Mapping[str, State], expected: Mapping[str, Any]) -> Iterator[str]:
    """The nodes must run two releases.

    The older one, and the one that the snapshot's upgrade was going to.
    """
    to = str(expected["to"])
    running: dict[str, list[str]] = {}
    for name, state in nodes.items():
        for version in versions_of(state):
            running.setdefault(version, []).append(name)
    others = sorted(set(running) - {to}, key=parse_version)
    summary = "; ".join(
        f"{version} on {', '.join(running[version])}"
        for version in sorted(running, key=parse_version)
    )
    if not others:
        yield (
            f"every node runs {to}: nothing is to be rolled back; playbooks/upgrade.yml finishes "
            f"what was begun"
        )
        return
    target = str((expected["snapshot"].get("about") or {}).get("to", others[-1]))
    if to not in running:
        yield (
            f"no node runs {to} ({summary}): the upgrade is finished, and only one that is "
            f"half-way can be rolled back"
        )
    if others != [target]:
        yield (
            f"the nodes run {summary}: expected a mix of {to} and {target} only, as the upgrade "
            f"left it"
        )
    if any(parse_version(other) < parse_version(to) for other in others):
        yield f"{to} is newer than what runs ({summary}): use playbooks/upgrade.yml"


def _control_planes(nodes: Mapping[str, State], expected: Mapping[str, Any]) -> Iterator[str]:
    size = int(expected["snapshot"].get("bytes", 0))
    for name in expected["control_planes"]:
        state = nodes.get(name)
        if state is None:
            continue
        if missing := state["missing_manifests"]:
            yield (
                f"{name} has no manifest of {', '.join(missing)} at {expected['to']} any more, "
                f"neither where it "
                "runs nor among those that the upgrade replaced "
                "(/etc/kubernetes/kubedrill/previous): put it there"
            )
        if not state["etcd"]:
            yield (
                f"{name} has no etcd member of kubeadm's (manifest etcd.yaml with its name, peer "
                f"URL and data folder)"
            )
        if state["free_bytes"] < ROOM * size:
            yield (
                f"{name} has {state['free_bytes'] >> 20} MiB free for etcd, it needs "
                f"{ROOM * size >> 20}: make room"
            )


def _consent(snapshot: State) -> str:
    if not snapshot:
        return (
            "rollback_confirm is not true: what was written after the snapshot is lost, so it has "
            "to be said"
        )
    return (
        f"what the cluster was told after {_moment(snapshot)} ({snapshot['age_s']} s ago) is lost, "
        f"pods that were "
        "moved since are ended and started where they were, and the API is away meanwhile: confirm "
        "it "
        "with -e rollback_confirm=true"
    )


def plan_lines(nodes: Mapping[str, State], snapshot: State, to: str) -> list[str]:
    """What will be done, a line each."""
    head = f"etcd goes back to {_moment(snapshot)}, {snapshot['age_s']} s ago: {snapshot['path']}"
    return [head, *(f"{name}: {_line(state, to)}" for name, state in nodes.items())]


def _line(state: State, to: str) -> str:
    if state["journal"]:
        return "finish what an earlier run began"
    newer = sorted(versions_of(state) - {to}, key=parse_version)
    return (
        f"{', '.join(newer)} -> {to}"
        if newer
        else f"at {to}" + (", etcd restored" if state["tags"] else "")
    )


def summary(snapshot: State, journals: Mapping[str, State], now: int) -> str:
    """Recovery point and recovery time of a rollback that is done.

    ``now`` in seconds, by a node's clock.
    """
    moments = [
        journal["stopped"]
        for journal in journals.values()
        if journal.get("member") and "stopped" in journal
    ]
    if not moments:
        return (
            f"what was written after {_moment(snapshot)} is lost; when the API was stopped is not "
            f"known any more"
        )
    stopped = min(moments)
    point = stopped - int(_time(snapshot).timestamp())
    return (
        f"recovery point {point} s: what was written between {_moment(snapshot)} and "
        f"{datetime.fromtimestamp(stopped, UTC):%Y-%m-%d %H:%M:%S} UTC is lost. "
        f"Recovery time {now - stopped} s from stopping the API to a cluster that is healthy"
    )


def _time(snapshot: State) -> datetime:
    return datetime.strptime(snapshot["taken"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _moment(snapshot: State) -> str:
    return f"{_time(snapshot):%Y-%m-%d %H:%M:%S} UTC"


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "rollback_image_tags": image_tags,
            "rollback_touched": touched,
            "rollback_done": done,
            "rollback_refusals": refusals,
            "rollback_plan_lines": plan_lines,
            "rollback_summary": summary,
        }
