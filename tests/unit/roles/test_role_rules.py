"""What holds in the tasks and templates of every role, whatever form an inventory gives a value."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
import yaml
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.kubedrill.kubeadm.plugins.modules import (
    kubeadm_join_token,
    kubeadm_member,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = Path(__file__).resolve().parents[3] / "roles"


def tasks(result: Any) -> Iterator[dict[str, Any]]:
    for task in result or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def booleans() -> Iterator[str]:
    for path in ROLES.glob("*/meta/argument_specs.yml"):
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        for options in (entry.get("options", {}) for entry in entries):
            yield from (name for name, option in options.items() if option["type"] == "bool")


@pytest.mark.parametrize("name", sorted(set(booleans())))
def test_a_boolean_is_never_taken_for_the_truth_of_its_text(name: str) -> None:
    """``x=false`` in an INI inventory and ``-e x=false`` are the text "false", which is true.

    Modules convert a whole value by themselves.
    """
    for path in sorted([*ROLES.glob("*/tasks/*.yml"), *ROLES.glob("*/templates/*")]):
        for line in path.read_text(encoding="utf-8").splitlines():
            for use in re.finditer(rf"\b{name}\b(?![:=])(.*)", line):
                whole = f'"{{{{ {name} }}}}"' in line
                assert whole or re.match(r"[^'{]*?\| bool\b", use[1]), f"{path}: {line.strip()}"


@pytest.mark.parametrize(
    ("value", "takes"),
    [("false", False), ("no", False), (False, False), ("true", True), ("yes", True), (True, True)],
)
def test_control_planes_take_pods_only_where_they_are_told_to(value: Any, takes: bool) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLES / "control_plane" / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML
    )
    environment.filters["bool"] = boolean
    facts = {"kubedrill_node": {"address": "10.0.0.1", "cgroup_version": 2, "container": False}}
    text = environment.get_template("registration.yaml.j2").render(
        inventory_hostname="cp1", ansible_facts=facts, control_plane_takes_pods=value
    )
    assert ("taints: []" in text) == takes


def test_tasks_of_the_controller_do_not_become_root_by_a_variable() -> None:
    """``ansible_become: true`` for all hosts, as a variable, wins over ``become: false``."""
    result = 0
    for path in sorted(ROLES.glob("*/tasks/*.yml")):
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if task.get("delegate_to") == "localhost":
                assert task["vars"]["ansible_become"] is False, task["name"]
                result += 1
    assert result >= 5


@pytest.mark.parametrize(("network", "family"), [("10.96.0.0/12", "ip"), ("fd00::/108", "ip6")])
def test_the_service_network_s_guard_lets_existing_connections_pass(
    network: str, family: str
) -> None:
    text = (ROLES / "host" / "templates" / "service-network.nft.j2").read_text(encoding="utf-8")
    rendered = jinja2.Template(text).render(cluster_service_network=network)
    rules = re.findall(rf"^ +({family} daddr .+)$", rendered, re.MULTILINE)
    assert rules == [
        f"{family} daddr {network} ct state established,related accept",
        f"{family} daddr {network} drop",
    ]


def test_the_service_network_s_guard_comes_back_with_nftables() -> None:
    files = yaml.safe_load((ROLES / "host" / "vars" / "main.yml").read_text(encoding="utf-8"))
    by_path = {file["dest"]: file["content"] for file in files["_host_files"]}
    unit = by_path["/etc/systemd/system/nftables.service.d/90-kubedrill.conf"]
    kubelet = (ROLES / "host" / "templates" / "kubelet.service.j2").read_text(encoding="utf-8")
    load = "-/usr/sbin/nft --file /etc/kubernetes/service-network.nft"
    assert "/etc/kubernetes/service-network.nft" in by_path
    assert f"ExecStartPre={load}" in kubelet
    # Both are added to those of the unit itself: only an empty value would take its place.
    assert re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE) == [
        ("ExecStartPost", load),
        ("ExecReload", load),
    ]


@pytest.mark.parametrize(
    ("line", "off"),
    [
        ("/dev/sda2 none swap sw 0 0", True),
        ("  UUID=1\tnone\tswap\tsw\t0\t0", True),
        ("# /dev/sda2 none swap sw 0 0", False),
        ("  # /dev/sda2 none swap sw 0 0", False),
        ("/dev/sda1 /swap ext4 defaults 0 1", False),
        ("/dev/sda1\n/swap swap x", False),
    ],
)
def test_lines_of_fstab_that_are_swap(line: str, off: bool) -> None:
    (task,) = (
        task
        for task in yaml.safe_load(
            (ROLES / "host" / "tasks" / "swap.yml").read_text(encoding="utf-8")
        )
        if "ansible.builtin.replace" in task
    )
    options = task["ansible.builtin.replace"]
    pattern = re.compile(options["regexp"], re.MULTILINE)
    text = f"/dev/vda1 / ext4 defaults 0 1\n{line}\n"
    marked = text.replace(line, f"#kubedrill# {line}") if off else text
    assert pattern.sub(options["replace"], text) == marked


class Module(SimpleNamespace):
    """Records commands and their answers instead of AnsibleModule."""

    def run_command(self, argv: list[str], **_: Any) -> tuple[int, str, str]:
        self.commands.append(argv)
        return 0, "", ""


def test_a_join_token_that_expired_is_no_error() -> None:
    module = Module(params={"token_id": "abcdef"}, commands=[])
    kubeadm_join_token.revoke(module)  # type: ignore[arg-type]
    (argv,) = module.commands
    assert {"bootstrap-token-abcdef", "kubeadm-certs", "--ignore-not-found"} <= set(argv)
    assert argv[:1] == ["/usr/local/bin/kubectl"]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_join_token_s_failure_is_seen_although_its_task_has_no_log(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    answers: list[dict[str, Any]] = []
    params = {"state": state, "nodes": ["w1"], "control_planes": {}, "ttl": "20m", "token_id": "a"}
    module = SimpleNamespace(
        params=params, check_mode=False, exit_json=lambda **answer: answers.append(answer)
    )
    module.fail_json = module.exit_json
    module.run_command = lambda *_, **__: (1, "", "The connection to the server was refused")
    monkeypatch.setattr(kubeadm_join_token, "AnsibleModule", lambda **_: module)
    kubeadm_join_token.main()
    assert "was refused" in answers[0]["problem" if state == "present" else "msg"]
    (report,) = (
        task
        for task in tasks(
            yaml.safe_load((ROLES / "control_plane/tasks/init.yml").read_text(encoding="utf-8"))
        )
        if "__join_token.problem" in str(task.get("ansible.builtin.fail"))
    )
    assert "no_log" not in report


@pytest.mark.parametrize(("command", "more"), [("init", ["--skip-token-print"]), ("join", [])])
def test_kubeadm_prints_no_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, more: list[str]
) -> None:
    monkeypatch.setattr(kubeadm_member, "MARKER", tmp_path / "joining")
    monkeypatch.setattr(kubeadm_member, "CONFIG", tmp_path / "kubeadm.yaml")
    module = Module(params={"command": command, "config": "x", "discovery": ""}, commands=[])
    kubeadm_member.run_kubeadm(module, 3)  # type: ignore[arg-type]
    (argv,) = module.commands
    assert argv == [
        kubeadm_member.KUBEADM,
        command,
        "--config",
        str(tmp_path / "kubeadm.yaml"),
        *more,
    ]


def test_units_that_turn_swap_on_are_found(tmp_path: Path) -> None:
    """With what systemd 247 and 257 print: the newer one without a bullet."""
    listed = (
        "dev-zram0.swap loaded active active Compressed Swap on /dev/zram0",
        r"● dev-disk-by\x2duuid-1.swap loaded failed failed /dev/disk/by-uuid/1",
        "dev-sda9.swap masked inactive dead dev-sda9.swap",
    )
    (tmp_path / "systemctl").write_text(
        "#!/bin/sh\ncase $1 in\nlist-units) cat <<'END'\n" + "\n".join(listed) + "\nEND\n;;\n"
        "list-unit-files) echo 'zramswap.service enabled enabled';;\nesac\n"
    )
    (tmp_path / "systemctl").chmod(0o755)
    text = (ROLES / "host" / "tasks" / "swap.yml").read_text(encoding="utf-8")
    (script,) = (
        task["ansible.builtin.shell"]["cmd"]
        for task in yaml.safe_load(text)
        if "ansible.builtin.shell" in task
    )
    done = subprocess.run(
        ["sh", "-c", script],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [
        "dev-zram0.swap",
        r"dev-disk-by\x2duuid-1.swap",
        "zramswap.service",
    ]
    assert done.stderr == ""


def test_packages_are_installed_in_one_place() -> None:
    users = [
        path
        for path in ROLES.glob("*/tasks/*.yml")
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        if task.get("ansible.builtin.package", {}).get("state") == "present"
    ]
    assert users == [ROLES / "host" / "tasks" / "install.yml"]


APT = """#!/bin/sh
echo "$*" | sed "s/-o [^ ]* *//g" >>"$LOG"
case "$*" in
    *simulate*) printf 'Remv %s [1]\\n' libold haproxy liblua5.3-0 ;;
    *' install '*) [ -e "$LISTS" ] || { echo 'E: Unable to locate package socat' >&2; exit 100; } ;;
    *' update') touch "$LISTS"; exit "$UPDATE" ;;
