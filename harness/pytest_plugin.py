"""pytest plugin: options and fixtures for suites that check a live cluster. Inactive until a test asks for a fixture."""

from __future__ import annotations
