"""The state of a cycle is read from a file, whose words become paths and names of containers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import UsageError
from kubedrill.nightly.state import CellState, CycleState, PartState, Store, read_state

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    parts = [PartState(name="up", log="1+1_1.35.4/up.1.log")]
    cell = CellState(
        key="1+1_1.35.4", topology="1+1", versions=("1.35.4",), during="",
        cluster="nightly-11302019abcd-01", parts=parts, diagnostics="1+1_1.35.4/d.tar.gz",
    )  # fmt: skip
    cycle = CycleState(
        cycle="20260301T020000Z-abcd", plan="nightly", plan_path="p", digest="d", cells=[cell]
    )
    store = Store(tmp_path, cycle)
    store.save()
    return store


def test_a_state_is_read_as_it_was_written(store: Store) -> None:
    assert read_state(store.folder) == store.state


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("cluster",), "../../home"),
        (("cluster",), "--all"),
        (("cluster",), ".*"),
        (("cluster",), ""),
        (("cluster",), "a" * 64),
        (("key",), "../x"),
        (("key",), "/etc"),
        (("key",), "a\nb"),
        (("diagnostics",), "../../../etc/passwd"),
        (("parts", 0, "log"), "/etc/passwd"),
        (("parts", 0, "log"), "x/../../y"),
    ],
)
def test_names_that_leave_the_folder_or_name_something_else_are_refused(
    store: Store, place: tuple[Any, ...], value: str
) -> None:
    path = store.folder / "cycle.json"
    document = json.loads(path.read_text("utf-8"))
    *parents, last = ("cells", 0, *place)
    entry = document
    for step in parents:
        entry = entry[step]
    entry[last] = value
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(UsageError, match="expected the state of a cycle"):
        read_state(store.folder)
