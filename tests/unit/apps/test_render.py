"""Objects of an application from real programs.

Kubectl where there is one, and a stand-in for helm.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kubedrill.apps import render as module
from kubedrill.apps.render import (
    helm_argv,
    helm_program,
    kubectl_program,
    kustomize_argv,
    parse,
    render,
)
from kubedrill.base.errors import ConfigErrors, StepFailed, UsageError
from kubedrill.config.app import AppSettings, Helm

EXAMPLE = Path(__file__).parents[3] / "examples/own-app"
ENDPOINTS = {"outside": {"node_port": 30880}, "inside": {"service": "web", "port": 80}}
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"


def app(**source: Any) -> AppSettings:
    return AppSettings.model_validate(
        {"namespace": "shop", "workload": "deployment/web", "endpoints": ENDPOINTS, **source}
    )


@pytest.fixture
def kubectl() -> str:
    try:
        return kubectl_program()
    except UsageError as error:
        pytest.skip(str(error))


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_kustomize_directory_is_rendered_by_kubectl(kubectl: str, tmp_path: Path) -> None:
    assert kustomize_argv(kubectl, tmp_path) == [kubectl, "kustomize", str(tmp_path)]
    (tmp_path / "kustomization.yaml").write_text("namePrefix: my-\nresources: [web.yaml]\n")
    (tmp_path / "web.yaml").write_text(SERVICE)
    result = render(app(kustomize=tmp_path), 60)
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in result] == [("Service", "my-web")]


def test_kustomize_s_own_words_are_reported(kubectl: str, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [absent.yaml]\n")
    with pytest.raises(StepFailed, match=r"could not be rendered: (.|\n)*absent\.yaml"):
        render(app(kustomize=tmp_path), 60)
    assert kubectl


def test_the_newest_bundle_s_kubectl_is_taken_where_none_is_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="neither on PATH nor in a release bundle"):
        kubectl_program()
    for version in ("v1.36.9-amd64", "v1.36.10-amd64", "v1.35.4-amd64"):
        (tmp_path / "bundles" / version / "bin").mkdir(parents=True)
        program(tmp_path / "bundles" / version / "bin", "kubectl", "")
    assert kubectl_program() == str(tmp_path / "bundles/v1.36.10-amd64/bin/kubectl")


def test_helm_comes_from_path_else_from_the_tools_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path))
    folder = tmp_path / "bundles/tools-amd64/bin"
    folder.mkdir(parents=True)
    bundled = program(folder, "helm", "")
    assert helm_program() == str(bundled)
    installed = program(tmp_path, "helm", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert helm_program() == str(installed)


def test_helm_is_given_release_chart_namespace_and_values_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        UsageError, match=r"app\.helm needs helm, which is neither on PATH nor in the tools bundle"
    ):
        helm_program()
    for name in ("Chart.yaml", "a.yaml", "b.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "rendered").write_text(f"---\n# Source: web.yaml\n{SERVICE}")
    helm = program(tmp_path, "helm", f'echo "$*" > {tmp_path}/asked; cat {tmp_path}/rendered')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    values = [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    mine = app(helm={"chart": tmp_path, "release": "prod", "values": values})
    assert [obj["kind"] for obj in render(mine, 60)] == ["Service"]
    asked = (tmp_path / "asked").read_text().split()
    assert mine.helm is not None
    assert asked == helm_argv(str(helm), mine.helm, "shop")[1:]
    assert asked == [
        "template", "prod", str(tmp_path), "--namespace", "shop", "--no-hooks",
        "--values", values[0], "--values", values[1],
    ]  # fmt: skip


def test_a_program_that_hangs_is_ended_by_the_named_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "helm", "exec sleep 60")
    (tmp_path / "Chart.yaml").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(StepFailed, match=r"within 0\.2 s \(timeouts\.render\)"):
        render(app(helm={"chart": tmp_path}), 0.2)


def test_what_its_owner_deployed_is_not_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_run", None)
    assert render(app(deployed=True), 60) == ()


def test_lists_and_empty_documents_are_read_as_objects() -> None:
    items = "kind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n"
    text = f"---\n---\n{items}---\n{SERVICE}"
    assert [obj["kind"] for obj in parse(text, "x")] == ["A", "Service"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "gave no object at all"),
        ("a: [", "gave no YAML"),
        (
            "kind: A\n---\njust words\n",
            r"object 1 \(A\) lacks apiVersion, metadata.name\n.*object 2 is a str",
        ),
        ("apiVersion: v1\nkind: A\nmetadata: {generateName: a-}\n", "lacks metadata.name"),
    ],
)
def test_what_is_no_object_is_reported_all_at_once(text: str, expected: str) -> None:
    with pytest.raises(ConfigErrors, match=expected):
        parse(text, "x")


def test_a_packaged_chart_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shop-1.0.tgz").touch()
    assert Helm(chart=tmp_path / "shop-1.0.tgz").release == "app"
