"""Read-only timed samples of what users of the cluster feel. docs/probes.md tells how they are taken."""
