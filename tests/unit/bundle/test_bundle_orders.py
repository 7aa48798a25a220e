"""The application bundle: what is in it, and that it agrees with what the project's tests run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.bundle import golang, orders
from kubedrill.bundle.golang import go_recipe
from kubedrill.bundle.modules_source import modules_items
from kubedrill.bundle.orders import INGRESS, NATS, orders_items
from kubedrill.bundle.recipes import order
from kubedrill.bundle.releases import RELEASES

if TYPE_CHECKING:
    import pytest

CHECKOUT = Path(__file__).parents[3]


def locked(file: str) -> dict[str, str]:
    text = (CHECKOUT / file).read_text()
    return dict(re.findall(r"^([a-z][\w.-]*)==([^\s;\\]+)", text, re.MULTILINE))


def test_the_image_holds_the_versions_that_are_tested() -> None:
    tested, shipped = locked("requirements.lock"), locked("apps/orders/requirements.lock")
    assert {name: tested.get(name) for name in shipped} == shipped


def test_queue_and_ingress_are_the_locked_versions() -> None:
    for product, module in (
        (NATS, "github.com/nats-io/nats-server/v2"),
        (INGRESS, "github.com/zalando/skipper"),
    ):
        assert f"{module} {product.version}" in (product.module / "go.mod").read_text()


def test_a_change_of_our_own_program_builds_it_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = go_recipe(INGRESS).key
    shutil.copytree(golang.MODULES / "ingress", tmp_path / "ingress")
    monkeypatch.setattr(golang, "MODULES", tmp_path)
    assert go_recipe(INGRESS).key == before
    with (tmp_path / "ingress" / "main.go").open("a") as source:
        source.write("// changed\n")
    assert go_recipe(INGRESS).key != before


def test_every_node_gets_every_image_once() -> None:
    items = orders_items()
    assert {item.name for item in items} == {
        "nats-server",
        "ingress",
        "postgres",
        "valkey",
        "orders-v1",
        "orders-v2",
    }
    assert {item.kind for item in items} == {"image"}
    assert len({item.image for item in items}) == len(items)
    assert all(set(item.nodes) == {"control_plane", "worker"} for item in items)


def test_release_bundles_have_nothing_of_it() -> None:
    """site.yml must not take longer for an application that is deployed later, or never."""
    released = {item.image for release in RELEASES for item in modules_items(release)}
    assert released.isdisjoint(item.image for item in orders_items())


def test_the_service_stands_on_the_layer_that_nodes_have_already() -> None:
    ours = {recipe.name: recipe.key for recipe in order(orders_items())}
    theirs = {recipe.name: recipe.key for recipe in order(modules_items(RELEASES[0]))}
    assert ours["layer-python"] == theirs["layer-python"]


def test_a_change_of_the_service_makes_its_two_images_anew_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    before = {recipe.name: recipe.key for recipe in order(orders_items())}
    copy = tmp_path / "orders-app"
    shutil.copytree(orders.ORDERS_APP, copy)
    (copy / "main.py").write_text("print()\n")
    monkeypatch.setattr(orders, "ORDERS_APP", copy)
    after = {recipe.name: recipe.key for recipe in order(orders_items())}
    assert {name for name in after if after[name] != before[name]} == {
        "image-orders-v1",
        "image-orders-v2",
    }
