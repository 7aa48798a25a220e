"""Flags and feature gates that the target's own programs refuse, or warn about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.readiness.model import known
from kubedrill.readiness.rules.common import blocker, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.readiness.model import Issue, Snapshot, Trial

_WHERE = {
    "kubelet": "the kubelet's configuration or command line on each node",
    "kube-proxy": "kube-proxy's configuration (ConfigMap kube-system/kube-proxy)",
}


def accepted(snapshot: Snapshot) -> Iterator[Issue]:
    """Judge how the target's programs took the flags that are set now."""
    for trial in snapshot.trials.get():
        if not trial.accepted:
            yield _refused(snapshot, trial)
        elif trial.output and trial.component != "kubelet":
            yield warning(
                f"{trial.component} on {', '.join(trial.nodes)}",
                f"{trial.flag}: {trial.output}",
                "nothing that a later release removes",
                "take it out in time",
            )
    kubelet = [t for t in snapshot.trials.get() if t.component == "kubelet" and t.accepted]
    for flag in sorted({trial.flag for trial in kubelet if "gate" in trial.output}):
        yield warning(
            "kubelet",
            f"{flag} is generally available",
            "no gate for it",
            "take it out of the configuration",
        )


def _refused(snapshot: Snapshot, trial: Trial) -> Issue:
    subject = f"{trial.component} on {', '.join(trial.nodes)}"
    actual = f"{trial.flag} is refused by {snapshot.target}: {trial.output}"
    if trial.carried_over:
        where = _WHERE.get(
            trial.component, "kubeadm's ClusterConfiguration (ConfigMap kube-system/kubeadm-config)"
        )
        action = f"take it out of {where}: {trial.component} would not start"
        return blocker(subject, actual, "flags and gates that the target knows", action)
    why = (
        "it is not in kubeadm's ClusterConfiguration, so that kubeadm leaves it out when it "
        "writes the manifest anew"
    )
    if trial.component == "kubelet":
        why = "nothing: kubeadm upgrade takes it out of the kubelet's flags"
    return warning(subject, actual, "flags and gates that the target knows", why)


def tried(snapshot: Snapshot) -> Iterator[Issue]:
    """Programs of the target that could not be run here: their flags are unknown."""
    for reason in snapshot.missing_programs:
        yield unknown(
            "flags", reason, "the target's program, run on this host", "compare its flags by hand"
        )
    for name, host in known(snapshot.hosts).items():
        if not host.kubelet_args:
            yield unknown(
                f"kubelet on {name}",
                "does not run, so its flags are unknown",
                "a running kubelet",
                "start it",
            )
