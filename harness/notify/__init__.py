"""Tells people and programs what a nightly cycle came to: messages, metrics, JUnit, Markdown (docs/notify.md)."""
