"""Flags and feature gates that run now, tried on the target's own programs.

``kube-apiserver --version=true --flag=value`` parses all flags, prints its version and ends: it
says "unknown flag" or "unrecognized feature gate" by itself, so that no list of removed flags has
to be kept here. ``--version`` always comes first and with its value: a program that swallowed it as
a value of another flag would begin to serve.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import StepFailed
from kubedrill.bundle.programs import run_program
from kubedrill.readiness.model import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kubedrill.bundle.programs import Programs

PRINT_VERSION = "--version=true"
GATES = "--feature-gates"
GATE_PROGRAM = "kube-apiserver"
"""Knows the gates of every component: they share one registry (k8s.io/kubernetes/pkg/features)."""

EXTRA_ARGS = {
    "kube-apiserver": ("apiServer",),
    "kube-controller-manager": ("controllerManager",),
    "kube-scheduler": ("scheduler",),
    "etcd": ("etcd", "local"),
}
"""Where kubeadm's ClusterConfiguration has the flags that it puts into each static pod again at
every upgrade."""

RETIRED = frozenset({"--pod-infra-container-image"})
"""Flags of the kubelet that `kubeadm upgrade` takes out itself (kubeadm 1.35,
cmd/phases/upgrade/postupgrade.go)."""

_TELLING = re.compile(
    r"unknown|unrecognized|not defined|invalid|cannot set|deprecated|GA feature gate", re.IGNORECASE
)
_ERR = re.compile(r'err="(.+)"$')
_KLOG = re.compile(r"^[IWEF]\d{4} [\d:.]+\s+\d+ \S+\] ")
"""What Kubernetes' log lines begin with: severity and date, time, thread, place."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One word of a command line ("--name=value"), or one gate as ``--feature-gates=Name=true``."""

    component: str
    node: str
    word: str
    carried_over: bool

    @property
    def program(self) -> str:
        """The program of the target that is asked."""
        return GATE_PROGRAM if self.word.startswith(f"{GATES}=") else self.component

    @property
    def title(self) -> str:
        """For people, without the value, which may be long."""
        flag, _, value = self.word.partition("=")
        gate = value.partition("=")[0].rpartition(":")[2]
        return f"feature gate {gate}" if flag == GATES and gate else flag


def static_pod_settings(pods: Iterable[Any], kubeadm: Mapping[str, Any]) -> Iterator[Setting]:
    """Flags and gates of the control planes' static pods.

    ``kubeadm`` is the ClusterConfiguration.
    """
    for pod in pods:
        component = (pod.metadata.labels or {}).get("component", "")
        if component not in EXTRA_ARGS or pod.metadata.namespace != "kube-system":
            continue
        configured = extra_args(kubeadm, component)
        container = pod.spec.containers[0]
        for word in flag_words([*(container.command or []), *(container.args or [])]):
            carried_over = word.partition("=")[0].removeprefix("--") in configured
            yield Setting(component, pod.spec.node_name or "", word, carried_over)


def kubelet_settings(
    node: str, args: Sequence[str], configz: Mapping[str, Any]
) -> Iterator[Setting]:
    """Flags of a running kubelet and the gates of its configuration.

    All but RETIRED stay through an upgrade.
    """
    for word in flag_words(args):
        yield Setting("kubelet", node, word, carried_over=word.partition("=")[0] not in RETIRED)
    yield from gate_settings("kubelet", node, configz.get("featureGates") or {})


def gate_settings(component: str, node: str, gates: Mapping[str, bool]) -> Iterator[Setting]:
    """Gates of a configuration file."""
    for name, on in gates.items():
        yield Setting(component, node, f"{GATES}={name}={str(on).lower()}", carried_over=True)


def extra_args(kubeadm: Mapping[str, Any], component: str) -> frozenset[str]:
    """Names of the flags that the ClusterConfiguration adds (v1beta4: a list of name and value.

    Before: a map).

    >>> args = [{"name": "profiling", "value": "false"}]
    >>> sorted(extra_args({"apiServer": {"extraArgs": args}}, "kube-apiserver"))
    ['profiling']
    """
    section: Any = kubeadm
    for key in EXTRA_ARGS[component]:
        section = section.get(key) or {}
    args = section.get("extraArgs") or []
    return frozenset(args if isinstance(args, dict) else (entry["name"] for entry in args))


def flag_words(words: Sequence[str]) -> Iterator[str]:
    """The flags of a command line, each one word, whether it was written with ``=`` or not.

    Of several feature gates each is a word.

    >>> list(flag_words(["etcd", "--name", "cp1", "--strict", "--data-dir=/var/lib/etcd"]))
    ['--name=cp1', '--strict', '--data-dir=/var/lib/etcd']
    """
    for place, word in enumerate(words):
        if not word.startswith("--") or word == "--":
            continue
        following = words[place + 1] if place + 1 < len(words) else "--"
        whole = word if "=" in word or following.startswith("-") else f"{word}={following}"
        name, _, value = whole.partition("=")
        gates = [f"{GATES}={gate}" for gate in value.split(",") if gate]
        yield from gates if name == GATES and "=" in whole else [whole]


def try_all(
    programs: Programs, settings: Iterable[Setting]
) -> tuple[tuple[Trial, ...], tuple[str, ...]]:
    """Try every setting; return the trials, and the programs that could not be run.

    All words of a program are given at once; only when it complains are they given one by one.
    """
    by_program: dict[str, dict[str, list[Setting]]] = defaultdict(lambda: defaultdict(list))
    for setting in settings:
        by_program[setting.program][setting.word].append(setting)
    trials: list[Trial] = []
    missing: list[str] = []
    for program, words in by_program.items():
        try:
            trials += _try_program(programs, program, words)
        except StepFailed as error:
            missing.append(f"{program}: {error}")
    return tuple(trials), tuple(missing)


def _try_program(
    programs: Programs, program: str, words: Mapping[str, list[Setting]]
) -> list[Trial]:
    path = programs.path(program)
    alone = run_program(path, PRINT_VERSION)
    if alone.returncode != 0:
        raise StepFailed(f"it does not print its version: {alone.stderr.strip()[-200:]}")
    together = run_program(path, PRINT_VERSION, *words)
    fine = together.returncode == 0 and not together.stderr.strip()
    trials: list[Trial] = []
    for word, settings in words.items():
        one = together if fine else run_program(path, PRINT_VERSION, word)
        trials += _trials(settings, accepted=one.returncode == 0, output=telling(one.stderr))
    return trials


def _trials(settings: list[Setting], *, accepted: bool, output: str) -> Iterator[Trial]:
    by_component: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for setting in settings:
        by_component[setting.component, setting.title, setting.carried_over].append(setting.node)
    for (component, title, carried_over), nodes in by_component.items():
        yield Trial(component, tuple(sorted(set(nodes))), title, accepted, output, carried_over)


def telling(stderr: str) -> str:
    r"""The line of a program's complaint that says something: usage texts run to hundreds of lines.

    >>> telling('Usage:\n  kube-scheduler [flags]\nError: unknown flag: --nope\n')
    'Error: unknown flag: --nope'
    >>> telling('E1121 08:44:30.104624 9549 run.go:72] "failed" err="unrecognized gate: Gone"')
    'unrecognized gate: Gone'
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = next(
        (line for line in reversed(lines) if _TELLING.search(line)), lines[-1] if lines else ""
    )
    error = _ERR.search(last)
    return (error[1] if error else _KLOG.sub("", last))[-300:]
