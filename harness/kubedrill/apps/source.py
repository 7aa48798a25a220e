"""Which application a run drills.

The sample, or what the section ``app:`` of the configuration names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubedrill.apps.render import render
from kubedrill.apps.sample import SampleApp
from kubedrill.apps.user_app import UserApp
from kubedrill.apps.user_objects import find_mistakes
from kubedrill.base.errors import ConfigErrors

if TYPE_CHECKING:
    from kubedrill.apps.application import Application
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.config import Settings


@dataclass(frozen=True)
class AppSource:
    """An application before it is on a cluster.

    ``objects`` is what was rendered of the user's own.
    """

    settings: Settings
    objects: tuple[dict[str, Any], ...] = ()

    def on(self, api: ClusterApi) -> Application:
        """Return the application on a cluster; nothing is deployed yet."""
        app = self.settings.app
        return SampleApp(api, self.settings) if app is None else UserApp(api, app, self.objects)


def read_app(settings: Settings) -> AppSource:
    """Render the user's own application and look whether it is what the configuration says.

    Touches no cluster.

    Raises:
        UsageError: kubectl or helm is needed and not there.
        StepFailed: it could not be rendered.
        ConfigErrors: what was rendered does not fit ``app:``; all mistakes at once.
    """
    app = settings.app
    if app is None:
        return AppSource(settings)
    objects = render(app, settings.timeouts.render)
    mistakes = [] if app.deployed else find_mistakes(app, objects)
    if mistakes:
        raise ConfigErrors(f"app: ({app.source})", mistakes)
    return AppSource(settings, objects)
