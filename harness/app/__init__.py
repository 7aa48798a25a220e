"""Deploys, rolls and removes the sample application (``sample-app/``). docs/sample-app.md tells what it is made of."""

from harness.app.app import AppStatus, Endpoints, SampleApp

__all__ = ["AppStatus", "Endpoints", "SampleApp"]
