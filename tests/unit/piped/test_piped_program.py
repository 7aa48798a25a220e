"""What a piped program has, and that its arguments are judged as Ansible's own module does."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import piped_module
from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils import piped_program
from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.piped_program import (
    COLLECTION,
    ArgumentsError,
    Module,
    NotPlainError,
    build_program,
    check_arguments,
    describe_invocation,
    read_call,
    read_module,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py"))
CONTROLLER_ONLY = {"backup_send", "backup_store", "deprecated_variables"}
OTHER_ACTION = {"preflight_node"}
PIPED = [name for name in MODULES if name not in CONTROLLER_ONLY]
UNDERSTOOD = {"type", "elements", "required", "default", "choices", "options", "no_log"}
SAMPLES: dict[str, Any] = {
    "str": "a 'b' \"\"\" ''' ünï \\n",
    "float": 1.5,
    "int": 3,
    "bool": True,
    "list": [],
    "dict": {"a": {"b": [1, None]}},
    "path": "~/x",
    "raw": [1],
}
WRONG: dict[str, list[Any]] = {
    "str": [],
    "float": ["many", [1], {}],
    "int": ["many", [1], {}],
    "bool": ["perhaps", 7, []],
    "list": [{"a": 1}],
    "dict": ["no dict", [1], 4],
    "path": [],
    "raw": [],
}


CONDITIONAL = {"kubeadm_member": {"command": "join", "config": "text"}}


class Stopped(Exception):
    """The module was made; nothing of it runs."""


def sample(spec: dict[str, Any]) -> dict[str, Any]:
    """Right arguments, of required options only."""
    return {
        name: option["choices"][:1]
        if "choices" in option and option["type"] == "list"
        else option["choices"][0]
        if "choices" in option
        else SAMPLES[option["type"]]
        for name, option in spec.items()
        if option.get("required")
    }


def right(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield sample(spec)
    for name, option in spec.items():
        if "choices" in option:
            for choice in option["choices"]:
                yield {**sample(spec), name: choice}
        elif "options" in option:
            yield from ({**sample(spec), name: [each]} for each in right(option["options"]))
        else:
            yield {**sample(spec), name: SAMPLES[option["type"]]}
        if option["type"] == "int":
            yield {**sample(spec), name: "17"}
        if option["type"] == "bool":
            yield {**sample(spec), name: "yes"}
        if option["type"] == "list":
            plain = "choices" not in option and "options" not in option
            yield {**sample(spec), **({name: "a,b"} if plain else {})}


def wrong(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    good = sample(spec)
    yield {**good, "nonsense": 1, "more": 2}
    for name, option in spec.items():
        if option.get("required"):
            yield {key: value for key, value in good.items() if key != name}
        if "choices" in option:
            yield {**good, name: "none of them"}
        for value in [None, *WRONG[option["type"]]]:
            yield {**good, name: value}
        if "options" in option:
            yield from ({**good, name: [each]} for each in wrong(option["options"]))
    yield {name: ["?"] for name in spec}


def make_real(
    name: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Return what Ansible's own class makes of arguments: params, or the result of a failure."""
    module = importlib.import_module(f"{COLLECTION}.modules.{name}")

    def make(**call: Any) -> None:
        made = basic.AnsibleModule(**call)
        raise Stopped(made.params)

    monkeypatch.setattr(module, "AnsibleModule", make)
    full = {
        **arguments,
        "_ansible_module_name": f"kubedrill.kubeadm.{name}",
        "_ansible_no_log": True,
        "_ansible_tracebacks_for": [],
    }
    output = io.StringIO()
    with patch_module_args(full), contextlib.redirect_stdout(output):
        try:
            module.main()
        except Stopped as stopped:
            return {"params": stopped.args[0]}
        except SystemExit:
            return json.loads(output.getvalue())
    raise AssertionError("it made no module")