esac
"""
DPKG = "#!/bin/sh\nprintf '%s\\n' haproxy libold liblua5.3-0 python3 socat\n"


def run_packages(tmp_path: Path, role: str, file: str, update: int = 0) -> tuple[int, list[str]]:
    """Run the task with apt on a host whose package lists are empty; what apt was asked."""
    path = ROLES / role / "tasks" / file
    (script,) = [
        task["ansible.builtin.shell"]["cmd"]
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        if "apt-get" in str(task.get("ansible.builtin.shell"))
    ]
    program = tmp_path / "apt-get"
    program.write_text(APT)
    program.chmod(0o755)
    for name, text in {"dpkg-query": DPKG, "apt-mark": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "before").write_text("libold\npython3\n")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "LOG": str(tmp_path / "log"),
        "LISTS": str(tmp_path / "lists"),
        "UPDATE": str(update),
        "before": str(tmp_path / "before"),
        "brought": str(tmp_path / "brought"),
        "packages": "haproxy socat",
        "root": str(tmp_path),
    }
    done = subprocess.run(["/bin/sh", "-c", script], env=environment, check=False)
    return done.returncode, (tmp_path / "log").read_text().splitlines()


@pytest.mark.parametrize("update", [0, 100])
def test_packages_are_installed_where_the_lists_are_empty(tmp_path: Path, update: int) -> None:
    """A repository that is away (100) must not end the run."""
    assert run_packages(tmp_path, "host", "install.yml", update) == (
        0,
        [
            "--yes --no-install-recommends install haproxy socat",
            "--yes --no-install-recommends update",
            "--yes --no-install-recommends install haproxy socat",
        ],
    )


def test_a_reset_takes_along_what_the_packages_brought_and_nothing_else(tmp_path: Path) -> None:
    """The package libold was there before; something that came later needs socat."""
    (tmp_path / "lists").touch()
    run_packages(tmp_path, "host", "install.yml")
    assert (tmp_path / "brought").read_text().split() == ["haproxy", "liblua5.3-0", "socat"]
    (tmp_path / "log").unlink()
    (tmp_path / "var/lib/haproxy/dev").mkdir(parents=True)
    assert run_packages(tmp_path, "reset", "packages.yml") == (
        0,
        ["--simulate autoremove", "--yes purge haproxy liblua5.3-0"],
    )
    assert not (tmp_path / "var/lib/haproxy").exists()


def test_a_reset_of_what_an_older_release_installed_removes_the_packages(tmp_path: Path) -> None:
    assert run_packages(tmp_path, "reset", "packages.yml") == (0, ["--yes purge haproxy socat"])


def test_root_finds_the_bundles_programs_whatever_path_sudo_gives() -> None:
    plays = [
        (path.name, play)
        for path in sorted((ROLES.parent / "playbooks").glob("*.yml"))
        for play in yaml.safe_load(path.read_text(encoding="utf-8"))
        if play.get("become")
    ]
    assert plays
    assert [
        f"{name}: {play['name']}"
        for name, play in plays
        if play.get("environment") != "{{ node_environment }}"
    ] == []
    shared = ROLES.parent / "playbooks" / "group_vars" / "all.yml"
    path = yaml.safe_load(shared.read_text(encoding="utf-8"))["node_environment"]["PATH"]
    assert path.split(":")[:2] == ["/usr/local/sbin", "/usr/local/bin"]


def test_no_task_ignores_its_errors() -> None:
    assert [
        f"{path}: {task.get('name')}"
        for path in sorted(ROLES.glob("*/tasks/*.yml"))
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        if "ignore_errors" in task
    ] == []


def test_nothing_large_goes_through_tmp() -> None:
    """It may be memory, and others may write to it."""
    assert [
        f"{path}: {line.strip()}"
        for path in sorted([*ROLES.glob("*/tasks/*.yml"), *ROLES.glob("*/vars/*.yml")])
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"(?<!/var)/tmp", re.sub(r"(^|\s)#.*", "", line))
    ] == []
