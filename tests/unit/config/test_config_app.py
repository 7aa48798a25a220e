"""The section app: every mistake at once, paths beside the file, objectives in place of limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubedrill.base.errors import ConfigErrors
from kubedrill.config import Settings, load_settings
from kubedrill.config import app as module
from kubedrill.drills import ALL

MINE: dict[str, Any] = {
    "namespace": "shop",
    "workload": "deployment/web",
    "deployed": True,
    "endpoints": {"outside": {"node_port": 30880}, "inside": {"service": "web", "port": 80}},
}
DOCS = Path(__file__).parents[3] / "docs" / "reference" / "application.md"


def write(folder: Path, **more: Any) -> Path:
    path = folder / "kubedrill.yml"
    path.write_text(yaml.safe_dump(more), encoding="utf-8")
    return path


def mistakes(folder: Path, **changed: Any) -> str:
    with pytest.raises(ConfigErrors) as caught:
        load_settings(write(folder, app={**MINE, **changed}))
    return str(caught.value)


def test_without_the_section_the_sample_application_is_drilled() -> None:
    assert Settings().app is None


def test_all_mistakes_of_the_section_are_listed_at_once(tmp_path: Path) -> None:
    outside = {"path": "healthz", "scheme": "gopher", "node_port": 0}
    output = mistakes(
        tmp_path,
        namespace="kubedrill-mine",
        workload="daemonset/web",
        deployed=False,
        kustomize="nowhere",
        helm={"chart": ".", "values": ["none.yaml"]},
        endpoints={"outside": outside, "inside": {"service": "web"}},
        objectives={"outage_s": -1},
        colour="red",
    )
    assert "has 11 mistakes" in output
    for words in (
        "app.namespace: namespaces that begin with kubedrill- are kubedrill's own",
        "app.workload: expected deployment/NAME or statefulset/NAME, found 'daemonset/web'",
        f"app.kustomize: there is no {tmp_path / 'nowhere'}",
        "app.helm.chart: ",
        "it has no Chart.yaml",
        f"app.helm.values.0: there is no {tmp_path / 'none.yaml'}",
        "app.endpoints.outside.path: ",
        "app.endpoints.outside.scheme: ",
        "app.endpoints.outside.node_port: ",
        "app.endpoints.inside.port: is missing",
        "app.objectives.outage_s: ",
        "app.colour: no such setting; known here: deployed, ",
    ):
        assert words in output


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"deployed": False}, "none of them is given"),
        ({"helm": {"chart": "chart"}}, "helm and deployed: true is given"),
        (
            {"kustomize": "kust", "deployed": False, "helm": {"chart": "chart"}},
            "kustomize and helm is given",
        ),
    ],
)
def test_exactly_one_source(tmp_path: Path, changed: dict[str, Any], expected: str) -> None:
    for folder, file in (("chart", "Chart.yaml"), ("kust", "kustomization.yml")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).touch()
    assert expected in mistakes(tmp_path, **changed)


@pytest.mark.parametrize(
    ("outside", "expected"),
    [
        ({}, "give either node_port or url"),
        ({"node_port": 30880, "url": "http://10.0.0.9/"}, "give either node_port or url"),
        ({"url": "http://shop.example/"}, "with an IP address, found 'http://shop.example/'"),
        ({"url": "10.0.0.9:80"}, "expected http(s)://ADDRESS"),
        ({"url": "https://10.0.0.9/", "path": "/healthz"}, "leave scheme and path out"),
        ({"url": "http://10.0.0.9/", "host": "a\r\nb"}, "app.endpoints.outside.host"),
    ],
)
def test_one_way_in_from_outside(tmp_path: Path, outside: dict[str, Any], expected: str) -> None:
    assert expected in mistakes(tmp_path, endpoints={**MINE["endpoints"], "outside": outside})


def test_an_ingress_is_asked_by_its_address_and_name(tmp_path: Path) -> None:
    outside = {"url": "https://10.0.0.9:8443/healthz", "host": "shop.example", "verify": False}
    result = load_settings(
        write(tmp_path, app={**MINE, "endpoints": {**MINE["endpoints"], "outside": outside}})
    ).app
    assert result is not None
    assert result.endpoints.outside.host == "shop.example"


def test_paths_are_relative_to_the_file_and_not_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "kustomization.yaml").touch()
    monkeypatch.chdir("/")
    app = {**MINE, "deployed": False, "kustomize": "shop"}
    settings = load_settings(write(tmp_path, app=app))
    assert settings.app is not None
    assert settings.app.kustomize == folder
    assert settings.app.description == f"deployment/web in namespace shop (kustomize {folder})"
    again = Settings.model_validate(
        yaml.safe_load(yaml.safe_dump(settings.model_dump(mode="json")))
    )
    assert again == settings, (
        "a nightly cell writes the settings down and reads them in another folder"
    )


def limits_of(data: dict[str, Any]) -> dict[str, Any]:
    settings = Settings.model_validate(data)
    return {name: settings.limits(name, drill.limits) for name, drill in ALL.items()}


def test_objectives_stand_for_the_limits_that_are_not_given() -> None:
    given = {
        "failover_worker": {"app_outage_s": 60, "app_max_failed": None},
        "node_drain": {"api_outage_s": 9},
    }
    app = {**MINE, "objectives": {"outage_s": 4, "max_failed": 20}}
    limits = limits_of({"app": app, "drills": given})
    for name in set(ALL) - {"failover-worker"}:
        assert (limits[name].app_outage_s, limits[name].app_max_failed) == (4, 20), name
    worker = limits["failover-worker"]
    assert (worker.app_outage_s, worker.app_max_failed) == (60, None), (
        "what is given for a drill wins"
    )
    assert limits["node-drain"].api_outage_s == 9
    assert limits["failover-vip"].api_outage_s == ALL["failover-vip"].limits.api_outage_s


def test_one_objective_leaves_the_other_to_each_drill() -> None:
    limits = limits_of({"app": {**MINE, "objectives": {"outage_s": 4}}})
    assert limits["node-drain"].app_max_failed == 0
    assert limits_of({"app": MINE}) == {name: drill.limits for name, drill in ALL.items()}


def test_mistakes_beside_objectives_are_told_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_settings(
            write(tmp_path, app={**MINE, "objectives": {"outage_s": "soon"}}, drills=["node-drain"])
        )
    assert len(caught.value.mistakes) == 2


def test_the_documentation_lists_every_setting() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert Settings.model_fields["app"].annotation is not None
    for place, model in places().items():
        for name, field in model.model_fields.items():
            if field.description:
                assert f"| `{place}{name}` |" in text, (
                    f"docs/reference/application.md: {place}{name}"
                )
                assert field.description in text, (
                    f"docs/reference/application.md: {place}{name}: {field.description}"
                )


def places() -> dict[str, Any]:
    return {
        "": module.AppSettings,
        "helm.": module.Helm,
        "endpoints.outside.": module.Outside,
        "endpoints.inside.": module.Inside,
        "objectives.": module.Objectives,
    }
