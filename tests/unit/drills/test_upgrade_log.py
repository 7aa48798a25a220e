"""The log that an upgrade leaves in the run's folder has no secret, however the upgrade ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.cluster.playbooks import KillPlaybook
from kubedrill.core.upgrades import _without_secrets

if TYPE_CHECKING:
    from pathlib import Path


def test_secrets_are_taken_out_of_the_log_of_a_playbook_that_was_killed(
    make_inventory: Any, tmp_path: Path
) -> None:
    log = tmp_path / "cluster-upgrade.1.ansible.log"
    inventory = make_inventory(ansible_become_password="correct horse")
    output = "TASK [Look] ***\nok: [cp1] => correct horse\ntoken: abcdef.0123456789abcdef\n"

    def killed() -> None:
        log.write_text(output)
        raise KillPlaybook("cut")

    with pytest.raises(KillPlaybook), _without_secrets(log, inventory):
        killed()
    assert log.read_text() == "TASK [Look] ***\nok: [cp1] => [redacted]\ntoken: [redacted]\n"


def test_a_playbook_that_never_began_leaves_no_log(make_inventory: Any, tmp_path: Path) -> None:
    with _without_secrets(tmp_path / "none.log", make_inventory()):
        pass
    assert not list(tmp_path.iterdir())
