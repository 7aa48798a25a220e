"""An application's objects, rendered from its kustomize directory or Helm chart."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from kubedrill.base.errors import ConfigErrors, StepFailed, UsageError
from kubedrill.bundle.cache import cache_root
from kubedrill.bundle.tools import tool_path

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.config.app import AppSettings, Helm

_OUTPUT_CHARS = 1500
"""Characters of a program's error that are shown: kustomize and helm tell the place first."""


def render(app: AppSettings, seconds: float) -> tuple[dict[str, Any], ...]:
    """Return the application's objects in the order in which the program gave them.

    () where its owner deployed it.

    ``seconds`` is timeouts.render.

    Raises:
        UsageError: the program is not there; says what to install.
        StepFailed: the program refused; carries its own words.
        ConfigErrors: what it printed are no Kubernetes objects; all mistakes at once.
    """
    if app.kustomize is not None:
        return parse(
            _run(kustomize_argv(kubectl_program(), app.kustomize), seconds), str(app.kustomize)
        )
    if app.helm is not None:
        return parse(
            _run(helm_argv(helm_program(), app.helm, app.namespace), seconds), str(app.helm.chart)
        )
    return ()


def kustomize_argv(program: str, folder: Path) -> list[str]:
    """``kubectl kustomize`` reads the folder only; it needs no cluster."""
    return [program, "kustomize", str(folder)]


def helm_argv(program: str, helm: Helm, namespace: str) -> list[str]:
    """``helm template`` without hooks.

    Tests and jobs that `helm install` would run at its own times.
    """
    values = [part for path in helm.values for part in ("--values", str(path))]
    return [
        program,
        "template",
        helm.release,
        str(helm.chart),
        "--namespace",
        namespace,
        "--no-hooks",
        *values,
    ]


def kubectl_program() -> str:
    """Return kubectl from PATH, else the newest bundle's. Raises UsageError where there is none."""
    installed = shutil.which("kubectl")
    bundled = sorted(
        cache_root().glob("bundles/v*/bin/kubectl"), key=lambda path: _version(path.parts[-3])
    )
    if installed or bundled:
        return installed or str(bundled[-1])
    raise UsageError(
        "app.kustomize needs kubectl, which is neither on PATH nor in a release bundle. Install it "
        "(https://kubernetes.io/docs/tasks/tools/), or make a bundle: kubedrill bundle build"
    )


def helm_program() -> str:
    """Return helm from PATH, else from the tools bundle. Raises UsageError where there is none."""
    bundled = tool_path("helm")
    if program := shutil.which("helm") or (str(bundled) if bundled.is_file() else ""):
        return program
    raise UsageError(
        "app.helm needs helm, which is neither on PATH nor in the tools bundle. Build it: "
        "kubedrill "
        "bundle build --tools, or install it (https://helm.sh/docs/intro/install/)"
    )


def parse(text: str, where: str) -> tuple[dict[str, Any], ...]:
    """Read objects from YAML; a List counts as its items.

    Raises:
        ConfigErrors: it is no YAML, or holds what is no object with a name; all mistakes at once.
    """
    try:
        documents = [
            each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each is not None
        ]
    except yaml.YAMLError as error:
        raise ConfigErrors(where, [f"gave no YAML: {' '.join(str(error).split())}"]) from error
    objects: list[Any] = []
    for document in documents:
        is_list = (
            isinstance(document, dict)
            and str(document.get("kind", "")).endswith("List")
            and "items" in document
        )
        objects += document["items"] or [] if is_list else [document]
    mistakes = [
        mistake for number, obj in enumerate(objects, 1) if (mistake := _mistake(obj, number))
    ]
    if mistakes or not objects:
        raise ConfigErrors(where, mistakes or ["gave no object at all"])
    return tuple(objects)


def label(obj: dict[str, Any]) -> str:
    """As "Deployment shop"."""
    return f"{obj['kind']} {obj['metadata']['name']}"


def _mistake(obj: Any, number: int) -> str:
    if not isinstance(obj, dict):
        return f"object {number} is a {type(obj).__name__}, expected a Kubernetes object"
    missing = [part for part in ("apiVersion", "kind") if not isinstance(obj.get(part), str)]
    meta = obj.get("metadata")
    missing += (
        [] if isinstance(meta, dict) and isinstance(meta.get("name"), str) else ["metadata.name"]
    )
    return (
        f"object {number} ({obj.get('kind', 'no kind')}) lacks {', '.join(missing)}"
        if missing
        else ""
    )


def _run(argv: list[str], seconds: float) -> str:
    what = f"{argv[0]} {argv[1]}"
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise StepFailed(
            f"{what} was not done within {seconds:g} s (timeouts.render): {' '.join(argv)}"
        ) from error
    except OSError as error:
        raise UsageError(f"{what} could not be started: {error.strerror}") from error
    if done.returncode:
        output = (done.stderr or done.stdout).strip()[:_OUTPUT_CHARS]
        raise StepFailed(
            f"the application could not be rendered: {' '.join(argv)} ended with "
            f"{done.returncode}:\n{output}"
        )
    return done.stdout


def _version(bundle: str) -> tuple[int, ...]:
    """A bundle's version as numbers, so that v1.36.10 comes after v1.36.9."""
    numbers = bundle.partition("-")[0].removeprefix("v").split(".")
    return tuple(int(part) for part in numbers if part.isdecimal())
