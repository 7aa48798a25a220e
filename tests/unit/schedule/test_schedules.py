"""Every schedule passes the linter of what runs it, and names commands and options that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kubedrill.cli.main import cli

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
INSTALL = (ROOT / "docs" / "how-to" / "schedule.md").read_text()
UNITS = sorted((DEPLOY / "systemd").iterdir())
TEXTS = [
    path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.parent.name != "plans"
]
CALL = re.compile(r"(?:\.venv/bin/|\[|exec )kubedrill,? ([a-z]+)((?:[ ,]+[^\s,|&]+)*)")


def tool(name: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).with_name(name)
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        pytest.skip(f"found no {name}")
    return subprocess.run(
        [path, *arguments], capture_output=True, text=True, check=False, timeout=120, cwd=cwd
    )


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_the_commands_that_are_called_exist_with_their_options(path: Path) -> None:
    calls = CALL.findall(path.read_text())
    if path.suffix == ".timer":
        return
    assert calls, "it calls kubedrill"
    for name, rest in calls:
        command = cli.get_command(click.Context(cli), name)
        assert command, f"there is no kubedrill {name}"
        known = {
            option for parameter in command.params for option in getattr(parameter, "opts", [])
        }
        used = re.findall(r"(?<![\w-])(--[a-z-]+)", rest)
        assert isinstance(command, click.Command)
        assert set(used) <= known, (name, used)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = tmp_path / "opt" / ".venv" / "bin" / "kubedrill"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for unit in UNITS:
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/opt/kubedrill", str(tmp_path / "opt")))
        copies.append(str(copy))
    done = tool("systemd-analyze", "verify", "--recursive-errors=no", "--man=no", *copies)
    assert done.returncode == 0, done.stderr
    assert "kubedrill-nightly" not in done.stderr, done.stderr


def test_systemd_knows_when_the_timer_fires() -> None:
    result = re.search(
        r"^OnCalendar=(.+)$",
        (DEPLOY / "systemd" / "kubedrill-nightly.timer").read_text(),
        re.MULTILINE,
    )
    assert result
    done = tool("systemd-analyze", "calendar", result[1])
    assert done.returncode == 0, done.stderr
    assert "Next elapse" in done.stdout


def test_each_unit_runs_longer_than_the_longest_cycle() -> None:
    for unit in UNITS:
        if unit.suffix == ".service":
            assert "RuntimeMaxSec=14h" in unit.read_text(), (
                "limits.cycle is 10 h, and its last cell may take some more"
            )


SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def settings(unit: Path) -> dict[str, str]:
    lines = [line for line in unit.read_text().splitlines() if re.match(r"[A-Z]\w+=", line)]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_units_run_as_a_user_of_their_own_on_a_read_only_system(unit: Path) -> None:
    expected = {
        "User": "kubedrill",
        "StateDirectory": "kubedrill",
        "UMask": "0027",
        "ProtectSystem": "strict",
        "ReadWritePaths": "/opt/kubedrill/reports /opt/kubedrill/.vagrant /tmp /var/tmp",
        "ProtectHome": "yes",
        "ProtectControlGroups": "yes",
        "CapabilityBoundingSet": "CAP_SETUID CAP_SETGID CAP_DAC_OVERRIDE CAP_SYS_ADMIN",
        "RemoveIPC": "yes",
    }
    assert expected.items() <= settings(unit).items()
    assert f"--home-dir /var/lib/{expected['StateDirectory']}" in INSTALL


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_units_can_build_what_a_first_night_needs(unit: Path) -> None:
    """No setting implies NoNewPrivileges for a unit with a user (systemd.exec(5)): newuidmap.

    None covers a part of /proc, which the kernel lets nobody mount in a user namespace then.
    """
    implying = (
        "NoNewPrivileges", "SystemCall", "Restrict", "PrivateDevices", "ProtectKernel",
        "ProtectClock", "ProtectHostname", "MemoryDenyWriteExecute", "LockPersonality",
        "DynamicUser", "PrivateUsers", "ProtectProc", "ProcSubset",
    )  # fmt: skip
    assert [name for name in settings(unit) if name.startswith(implying)] == []


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_newuidmap_works_with_the_capabilities_that_are_left(unit: Path, tmp_path: Path) -> None:
    """A user other than root gets a user namespace with many users, as mmdebstrap makes one."""
    if os.geteuid() != 0 or not shutil.which("newuidmap"):
        pytest.skip("root's rights and newuidmap (package uidmap) are needed to try it")
    left = settings(unit)["CapabilityBoundingSet"].lower().replace("cap_", "+").replace(" ", ",")
    (tmp_path / "ids").write_text("nobody:200000:65536\n")
    line = (
        f"mount --bind {tmp_path}/ids /etc/subuid && mount --bind {tmp_path}/ids /etc/subgid && "
        "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "
        f"--bounding-set=-all,{left} unshare --user --map-auto --map-root-user id -u"
    )
    done = tool("unshare", "--mount", "sh", "-c", line)
    if "subuid" in done.stderr:
        pytest.skip(f"no place for a list of users here: {done.stderr}")
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr


def test_actions_are_pinned_by_their_commits() -> None:
    workflows = [*(DEPLOY / "github").iterdir(), *(ROOT / ".github").rglob("*.yml")]
    lines = [line for path in workflows for line in path.read_text().splitlines()]
    used = [line for line in lines if re.search(r"\buses:", line)]
    assert len(used) >= 2
    pinned = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
    assert [line for line in used if not pinned.search(line)] == []


def test_only_what_notifies_gets_the_secret_and_no_token_is_left_behind() -> None:
    workflow = yaml.safe_load((DEPLOY / "github" / "kubedrill-nightly.yml").read_text())
    [job] = workflow["jobs"].values()
    assert "secrets" not in str(job["env"])
    assert [step["name"] for step in job["steps"] if "secrets" in str(step)] == ["Run the cycle"]
    assert job["steps"][0]["with"]["persist-credentials"] is False
    assert workflow["permissions"] == {"contents": "read"}


def test_a_plan_s_name_is_no_option() -> None:
    for path in (DEPLOY / "github", DEPLOY / "gitlab"):
        [file] = path.iterdir()
        calls = re.findall(r"kubedrill nightly.*", file.read_text())
        assert [call for call in calls if '"$PLAN"' in call and '-- "$PLAN"' not in call] == []


def test_the_crontab_has_five_fields_or_a_word_and_no_percent_sign() -> None:
    lines = (DEPLOY / "cron" / "kubedrill.crontab").read_text().splitlines()
    jobs = [
        line
        for line in lines
        if line and not line.startswith("#") and not re.match(r"[A-Z]+=", line)
    ]
    assert len(jobs) == 2
    for job in jobs:
        assert re.match(r"(@reboot|(?:[\d*/,-]+ ){4}[\d*/,-]+) cd /opt/kubedrill && ", job)
        assert "%" not in job, "cron takes it for a line break"


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("github/kubedrill-nightly.yml", ["--builtin-schema", "vendor.github-workflows"]),
        (
            "gitlab/kubedrill-nightly.gitlab-ci.yml",
            ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
        ),
    ],
)
def test_ci_files_follow_their_schema(file: str, schema: list[str]) -> None:
    done = tool("check-jsonschema", *schema, str(DEPLOY / file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing() -> None:
    done = tool("actionlint", str(DEPLOY / "github" / "kubedrill-nightly.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["cronjob.yaml", "fleet-job.yaml"])
@pytest.mark.parametrize("version", ["1.35", "1.36"])
def test_kubernetes_takes_the_manifests(file: str, version: str, tmp_path: Path) -> None:
    for number, document in enumerate(manifests(file)):
        copy = tmp_path / f"{number}.yaml"
        copy.write_text(yaml.safe_dump(document))  # anchors resolved: what the API server gets
        done = tool("kubernetes-validate", "--strict", "-k", version, str(copy))
        assert done.returncode == 0, done.stdout + done.stderr


def manifests(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / file).read_text()))


def pods() -> list[dict[str, Any]]:
    result = []
    for document in [*manifests("cronjob.yaml"), *manifests("fleet-job.yaml")]:
        spec = document["spec"]
        spec = spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec
        result += [spec["template"]["spec"]] if "template" in spec else []
    return result


def test_pods_can_do_little_in_the_cluster_that_they_run_in() -> None:
    assert len(pods()) == 3
    for pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_what_drills_has_time_to_heal_and_is_never_tried_again() -> None:
    drilling = [pod for pod in pods() if "kubedrill drill" in command_line(pod["containers"][0])]
    assert len(drilling) == 2
    assert {pod["terminationGracePeriodSeconds"] for pod in drilling} == {600}
    assert {pod["restartPolicy"] for pod in pods()} == {"Never"}


def command_line(container: dict[str, Any]) -> str:
    return " ".join([*container["command"], *container.get("args", [])])


def test_no_file_names_this_machine() -> None:
    for path in TEXTS:
        assert os.environ.get("HOME", "/root") + "/" not in path.read_text()
