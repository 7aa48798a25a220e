"""Is a cluster ready for an upgrade? Looks at it as it stands and changes nothing.

See docs/how-to/readiness.md.

:func:`~kubedrill.readiness.gather.gather` makes a frozen
:class:`~kubedrill.readiness.model.Snapshot` of everything that was read,
:func:`~kubedrill.readiness.judge.judge` is a pure function of it.
"""
