"""The example of docs/how-to/own-application.md.

Its configuration fits what it renders, its objects are valid, its program serves.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ports import free_port

from kubedrill.apps import read_app
from kubedrill.apps.render import kubectl_program
from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.config import load_settings
from kubedrill.drills import ALL

sys.path.insert(0, str(Path(__file__).parents[2]))
import kube_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[3] / "examples/own-app"


@pytest.fixture(scope="module")
def objects() -> tuple[dict[str, Any], ...]:
    try:
        kubectl_program()
    except UsageError as error:
        pytest.skip(str(error))
    return read_app(load_settings(EXAMPLE / "kubedrill.yml")).objects


def test_its_objects_are_valid_and_fit_the_configuration(
    objects: tuple[dict[str, Any], ...],
) -> None:
    assert [output for obj in objects for output in kube_schema.mistakes(obj)] == []
    assert {obj["kind"] for obj in objects} >= {
        "Deployment",
        "StatefulSet",
        "PodDisruptionBudget",
        "ConfigMap",
    }


def test_its_image_is_on_the_nodes_and_its_pods_are_restricted(
    objects: tuple[dict[str, Any], ...],
) -> None:
    for obj in objects:
        if obj["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = obj["spec"]["template"]["spec"]
        assert pod["containers"][0]["image"] == "docker.io/kubedrill/python:v1"
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        labels = obj["spec"]["template"]["metadata"]["labels"]
        assert obj["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_a_configuration_that_does_not_fit_the_directory_is_refused_before_anything_is_touched(
    objects: tuple[dict[str, Any], ...], tmp_path: Path
) -> None:
    assert objects
    text = (EXAMPLE / "kubedrill.yml").read_text().replace("kustomize: .", f"kustomize: {EXAMPLE}")
    path = tmp_path / "kubedrill.yml"
    path.write_text(
        text.replace("deployment/shopfront", "deployment/shop").replace(
            "node_port: 30880", "node_port: 30881"
        )
    )
    with pytest.raises(ConfigErrors) as caught:
        read_app(load_settings(path))
    assert len(caught.value.mistakes) == 2


def test_the_drills_that_its_configuration_and_document_name_are_there() -> None:
    notes = (Path(__file__).parents[3] / "docs/how-to/own-application.md").read_text() + (
        EXAMPLE / "kubedrill.yml"
    ).read_text()
    named = [
        words.split()
        for words in re.findall(
            r"kubedrill drill .*--inventory \S+ ([a-z][-a-z ]*)$", notes, re.MULTILINE
        )
    ]
    assert named
    assert {name for names in named for name in names} <= set(ALL)


@contextmanager
def part(role: str, port: int, catalog: int = 1) -> Iterator[subprocess.Popen[str]]:
    env = {"ROLE": role, "PORT": str(port), "LISTEN": "127.0.0.1", "DRAIN_SECONDS": "30"}
    env["CATALOG_URL"] = f"http://127.0.0.1:{catalog}/"
    process = subprocess.Popen(
        [sys.executable, "-B", str(EXAMPLE / "serve.py")],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{role} on {port}\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def get(port: int, path: str = "/") -> tuple[int, Any, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read(), answer.headers.get("Connection", "")
    except urllib.error.HTTPError as error:
        return error.code, error.read(), ""


def test_a_catalog_that_is_gone_makes_answers_old_and_fails_none() -> None:
    front, goods = free_port(), free_port()
    with part("shopfront", front, goods):
        assert get(front)[0] == 503, "it never heard of the catalog"
        with part("catalog", goods):
            output = json.loads(get(front)[1])["goods"]
        assert output
        status, body, _ = get(front)
        assert (status, json.loads(body)["goods"]) == (200, output)


def test_it_serves_on_while_it_drains_and_sends_nobody_here() -> None:
    port = free_port()
    with part("catalog", port) as process:
        assert get(port, "/ready")[0] == 200
        process.send_signal(signal.SIGTERM)
        while get(port, "/ready")[0] == 200:
            pass  # the signal is on its way
        status, _, connection = get(port)
        assert (status, connection) == (200, "close")
