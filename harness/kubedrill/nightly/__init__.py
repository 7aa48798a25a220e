"""Unattended cycles: each cell of a plan gets a fresh cluster, is drilled and upgraded, and is taken away again.

docs/how-to/nightly.md tells what a plan says, what is kept of a cycle, and what happens when one is
killed.
"""
