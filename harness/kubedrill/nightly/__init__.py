"""Unattended cycles: each cell of a plan is drilled and upgraded on a fresh cluster.

docs/how-to/nightly.md tells what a plan says, what is kept of a cycle, and what happens when one is
killed.
"""
