"""Runs drills: steady state, probes, fault, recovery, heal whatever happens, record, verdict, report."""

from harness.runner.run import RunResult, run_drills

__all__ = ["RunResult", "run_drills"]
