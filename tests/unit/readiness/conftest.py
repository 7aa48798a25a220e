"""The snapshot that the tests of readiness begin with."""

from ready_cluster import ready

__all__ = ["ready"]
