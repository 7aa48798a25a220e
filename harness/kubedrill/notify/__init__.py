"""Tells people and programs what a nightly cycle came to.

Messages, metrics, JUnit, Markdown (docs/how-to/notify.md).
"""
