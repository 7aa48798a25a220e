"""All probes of one drill: from start to stop, outside, inside and control."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kubedrill.base.model import PROCESS, Connection, Event, ProbeSpec, Vantage
from kubedrill.base.waits import Waiting, pause, wait_for
from kubedrill.probes import inside
from kubedrill.probes.control import BODY
from kubedrill.probes.fetch import Fetcher
from kubedrill.probes.process import Helper
from kubedrill.probes.sampler.kinds import Spec
from kubedrill.probes.standard import NAMESPACE
from kubedrill.probes.tail import Tail
from kubedrill.record import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.config import Settings
    from kubedrill.probes.standard import Targets

START_S = 20.0  # a Python process starts in under 1 s; a host that is busy building may need some


class ProbeSession:
    """Starts the probes, reports on them and stops them. Use as a context manager.

    Args:
        specs: the probes; the header of the record should list the same.
        record_path: where samples are appended.
        api: the cluster.
        targets: where the cluster's parts are, for DNS and expected answers.
        watched: clients of the watch ledger by name, as URLs; none: it is not kept.
    """

    def __init__(  # noqa: PLR0913 - each is named by the caller
        self,
        specs: Iterable[ProbeSpec],
        record_path: Path,
        *,
        api: ClusterApi,
        settings: Settings,
        targets: Targets,
        watched: Mapping[str, str] | None = None,
    ) -> None:
        self.specs = tuple(specs)
        self._path, self._api, self._settings, self._targets = (
            Path(record_path),
            api,
            settings,
            targets,
        )
        self._watched = dict(watched or {})
        self._stack = ExitStack()
        self._sampler: Helper | None = None
        self._control: Helper | None = None
        self._ledger: Helper | None = None
        self._fetchers: list[Fetcher] = []  # one for each node that a prober stands on
        self._tail = Tail(self._path, [spec.name for spec in self.specs])
        self._began = 0

    def start(self) -> None:
        """Start all probes and wait until each has a first answer, good or bad.

        timeouts.probes_ready.

        Raises:
            StepFailed: a probe process died, or the cluster refused the prober.
            DeadlineExceeded: a probe has no answer in time; names the probes.
        """
        self._began = time.monotonic_ns()
        try:
            api_probes = [spec for spec in self.specs if spec.kind.startswith("api-")]
            if api_probes or self._of(Vantage.INSIDE):
                self._api.apply(inside.namespace_objects(api_probes))
            self._start_ledger()
            self._start_outside()
            self._start_inside()
            seconds = self._settings.timeouts.probes_ready
            wait_for(
                "every probe to have an answer",
                self._all_answered,
                seconds=seconds,
                setting="probes_ready",
            )
        except BaseException:
            self._abandon()
            raise

    def stop(self) -> None:
        """Stop firing, bring in what is in flight, and take the prober out of the cluster.

        The probes' namespace stays for the next drill; :func:`kubedrill.probes.remove_probes` takes
        it away.

        Raises:
            StepFailed: the sampler had died, or could not write the record.
            DeadlineExceeded: the in-cluster prober's last samples could not be fetched.
        """
        for fetcher in self._fetchers:
            fetcher.until = time.monotonic_ns()
        try:
            for name, helper in (("watch ledger", self._ledger), ("sampler", self._sampler)):
                if helper is not None:
                    helper.stop(START_S)
                    self._record_end(name)
            if self._fetchers:
                pause(max(spec.timeout_s for spec in self.specs))
                for fetcher in self._fetchers:
                    fetcher.stop(self._settings.timeouts.probes_ready, "probes_ready")
                self._api.delete(inside.prober_objects([], [])[-1:])
        finally:
            self._abandon()

    def _record_end(self, name: str) -> None:
        """Record that a helper ended as it should; any other status ends the drill by its error."""
        with RecordWriter(self._path) as writer:
            writer.event(Event(PROCESS, "harness", name, time.monotonic_ns(), {"code": 0}))

    def latest(self) -> dict[str, tuple[int, int]]:
        """Per probe: successes and requests of the last seconds; (0, 0) means nothing is known.

        Raises:
            StepFailed: the sampler process died.
        """
        for helper in (self._sampler, self._control, self._ledger, *self._fetchers):
            if helper is not None:
                helper.check()
        return self._tail.latest()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if error is None:
            self.stop()
            return
        try:
            self.stop()
        except Exception as later:  # noqa: BLE001 - the first error counts; this one is its note
            error.add_note(f"and then the probes could not be stopped in order: {later}")

    def _of(self, *vantages: Vantage) -> list[ProbeSpec]:
        return [spec for spec in self.specs if spec.vantage in vantages]

    def _start_ledger(self) -> None:
        """Keep the watch ledger, from a process beside the sampler."""
        if not self._watched:
            return
        self._api.apply([inside.ledger_object()])
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kubedrill-watch-"))
        config = {
            "record": str(self._path.absolute()),
            "path": f"/api/v1/namespaces/{NAMESPACE}/configmaps",
            "name": inside.LEDGER,
            "clients": self._watched,
            "tls": self._client_files(),
        }
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        self._ledger = self._stack.enter_context(Helper("sampler.watch_ledger", str(path)))
        self._ledger.start(START_S, "probes_ready")

    def _client_files(self) -> dict[str, str]:
        ca, cert, key = self._api.client_cert_files()
        return {"ca": str(ca), "cert": str(cert), "key": str(key)}

    def _start_outside(self) -> None:
        specs = self._of(Vantage.OUTSIDE, Vantage.CONTROL)
        if not specs:
            return
        folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kubedrill-probes-"))
        )
        control, tls = "", {}
        if any(spec.vantage is Vantage.CONTROL and not spec.target for spec in specs):
            self._control = self._stack.enter_context(Helper("control"))
            control = f"http://127.0.0.1:{self._control.start(START_S, 'probes_ready')}/"
        if any(spec.kind.startswith("api-") for spec in specs):
            tls = self._client_files()
        config = {
            "record": str(self._path.absolute()),
            "parent": True,
            "probes": [asdict(self._sampler_spec(spec, tls, control)) for spec in specs],
        }
        path = folder / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        self._sampler = self._stack.enter_context(Helper("sampler", str(path)))
        self._sampler.start(START_S, "probes_ready")

    def _start_inside(self) -> None:
        specs = self._of(Vantage.INSIDE)
        if not specs:
            return
        places = list(dict.fromkeys(spec.place for spec in specs))
        asked = [spec for spec in specs if spec.place == places[0]]
        configs = [asdict(self._sampler_spec(spec, {}, "")) for spec in asked]
        self._api.apply(inside.prober_objects(places, configs, uuid.uuid4().hex))
        self._api.wait_rollout("DaemonSet", NAMESPACE, inside.NAME)
        writer = self._stack.enter_context(RecordWriter(self._path))
        for place in places:
            here = [spec for spec in specs if spec.place == place]
            probes = {each.name: spec for each, spec in zip(asked, here, strict=True)}
            get = inside.ProberPod(self._api, place).get
            fetcher = Fetcher(get, writer, since=self._began, probes=probes)
            fetcher.start()
            self._fetchers.append(fetcher)

    def _sampler_spec(self, spec: ProbeSpec, tls: dict[str, str], control: str) -> Spec:
        dns = spec.kind == "dns"
        own_control = spec.vantage is Vantage.CONTROL and not spec.target
        return Spec(
            name=spec.name,
            kind=spec.kind,
            target=control if own_control else spec.target,
            reuse=spec.connection is Connection.REUSED,
            interval_s=spec.interval_s,
            timeout_s=spec.timeout_s,
            expect=BODY if own_control else self._targets.dns_expect if dns else "",
            resolver=self._targets.dns_server if dns else "",
            tls=tls if spec.kind.startswith("api-") else {} if spec.verify else {"verify": "no"},
            host=spec.host,
        )

    def _all_answered(self) -> bool | Waiting:
        self.latest()
        silent = self._tail.silent()
        if not silent:
            return True
        problems = [each.last_problem for each in self._fetchers if each.last_problem]
        why = f" ({'; '.join(problems)})" if problems else ""
        return Waiting(f"no answer yet: {', '.join(silent)}{why}")

    def _abandon(self) -> None:
        for fetcher in self._fetchers:
            fetcher.halt()
        self._fetchers.clear()
        self._sampler = self._control = self._ledger = None
        self._stack.close()
