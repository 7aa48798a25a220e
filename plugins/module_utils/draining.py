"""Drains a node through the Eviction API, as ``kubectl drain`` does, but asks again sooner.

Modules on nodes and the harness use it: pure, Python 3.9, and every request goes through ``ask`` of
whoever drains. Pods of DaemonSets and mirrors of static pods stay. Pods that have ended are
deleted. A pod without a controller, and where the caller says so one with local data, forbids the
drain. HTTP 429 means later. A pod is gone when the API has it no more, or another one of that name.

Unlike kubectl, which waits 5 s after each refusal, a caller may begin a round as often as it likes:
in one round all pods are asked for that budgets let go, and a budget that refused one pod is not
asked for its others. The precondition of the pod's UID keeps a namesake from being evicted.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.evictable_pods import (
    daemon_set,
    describe_budget,
    eviction_of,
    explain_unmanaged,
    is_closed,
    is_ending,
    name_local_data,
    protection,
    tolerates_cordon,
    warn_of_local_data,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import (
    Answer,
    ApiUnavailable,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    Object,
    controller,
    full_name,
    is_finished,
    is_mirror,
    selects,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
DEFAULT_GRACE_S = 30

DISRUPTION_BUDGET = "DisruptionBudget"
NAMESPACE_TERMINATING = "NamespaceTerminating"
SEVERAL_BUDGETS = "more than one PodDisruptionBudget"
"""What the API server calls these cases: reasons of causes, and a part of a message."""


class Api(Protocol):
    """Who sends the requests."""

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send one request and return the answer, or raise ApiUnavailable."""


