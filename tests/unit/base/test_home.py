"""A path that begins with ~ of somebody who is not there."""

from __future__ import annotations

import pytest

from kubedrill.base.errors import UsageError
from kubedrill.base.project import state_folder
from kubedrill.bundle.cache import cache_root


@pytest.mark.parametrize("name", ["KUBEDRILL_CACHE", "XDG_CACHE_HOME", "KUBEDRILL_STATE"])
def test_an_unknown_user_is_named_with_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for each in ("KUBEDRILL_CACHE", "XDG_CACHE_HOME", "KUBEDRILL_STATE"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "~nobody9/x")
    with pytest.raises(UsageError, match=f"{name} is '~nobody9/x': no home directory of nobody9"):
        state_folder() if name == "KUBEDRILL_STATE" else cache_root()
