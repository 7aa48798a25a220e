"""Runs drills: steady state, probes, fault, recovery, heal whatever happens, record, verdict, report."""
