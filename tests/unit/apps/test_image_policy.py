"""Images of kubedrill come from a bundle only.

Nobody of this project holds docker.io/kubedrill: what a registry gives under that name is a
stranger's.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubedrill.acceptance.agents import AGENT_IMAGE

ROOT = Path(__file__).resolve().parents[3]
OURS = re.compile(
    r"^(?P<indent> *)(?:- )?[\"']?image[\"']?: [\"']?"
    r"(docker\.io/kubedrill/|\{\{ addons_helper_image|\{\{ \.Values\.image|AGENT_IMAGE|IMAGE\b)"
)
MANIFESTS = sorted(
    path
    for folder in ("apps", "deploy", "examples", "harness", "roles")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".yaml", ".yml", ".j2", ".py"}
    and any(OURS.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    and path.name not in {"argument_specs.yml", "values.yaml"}
)


def test_the_manifests_were_found() -> None:
    names = {path.name for path in MANIFESTS}
    assert {"sample.yaml", "prober.yaml", "local-path-storage.yaml.j2", "agents.py"} <= names
    assert AGENT_IMAGE.startswith("docker.io/kubedrill/")


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_image_of_ours_is_never_pulled(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if OURS.match(line):
            container = "\n".join(lines[number + 1 : number + 4])
            assert re.search(r"imagePullPolicy\"?: .*\bNever\b", container), f"line {number + 1}"
