"""Deploys, rolls and removes the application that is drilled.

That is the sample application (``apps/sample/``, docs/explanation/sample-application.md), or one of
the user's own (docs/how-to/own-application.md).
"""

from kubedrill.apps.application import Application, AppStatus, Endpoints
from kubedrill.apps.sample import SampleApp
from kubedrill.apps.source import AppSource, read_app
from kubedrill.apps.user_app import APPLIED_LABEL, UserApp

__all__ = [
    "APPLIED_LABEL",
    "AppSource",
    "AppStatus",
    "Application",
    "Endpoints",
    "SampleApp",
    "UserApp",
    "read_app",
]
