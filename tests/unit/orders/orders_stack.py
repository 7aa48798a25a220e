"""A whole order service on this host.

A real queue of three servers, PostgreSQL, a cache and its own processes.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ports import free_ports
from servers import PATIENCE_S, until

CHECKOUT = Path(__file__).parents[3]
APP = CHECKOUT / "apps" / "orders"
COMMON = CHECKOUT / "apps" / "common"


@dataclass
class Program:
    """A process that can be killed and started again, with what it said in a file."""

    argv: list[str]
    log: Path
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Program:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv,
                env={**os.environ, **self.env},
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        return self

    def stop(self, number: int = signal.SIGKILL) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def output(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Stack:
    """Starts what it is asked for; :meth:`close` ends everything."""

    def __init__(self, folder: Path, nats_server: Path, database: str) -> None:
        self.folder, self._nats_server = folder, nats_server
        self.client_ports, self._route_ports = free_ports(3), free_ports(3)
        self.cache_port, self.http_port, self.grpc_port, self.worker_port = free_ports(4)
        self.programs: dict[str, Program] = {}
        (folder / "greeting").write_text("Hello\n")
        self.env = {
            "PYTHONPATH": str(COMMON),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NATS_URLS": ",".join(f"nats://127.0.0.1:{port}" for port in self.client_ports),
            "QUEUE_REPLICAS": "3",
            "DATABASE": database,
            "CACHE_URL": f"redis://127.0.0.1:{self.cache_port}/0",
            "SECRETS_DIR": str(folder / "secrets"),
            "GREETING_FILE": str(folder / "greeting"),
            "LISTEN_ADDRESS": "127.0.0.1",
            "DRAIN_SECONDS": "0.3",
            "APP_VERSION": "v1",
            "POD_NAME": "web-1",
            "NODE_NAME": "w1",
        }

    def up(self) -> None:
        """Start everything and wait until it answers."""
        for number in range(3):
            self.queue(number).start()
        self.cache().start()
        migration = self.app("migrate").start()
        assert migration.process is not None
        assert migration.process.wait(PATIENCE_S) == 0, migration.output()
        self.worker().start()
        self.web().start()
        self.ready()

    def queue(self, number: int) -> Program:
        name = f"queue-{number}"
        if name not in self.programs:
            config = self.folder / f"{name}.conf"
            routes = ",".join(f"nats://127.0.0.1:{port}" for port in self._route_ports)
            store, route = self.folder / name, f"127.0.0.1:{self._route_ports[number]}"
            config.write_text(
                f'server_name: "{name}"\nlisten: "127.0.0.1:{self.client_ports[number]}"\n'
                "jetstream "
                f'{{ store_dir: "{store}", max_memory_store: 1M, sync_interval: always }}\n'
                "cluster "
                f'{{ name: orders, listen: "{route}", routes: [{routes}] }}\n'
            )
            self.programs[name] = Program(
                [str(self._nats_server), "-c", str(config)], self.folder / f"{name}.log"
            )
        return self.programs[name]

    def cache(self) -> Program:
        argv = [
            "redis-server",
            "--port",
            str(self.cache_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        return self.programs.setdefault("cache", Program(argv, self.folder / "cache.log"))

    def app(self, program: str, *, main: Path = APP / "main.py", **env: str) -> Program:
        return self.programs.setdefault(
            program,
            Program(
                [sys.executable, str(main), program],
                self.folder / f"{program}.log",
                {**self.env, **env},
            ),
        )

    def web(self, **env: str) -> Program:
        return self.app("web", HTTP_PORT=str(self.http_port), GRPC_PORT=str(self.grpc_port), **env)

    def worker(self) -> Program:
        return self.app("worker", HTTP_PORT=str(self.worker_port))

    def ready(self) -> None:
        until("the web face to be ready", lambda: self.ask("GET", "/readyz").status == 200)

    def ask(self, method: str, path: str, body: Any = None, key: str = "", port: int = 0) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http_port, timeout=15)
        headers = {"Idempotency-Key": key} if key else {}
        try:
            data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode())
        finally:
            connection.close()

    def place(self, item: str = "tea", key: str = "", **more: Any) -> Answer:
        return self.ask("POST", "/orders", {"item": item, **more}, key)

    def stored(self, order_id: str) -> Any:
        """Wait until an order can be read back, and return it."""
        answer = until(
            f"order {order_id} to be stored",
            lambda: (a := self.ask("GET", f"/orders/{order_id}")).status == 200 and a,
        )
        return answer.json

    def every(self) -> list[Any]:
        """All orders, page by page."""
        result: list[Any] = []
        since = 0
        while page := (answer := self.ask("GET", f"/orders?since={since}&limit=500").json)[
            "orders"
        ]:
            result += page
            since = answer["next"]
        return result

    def metric(self, name: str, port: int = 0) -> float:
        lines = self.ask("GET", "/metrics", port=port).text.splitlines()
        return float(
            next((line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")), "0")
        )

    def close(self) -> None:
        for program in self.programs.values():
            if program.process is not None and program.process.poll() is None:
                program.signal(signal.SIGCONT)
                program.stop()

    @staticmethod
    def now() -> float:
        return time.monotonic()