class DrainRefusedError(Exception):
    """The drain would lose something, or the API forbids it; the node was not cordoned by it."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class Blocker(NamedTuple):
    """A pod that could not be evicted before the deadline, and why."""

    pod: str  # namespace/name
    reason: str  # names the PodDisruptionBudget where one blocks

    def __str__(self) -> str:
        return f"pod {self.pod}: {self.reason}" if self.pod else self.reason


class _Refusal(NamedTuple):
    since: float
    words: str
    by_budget: bool


class Draining:
    """A drain of one node: call :meth:`try_round` until it returns True, or the time is over.

    :meth:`blockers` then tells what is left. ``note`` gets one line for each step. ``cordoned`` is
    whether this drain cordoned the node, ``evicted`` are the pods that the API let go.
    """

    def __init__(  # noqa: PLR0913 - each is named by the caller
        self,
        api: Api,
        node: str,
        *,
        force: bool = False,
        delete_local_data: bool = False,
        note: Callable[[str], None] = lambda _text: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api, self.node = api, node
        self.force, self.delete_local_data = force, delete_local_data
        self.cordoned = False
        self.evicted: list[str] = []
        self.pause = 0.0
        """Seconds that the API asked to be left alone for, in the last round."""
        self._note, self._now = note, now
        self._checked = self._begun = False
        self._orphans: set[str] = set()
        self._first: set[str] | None = None
        self._left: list[Object] = []
        self._accepted: set[str] = set()
        self._refusals: dict[str, _Refusal] = {}
        self._ending: dict[str, float] = {}
        self._budgets: list[Object] | None = None
        self._failures: list[Blocker] = []
        self._problem = "no request was sent"

    def check(self) -> list[str]:
        """Read only: return the names of the pods that have to go.

        Raises:
            DrainRefusedError: the drain would lose something.
            ApiUnavailable: the API did not answer.
        """
        pods = self._list_pods()
        reasons = self._judge(pods)
        if reasons:
            raise DrainRefusedError(reasons)
        warning = warn_of_local_data(pods)
        if warning:
            self._note(warning)
        self._checked = True
        return [full_name(pod) for pod in pods if self._goes(pod)]

    def find_closed(self) -> list[Blocker]:
        """Read only: the pods that no time would let go, each with its budgets."""
        self._read_budgets()
        self._budgets = [budget for budget in self._budgets or () if is_closed(budget)]
        pods = [pod for pod in self._list_pods() if self._goes(pod) and not is_finished(pod)]
        return [
            Blocker(full_name(pod), f"{', '.join(budgets.values())} lets none of its pods go")
            for pod in pods
            if (budgets := self._covering(pod))
        ]

    def try_round(self) -> bool:
        """Do all that can be done now; whether the drain is over, one way or the other.

        Raises:
            DrainRefusedError: before the node is cordoned; later it is a blocker.
        """
        self.pause = 0.0
        try:
            self._cordon()
            left = self._evict_all()
        except ApiUnavailable as error:
            self._problem, self.pause = str(error), max(self.pause, error.pause)
            return False
        except DrainRefusedError as error:
            if not (self._begun or self.cordoned):
                raise
            self._failures += [Blocker("", reason) for reason in error.reasons]
            return True
        self._problem = ""
        return not left or bool(self._failures)

    def is_cordoned(self) -> bool:
        """Read whether the node takes no pods now."""
        return bool(self._read(f"/api/v1/nodes/{self.node}")["spec"].get("unschedulable"))

    @property
    def waiting_for(self) -> str:
        """What the last round left: the pods, or why it was cut short."""
        return self._problem or ", ".join(full_name(pod) for pod in self._left)

    def blockers(self) -> list[Blocker]:
        """What keeps the node from being empty, in the API's own words; [] when it is."""
        if self._failures:
            return list(self._failures)
        if self._first is None:
            return [Blocker("", self._problem)]
        if self._refusals:
            self._read_budgets()
        blockers = [Blocker(full_name(pod), self._explain(pod)) for pod in self._left]
        if self._problem:
            blockers.append(Blocker("", f"the API did not answer at last: {self._problem}"))
        return blockers

    # steps

    def _cordon(self) -> None:
        if self._begun:
            return
        if not self._checked:
            self.check()
        if not self.is_cordoned():
            path = f"/api/v1/nodes/{self.node}"
            self.cordoned = True  # also where the answer does not arrive
            self._body(self.api.ask("PATCH", path, {"spec": {"unschedulable": True}}), path)
        self._begun = True
        self._note("cordoned")

    def _evict_all(self) -> list[Object]:
        """Ask for each pod that is left and may go now; return those that were left before it."""
        pods = self._list_pods()
        if self._first is None:  # what was placed before the scheduler saw the cordon is here now
            self._failures += [Blocker("", reason) for reason in self._judge(pods)]
            if self._failures:
                return pods
            self._first = {pod["metadata"]["uid"] for pod in pods if self._goes(pod)}
        self._left = [pod for pod in pods if self._has_to_go(pod)]
        self._forget_gone()
        refused: dict[str, str] = {}  # budgets that have refused a pod in this round, their words
        for pod in sorted(self._left, key=protection):
            uid = pod["metadata"]["uid"]
            if is_ending(pod):
                self._ending.setdefault(uid, self._now())
            elif uid not in self._accepted:
                self._evict(pod, refused)
        return self._left

    def _evict(self, pod: Object, refused: dict[str, str]) -> None:
        budgets = list(self._covering(pod))
        if len(budgets) == 1 and budgets[0] in refused:
            self._refuse(pod, refused[budgets[0]], by_budget=True)
            return
        answer = self.api.ask("POST", *eviction_of(pod))
        uid, name = pod["metadata"]["uid"], full_name(pod)
        if answer.status < 300:
            self._accepted.add(uid)
            self._ending[uid] = self._now()
            self._refusals.pop(uid, None)
            self.evicted.append(name)
            self._note(f"evicted {name}")
        elif answer.status == 429 and answer.has_cause(DISRUPTION_BUDGET):
            self._refuse(pod, answer.words, by_budget=True)
            if self._budgets is None:
                self._read_budgets()
            refused.update(dict.fromkeys(self._covering(pod), answer.words))
        elif SEVERAL_BUDGETS in answer.words:
            self._read_budgets()
            names = ", ".join(self._covering(pod)) or "unknown"
            self._failures.append(
                Blocker(
                    name, f"PodDisruptionBudgets {names} all cover it, leave one: {answer.words}"
                )
            )
        elif answer.status in (404, 409):
            # Gone, or another pod has its name: the next list says which.
            self._refuse(pod, answer.words)
        elif _may_be_asked_again(answer):
            self.pause = max(self.pause, answer.retry_after)
            self._refuse(pod, answer.words)
        else:
            self._failures.append(
                Blocker(name, f"the API forbids its eviction ({answer.status}): {answer.words}")
            )

    # judgements

    def _judge(self, pods: list[Object]) -> list[str]:
        """Why these pods forbid the drain."""
        reasons = []
        if not self.force:
            reasons.append(explain_unmanaged(self.node, pods))
        names = [] if self.delete_local_data else name_local_data(pods)
        if names:
            reasons.append(
                f"a drain of {self.node} would delete the local data (emptyDir) of "
                f"{', '.join(names)}; allow that, or move the data to a volume that stays"
            )
        self._orphans = self._find_orphans(pods)
        if self._orphans and not self.force:
            reasons.append(
                f"pods on {self.node} belong to a DaemonSet that is gone: "
                f"{', '.join(sorted(self._orphans))}; delete the pods"
            )
        return [reason for reason in reasons if reason]

    def _find_orphans(self, pods: list[Object]) -> set[str]:
        names = {daemon_set(pod) for pod in pods if not is_finished(pod)} - {""}
        orphans = set()
        for name in sorted(names):
            namespace, _, short = name.partition("/")
            path = f"/apis/apps/v1/namespaces/{namespace}/daemonsets/{short}"
            answer = self.api.ask("GET", path)
            if answer.status == 404:
                orphans.add(name)
            else:
                self._body(answer, path)
        return orphans

    def _goes(self, pod: Object) -> bool:
        """Whether a drain that begins now evicts a pod."""
        if is_mirror(pod):
            return False
        owner = daemon_set(pod)
        return is_finished(pod) or not owner or owner in self._orphans

    def _has_to_go(self, pod: Object) -> bool:
        """Whether the drain waits for a pod.

        Those that it began with, and what the scheduler placed just before it saw the cordon. What
        tolerates the cordon may come back for ever.
        """
        if pod["metadata"]["uid"] in (self._first or ()):
            return True
        late = self._goes(pod) and not is_finished(pod)
        return late and controller(pod) is not None and not tolerates_cordon(pod)

    def _explain(self, pod: Object) -> str:
        uid, now = pod["metadata"]["uid"], self._now()
        refusal, ending = self._refusals.get(uid), self._ending.get(uid)
        if ending is not None:
            seconds = (pod.get("spec") or {}).get("terminationGracePeriodSeconds")
            grace = DEFAULT_GRACE_S if seconds is None else seconds
            finalizers = ", ".join(pod["metadata"].get("finalizers") or ())
            held = f", finalizers {finalizers}" if finalizers else ""
            return f"has been ending for {now - ending:.0f} s (grace period {grace} s{held})"
        if refusal is None:
            return f"its eviction was not answered: {self._problem or 'no answer'}"
        budgets = self._covering(pod) if refusal.by_budget else {}
        who = ", ".join(budgets.values()) or "the API"
        return f"{who} has refused its eviction for {now - refusal.since:.0f} s: {refusal.words}"

    # what is known

    def _refuse(self, pod: Object, words: str, *, by_budget: bool = False) -> None:
        uid = pod["metadata"]["uid"]
        before = self._refusals.get(uid)
        since = before.since if before else self._now()
        self._refusals[uid] = _Refusal(since, words, by_budget)

    def _forget_gone(self) -> None:
        uids = {pod["metadata"]["uid"] for pod in self._left}
        self._refusals = {uid: value for uid, value in self._refusals.items() if uid in uids}

    def _covering(self, pod: Object) -> dict[str, str]:
        """Names of the known budgets that cover a pod, with their descriptions."""
        labels = pod["metadata"].get("labels") or {}
        return {
            full_name(budget): describe_budget(budget)
            for budget in self._budgets or ()
            if budget["metadata"].get("namespace") == pod["metadata"].get("namespace")
            and selects((budget.get("spec") or {}).get("selector"), labels)
        }

    # requests

    def _list_pods(self) -> list[Object]:
        return self._items(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{self.node}")

    def _read_budgets(self) -> None:
        """Read the budgets anew where that is possible: they only explain and save requests."""
        with contextlib.suppress(ApiUnavailable, DrainRefusedError):
            self._budgets = self._items(BUDGETS)

    def _items(self, path: str) -> list[Object]:
        return list(self._read(path).get("items") or ())

    def _read(self, path: str) -> dict[str, Any]:
        return self._body(self.api.ask("GET", path), path)

    def _body(self, answer: Answer, path: str) -> dict[str, Any]:
        if answer.status < 300:
            return answer.body
        message = f"{path} was answered with {answer.status}: {answer.words}"
        if _may_be_asked_again(answer):
            raise ApiUnavailable(message, answer.retry_after)
        raise DrainRefusedError([message])


def _may_be_asked_again(answer: Answer) -> bool:
    return (
        answer.status == 429
        or answer.status >= 500
        or (answer.status == 403 and answer.has_cause(NAMESPACE_TERMINATING))
    )
