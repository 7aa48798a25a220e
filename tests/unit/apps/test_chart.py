"""The chart of examples/own-chart, rendered by helm itself: on PATH, or from the tools bundle."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubedrill.apps import read_app
from kubedrill.apps.render import helm_program, render
from kubedrill.base.errors import ConfigErrors, StepFailed, UsageError
from kubedrill.config import load_settings
from kubedrill.config.app import AppSettings, Helm

sys.path.insert(0, str(Path(__file__).parents[2]))
from kube_schema import mistakes

EXAMPLE = Path(__file__).parents[3] / "examples/own-chart"


@pytest.fixture(scope="module")
def helm() -> str:
    try:
        return helm_program()
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def objects(helm: str) -> dict[str, dict[str, Any]]:
    assert helm
    rendered = read_app(load_settings(EXAMPLE / "kubedrill.yml")).objects
    return {obj["kind"]: obj for obj in rendered}


def app(helm: Helm) -> AppSettings:
    settings = load_settings(EXAMPLE / "kubedrill.yml").app
    assert settings is not None
    return settings.model_copy(update={"helm": helm})


def test_the_chart_renders_valid_objects_that_fit_its_configuration(
    objects: dict[str, dict[str, Any]],
) -> None:
    assert [mistake for obj in objects.values() for mistake in mistakes(obj)] == []
    assert set(objects) == {
        "ConfigMap",
        "Deployment",
        "PodDisruptionBudget",
        "Secret",
        "Service",
    }, "the test hook is left out"


def test_release_and_values_file_reach_the_templates(objects: dict[str, dict[str, Any]]) -> None:
    assert {obj["metadata"]["name"] for obj in objects.values()} == {"shop-greeter"}
    assert objects["Deployment"]["spec"]["replicas"] == 3
    assert objects["Service"]["spec"]["type"] == "NodePort"
    assert objects["Service"]["spec"]["ports"][0]["nodePort"] == 30890
    assert objects["ConfigMap"]["data"] == {"greeting": "Hello from a chart"}


def test_the_chart_s_defaults_apply_without_a_values_file(helm: str) -> None:
    assert helm
    rendered = {
        obj["kind"]: obj for obj in render(app(Helm(chart=EXAMPLE / "chart", release="plain")), 60)
    }
    assert rendered["Deployment"]["metadata"]["name"] == "plain-greeter"
    assert rendered["Deployment"]["spec"]["replicas"] == 2
    assert rendered["Service"]["spec"]["type"] == "ClusterIP"
    assert "nodePort" not in rendered["Service"]["spec"]["ports"][0]


def test_a_packaged_chart_renders_the_same_objects(
    helm: str, objects: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    subprocess.run(
        [helm, "package", str(EXAMPLE / "chart"), "--destination", str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    chart = Helm(
        chart=tmp_path / "greeter-1.0.0.tgz", release="shop", values=(EXAMPLE / "drill.yaml",)
    )
    assert {obj["kind"]: obj for obj in render(app(chart), 60)} == objects


def test_helm_s_own_error_is_reported(helm: str, tmp_path: Path) -> None:
    assert helm
    chart = tmp_path / "chart"
    shutil.copytree(EXAMPLE / "chart", chart)
    (chart / "templates/service.yaml").write_text("{{ fail `no port is free` }}\n")
    with pytest.raises(StepFailed, match=r"could not be rendered: (.|\n)*no port is free"):
        render(app(Helm(chart=chart)), 60)


def test_a_configuration_that_does_not_fit_the_chart_is_refused(helm: str, tmp_path: Path) -> None:
    assert helm
    text = (EXAMPLE / "kubedrill.yml").read_text()
    text = text.replace("chart: chart", f"chart: {EXAMPLE / 'chart'}")
    text = text.replace("[drill.yaml]", f"[{EXAMPLE / 'drill.yaml'}]")
    config = tmp_path / "kubedrill.yml"
    config.write_text(text.replace("deployment/shop-greeter", "deployment/greeter"))
    with pytest.raises(ConfigErrors, match="there is no deployment/greeter; there are: deployment"):
        read_app(load_settings(config))
