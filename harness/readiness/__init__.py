"""Is a cluster ready for an upgrade? Looks at it as it stands and changes nothing (docs/readiness.md).

:func:`~harness.readiness.gather.gather` makes a frozen :class:`~harness.readiness.model.Snapshot` of everything that
was read, :func:`~harness.readiness.judge.judge` is a pure function of it.
"""
