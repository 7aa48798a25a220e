"""Runs drills: steady state, fault, heal whatever happens, recovery, verdict, report."""
