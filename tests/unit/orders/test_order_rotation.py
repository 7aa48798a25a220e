"""A rotation of logins, killed at each of its steps.

Nobody is ever locked out, and the next one finishes it.
"""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import V1PodCondition

from kubedrill.base.errors import UsageError
from kubedrill.orders import rotation
from kubedrill.orders.manifests import DATABASE_USERS, QUEUE_USERS, new_secrets
from kubedrill.orders.rotation import TARGET, Rotation


class Killed(Exception):
    """The harness is killed here."""


class Cluster:
    """Secrets, who may log in where, and with what the running pods do.

    Every change is a step that may be the last.
    """

    def __init__(self) -> None:
        self.secrets = {
            s["metadata"]["name"]: {k: base64.b64decode(v).decode() for k, v in s["data"].items()}
            for s in new_secrets()
        }
        self.annotations: dict[str, str] = {}
        self.greeting = "Hello"
        self.problem = ""
        self.steps_left = 1000
        self.rolled: list[str] = []
        self.database_admits = {self.secrets["database"]["login"]}
        self.queue_admits = self._queue_env()
        self.clients = {"web": self._mounted(), "worker": self._mounted()}
        self.core = SimpleNamespace(
            read_namespaced_secret=self.read_secret,
            patch_namespaced_secret=self.patch_secret,
            patch_namespaced_config_map=self.patch_config,
        )
        self.apps = SimpleNamespace(
            patch_namespaced_deployment=self.roll, patch_namespaced_stateful_set=self.roll
        )

    def _mounted(self) -> tuple[str, str]:
        return self.secrets["queue"]["login"], self.secrets["database"]["login"]

    def _queue_env(self) -> set[str]:
        return {
            f"{user}:{self.secrets['queue'][f'password-{side}']}"
            for side, user in QUEUE_USERS.items()
        }

    def step(self) -> None:
        """What is running now, and what would start now, can log in everywhere."""
        for queue, database in (*self.clients.values(), self._mounted()):
            assert queue in self.queue_admits
            assert database in self.database_admits
        self.steps_left -= 1
        if self.steps_left < 0:
            raise Killed

    def read_secret(self, name: str, _namespace: str) -> Any:
        data = {
            key: base64.b64encode(value.encode()).decode()
            for key, value in self.secrets[name].items()
        }
        return SimpleNamespace(
            data=data,
            metadata=SimpleNamespace(
                annotations=dict(self.annotations) if name == "database" else None
            ),
        )

    def patch_secret(self, name: str, _namespace: str, body: Any) -> None:
        self.step()
        self.secrets[name].update(body["stringData"])
        for key, value in body["metadata"]["annotations"].items():
            self.annotations.pop(key, None)
            if value is not None:
                self.annotations[key] = value

    def patch_config(self, _name: str, _namespace: str, body: Any) -> None:
        self.step()
        self.greeting = body["data"]["greeting"]

    def roll(self, name: str, _namespace: str, _body: Any) -> None:
        self.step()
        self.rolled.append(name)
        if name in self.clients:
            self.clients[name] = self._mounted()
        if name == "queue":
            self.queue_admits = self._queue_env()

    def migrate_again(self, _version: str) -> None:
        self.step()
        mine = self.secrets["database"]
        admitted = {login for login in (mine["login"], mine["next-login"]) if login}
        shut = {login.partition(":")[0] for login in self.database_admits} - {
            a.partition(":")[0] for a in admitted
        }
        assert not [user for _, user in self.clients.values() if user.partition(":")[0] in shut], (
            "still logged in"
        )
        self.database_admits = admitted

    def pods(self, _namespace: str, selector: str) -> list[Any]:
        conditions = [V1PodCondition(type="Ready", status="True")]
        name = selector.partition("=")[2]
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=f"{name}-0", deletion_timestamp=None),
                status=SimpleNamespace(phase="Running", conditions=conditions),
            )
        ]

    def pod_get(self, _namespace: str, pod: str, path: str = "/", _port: int = 0) -> str:
        if pod == "web-0":
            return json.dumps({"greeting": self.greeting})
        users = [queue.partition(":")[0] for queue, _ in self.clients.values()]
        assert path.startswith("/connz?auth=1")
        return json.dumps(
            {"connections": [{"name": "web", "authorized_user": user} for user in users]}
        )

    def rollout_problem(self, *_: str) -> None:
        return None


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    result = Cluster()

    def wait_for(_what: str, missing: Any) -> None:
        assert missing() is None

    service = SimpleNamespace(
        status=lambda: SimpleNamespace(version="v1", problem=result.problem),
        migrate_again=result.migrate_again,
        wait_for=wait_for,
        wait_ready=lambda _: None,
    )
    monkeypatch.setattr(rotation, "OrderService", lambda *_: service)
    return result


def rotate(cluster: Any) -> str:
    return Rotation(cluster, None).logins()  # type: ignore[arg-type]


def rotated(cluster: Cluster, side: str, before: dict[str, dict[str, str]]) -> None:
    queue, database = cluster.clients["web"]
    assert cluster.clients["worker"] == (queue, database)
    assert (queue.partition(":")[0], database.partition(":")[0]) == (
        QUEUE_USERS[side],
        DATABASE_USERS[side],
    )
    assert cluster.database_admits == {database}, "the old login is worthless"
    assert not cluster.queue_admits & {before["queue"]["login"]}
    assert cluster.secrets["cache"]["password"] != before["cache"]["password"]
    assert cluster.annotations == {}


def test_each_rotation_moves_everybody_to_the_other_login_and_makes_the_old_one_worthless(
    cluster: Cluster,
) -> None:
    for side in ("b", "a", "b"):
        before = {name: dict(values) for name, values in cluster.secrets.items()}
        assert rotate(cluster) == side
        rotated(cluster, side, before)
    assert cluster.rolled[:4] == ["cache", "worker", "web", "queue"]


@pytest.mark.parametrize("steps", range(14))
def test_a_rotation_that_was_killed_is_finished_by_the_next_one(
    cluster: Cluster, steps: int
) -> None:
    before = {name: dict(values) for name, values in cluster.secrets.items()}
    cluster.steps_left = steps
    killed = True
    try:
        rotate(cluster)
        killed = False
    except Killed:
        pass
    cluster.steps_left = 1000
    cluster.problem = "web: 2 ready, expected 3" if TARGET in cluster.annotations else ""
    if killed:
        assert rotate(cluster) == "b"
    rotated(cluster, "b", before)
    assert killed == (steps < 13), "every step of a rotation was the last one once"


def test_an_incomplete_service_and_an_unreadable_greeting_are_refused_before_anything_is_touched(
    cluster: Cluster,
) -> None:
    cluster.problem, cluster.steps_left = "database: no primary", 0
    with pytest.raises(UsageError, match="not complete: database: no primary"):
        rotate(cluster)
    rotation = Rotation(cluster, None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not complete"):
        rotation.greeting("Servus")
    for text in ("", "two\nlines", "x" * 201):
        with pytest.raises(UsageError, match="one line of 1 to 200"):
            rotation.greeting(text)


def test_the_greeting_is_changed_and_every_web_pod_is_asked(cluster: Cluster) -> None:
    Rotation(cluster, None).greeting("Servus")  # type: ignore[arg-type]
    assert cluster.greeting == "Servus"
    old = json.dumps({"greeting": "Hello"})
    cluster.pod_get = lambda *_: old  # type: ignore[method-assign,assignment]
    with pytest.raises(AssertionError, match="web-0 says 'Hello'"):
        Rotation(cluster, None).greeting("Servus")  # type: ignore[arg-type]
