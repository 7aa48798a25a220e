"""Deploys, rolls and removes the application that is drilled.

That is the sample application (``sample-app/``, docs/sample-app.md), or one of the user's own (docs/own-app.md).
"""

from harness.app.app import SampleApp
from harness.app.application import Application, AppStatus, Endpoints
from harness.app.own_app import APPLIED_LABEL, OwnApp
from harness.app.source import AppSource, read_app

__all__ = ["APPLIED_LABEL", "AppSource", "AppStatus", "Application", "Endpoints", "OwnApp", "SampleApp", "read_app"]
