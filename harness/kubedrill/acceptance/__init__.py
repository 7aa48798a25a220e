"""Checks of a live cluster: ``pytest --pyargs kubedrill.acceptance --inventory INVENTORY``."""
