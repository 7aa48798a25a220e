"""Nodes on this machine: image, box, Docker, KVM, what the host must have, and clean-up."""