def make_piped(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return what becomes of arguments here and, their paths, on the node."""
    module = read_module(name)
    given = json.loads(json.dumps(arguments))
    try:
        params, _secrets = check_arguments(module, f"kubedrill.kubeadm.{name}", given)
    except ArgumentsError as error:
        return error.result
    piped_module.expand_paths(module.spec, params)
    return {"params": params}


def with_home(value: Any) -> Any:
    """Both ways name a failure's paths, one of them before they are expanded."""
    return json.loads(json.dumps(value).replace(str(Path.home()), "~"))


@pytest.mark.parametrize("name", PIPED)
def test_right_arguments_are_what_ansible_makes_of_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in right(read_module(name).spec):
        arguments = {**CONDITIONAL.get(name, {}), **options}
        result = make_piped(name, arguments)
        assert "params" in result, arguments
        assert result == make_real(name, arguments, monkeypatch), arguments


@pytest.mark.parametrize("name", PIPED)
def test_wrong_arguments_are_refused_in_ansible_s_words(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 0
    for arguments in wrong(read_module(name).spec):
        result = make_piped(name, arguments)
        assert with_home(result) == with_home(make_real(name, arguments, monkeypatch)), arguments
        number += "failed" in result
    assert number


def test_secrets_of_wrong_arguments_are_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"state": "present", "config": "my secret", "command": "my secret"}
    result = make_piped("kubeadm_member", wrong)
    assert "my secret" not in str(result)
    assert result == make_real("kubeadm_member", wrong, monkeypatch)


@pytest.mark.parametrize("name", PIPED)
def test_a_module_needs_no_more_of_ansible_than_is_sent(name: str) -> None:
    module = read_module(name)
    for source in module.sources.values():
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                assert (node.module or "").split(".")[0] not in {
                    "ansible",
                    "ansible_collections",
                } or (node.module in module.sources)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {
                "module",
                "self.module",
            }:
                assert node.attr in {*vars(piped_module.AnsibleModule), "params", "check_mode"}
    options = [
        module.spec,
        *(option["options"] for option in module.spec.values() if "options" in option),
    ]
    for spec in options:
        assert {key for option in spec.values() for key in option} <= UNDERSTOOD
    assert ast.parse(module.sources[f"{COLLECTION}.modules.{name}"])


@pytest.mark.parametrize("name", PIPED)
def test_a_module_does_not_return_what_ansible_adds_to(name: str) -> None:
    """Ansible adds mode and owner of ``path`` and ``dest``; a piped module returns neither."""
    tree = ast.parse((ROOT / "plugins/modules" / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {
            "exit_json",
            "fail_json",
        }:
            assert not {each.arg for each in node.keywords} & {"path", "dest", "warnings"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/module*/*.py")), ids=lambda p: p.stem)
def test_programs_are_run_as_a_piped_module_can(path: Path) -> None:
    """Ansible's own run_command takes more, and is not what runs on a node."""
    taken = set(inspect.signature(piped_module.AnsibleModule.run_command).parameters)
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "run_command"
    ]
    assert {keyword.arg for call in calls for keyword in call.keywords} <= taken


def test_every_module_is_routed() -> None:
    routes = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    expected = {"action_plugin": "kubedrill.kubeadm.piped"}
    names = [name for name in PIPED if name not in OTHER_ACTION]
    assert routes["plugin_routing"]["modules"] == dict.fromkeys(names, expected)


def test_a_computed_specification_is_left_to_ansible() -> None:
    text = "def main():\n    AnsibleModule(argument_spec={'a': OPTION})\n"
    with pytest.raises(NotPlainError, match="computed"):
        read_call(text)
    with pytest.raises(NotPlainError, match="no AnsibleModule"):
        read_call("def main():\n    AnsibleModule(argument_spec={}, add_file_common_args=True)\n")
    with pytest.raises(NotPlainError, match="computed"):
        read_call("def main():\n    AnsibleModule(**SPEC)\n")


def test_more_of_ansible_is_left_to_ansible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("modules", "module_utils"):
        (tmp_path / folder).mkdir()
    (tmp_path / "module_utils/piped_module.py").write_text("")
    (tmp_path / "modules/one.py").write_text("from ansible.module_utils.urls import open_url\n")
    monkeypatch.setattr(piped_program, "PLUGINS", tmp_path)
    with pytest.raises(NotPlainError, match=r"it imports ansible\.module_utils\.urls"):
        read_module("one")


def test_the_node_s_log_has_no_secret() -> None:
    module = read_module("kubeadm_member")
    arguments = {"state": "present", "command": "join", "config": "my secret"}
    params, secrets = check_arguments(module, "x", {**arguments, "claim": {"url": "my secret"}})
    text = describe_invocation(module, params, secrets, "run 7")
    assert text.startswith("run 7 Invoked with state=present command=join ")
    assert "config=NOT_LOGGING_PARAMETER" in text
    assert "my secret" not in text
    plain = Module("x", {}, {"db": {}, "password": {}}, {}, supports_check_mode=False)
    text = describe_invocation(plain, {"db": "http://u:pw@h/", "password": "pw"}, [], None)
    assert text == "Invoked with db=http://u:********@h/ password=NOT_LOGGING_PASSWORD"


@pytest.mark.parametrize("stdin", ["pipe", "file"])
def test_nothing_of_the_working_directory_is_imported(tmp_path: Path, stdin: str) -> None:
    """``cd`` into a folder with a json.py must not run it, as root."""
    for name in ("json.py", "subprocess.py", "typing.py"):
        (tmp_path / name).write_text("raise SystemExit('hijacked')\n")
    result = run_program("node_files", {"files": []}, tmp_path, as_file=stdin == "file")
    assert json.loads(result.stdout)["changed"] is False, result.stderr


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C"}, {"LC_ALL": "no_SUCH.locale"}, {"PYTHONIOENCODING": "ascii"}, {}],
    ids=str,
)
def test_any_locale_will_do(tmp_path: Path, environment: dict[str, str]) -> None:
    files = [{"dest": f"{tmp_path}/ü", "content": "grüße '''\n€", "owner": owner()}]
    arguments = {"files": files}
    result = run_program("node_files", arguments, tmp_path, environment=environment, check=True)
    answer = json.loads(result.stdout)
    assert answer["changed_files"] == [f"{tmp_path}/ü"], result.stderr
    assert answer["diff"][0]["after"] == "grüße '''\n€"


def test_a_removed_working_directory_will_do(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    result = run_program("node_files", {"files": []}, gone, script='cd "$0" && rmdir "$0"')
    assert json.loads(result.stdout)["changed"] is False, result.stderr


def owner() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()


def run_program(
    name: str,
    arguments: dict[str, Any],
    folder: Path,
    *,
    environment: dict[str, str] | None = None,
    as_file: bool = False,
    check: bool = False,
    script: str = 'cd "$0"',
) -> subprocess.CompletedProcess[str]:
    """Run a module's program in a folder, as a node does."""
    module = read_module(name)
    params, secrets = check_arguments(module, name, arguments)
    task = {
        "name": name,
        "params": params,
        "check_mode": check,
        "secrets": secrets,
        "log": None,
        "facility": "LOG_USER",
        "tracebacks": True,
    }
    program = build_program(module, task)
    assert program.isascii()
    path = folder.parent / f"{folder.name}-program" / "program.py"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(program)
    with path.open("rb") as stream:
        return subprocess.run(
            ["sh", "-c", f'{script}; exec "$@"', folder, sys.executable, *([path] * as_file)],
            stdin=stream,
            capture_output=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(environment or {})},
            encoding="utf-8",
            check=False,
        )
