"""Plays that run tasks in both ways: piped, and as Ansible does it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = Path(__file__).with_name("sample.py")
SECONDS = 300
WAYS = {"piped": True, "ansible": False}


@dataclass(frozen=True)
class Plays:
    """Runs tasks with a copy of the collection that has the module ``sample`` too."""

    folder: Path

    def run(
        self, tasks: list[dict[str, Any]], *options: str, code: int = 0, **variables: str
    ) -> tuple[dict[str, Any], str]:
        """Return each task's result, by its name, and what Ansible printed.

        A result that is hidden by ``no_log`` is whatever Ansible lets be seen of it.
        """
        named = []
        for task in tasks:
            named += [
                {"register": "result", "ignore_errors": True, "ignore_unreachable": True, **task},
                {
                    "ansible.builtin.set_fact": {
                        "results": "{{ results | combine({name: result}) }}"
                    },
                    "vars": {"name": task["name"]},
                    "no_log": True,
                },
            ]
        save = {
            "ansible.builtin.copy": {
                "content": "{{ results | to_json }}",
                "dest": str(self.folder / "results.json"),
                "mode": "0600",
            },
            "vars": {"ansible_become": False, "ansible_connection": "local"},
            "check_mode": False,
            "diff": False,
            "no_log": True,
        }
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": {"results": {}},
            "tasks": [*named, save],
        }
        (self.folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE")
        }
        environment |= {
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_REMOTE_TMP": str(self.folder / "remote"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "PYTHONPATH": "",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "COLUMNS": "1000",
            **variables,
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        inventory = f"node ansible_connection=local ansible_python_interpreter={sys.executable}\n"
        (self.folder / "hosts").write_text(inventory)
        done = subprocess.run(
            [program, "-i", self.folder / "hosts", *options, self.folder / "play.yml"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8")), output

    def run_both_ways(
        self, tasks: dict[str, dict[str, Any]], *options: str, **variables: str
    ) -> tuple[dict[str, dict[str, Any]], str]:
        """Return for each task its two results, by way."""
        each = [
            {"name": f"{name} {way}", **task, "vars": {"cluster_piped_modules": switch}}
            for name, task in tasks.items()
            for way, switch in WAYS.items()
        ]
        results, output = self.run(each, *options, **variables)
        return {name: {way: results[f"{name} {way}"] for way in WAYS} for name in tasks}, output


@pytest.fixture(scope="session")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Plays:
    folder = tmp_path_factory.mktemp("plays")
    collection = folder / "ansible_collections/kubedrill/kubeadm"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("plugins", "meta"):
        shutil.copytree(ROOT / name, collection / name, ignore=ignore)
    shutil.copy(ROOT / "galaxy.yml", collection)
    shutil.copy(SAMPLE, collection / "plugins/modules/sample.py")
    with (collection / "meta/runtime.yml").open("a") as runtime:
        runtime.write("    sample:\n      action_plugin: kubedrill.kubeadm.piped\n")
    return Plays(folder)
