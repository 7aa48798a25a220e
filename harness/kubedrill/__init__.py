"""kubedrill's harness: it breaks a cluster on purpose and reports what its users would have felt.

The layers, and which may import which, are drawn in docs/explanation/architecture.md and
enforced by import-linter.
"""
