"""Tasks have the same results whether they are piped or not, through a real ansible-playbook."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Plays

MODULE = "kubedrill.kubeadm.sample"
TEXT = "ünï 'single' \"double\" ''' \"\"\" \\ \\n $HOME # %s 😀 \t end\n"


def same(results: dict[str, dict[str, Any]], *, failed: bool = False) -> dict[str, Any]:
    """The result of both ways, once it is sure that they were two."""
    for way, result in results.items():
        for each in [result, *result.get("results", [])]:
            assert each.pop("way", way) == way
    assert results["piped"] == results["ansible"]
    assert results["piped"].get("failed", False) == failed, results["piped"]
    return results["piped"]


def test_results_are_the_same(plays: Plays) -> None:
    tasks = {
        "plain": {MODULE: {"text": TEXT, "many": ["1", 2], "file": "~/a"}},
        "nothing": {MODULE: None},
        "secret": {MODULE: {"secret": "s3cret", "text": "with s3cret in it"}},
        "secrets": {MODULE: {"parts": [{"name": "a", "token": "t0ken", "place": "$HOME/t0ken"}]}},
        "fail": {MODULE: {"do": "fail", "secret": "s3cret"}},
        "warn": {MODULE: {"do": "warn"}},
        "noise": {MODULE: {"do": "noise"}},
        "run": {MODULE: {"do": "run", "text": "echo $ADDED; echo 'ü' >&2; exit 4"}},
        "garbled": {MODULE: {"do": "run", "text": "printf 'ü\\377'"}},
        "run failing": {MODULE: {"do": "run failing"}},
        "environment": {MODULE: None, "environment": {"ADDED": "ü '", "SAMPLE": "s"}},
        "loop": {MODULE: {"text": "{{ item }}"}, "loop": [1, 2]},
        "until": {
            MODULE: {"text": "x"},
            "until": "result.added is not none",
            "retries": 2,
            "delay": 0,
        },
        "delegated": {MODULE: {"text": "x"}, "delegate_to": "localhost"},
        "wrong": {MODULE: {"do": "nothing", "number": "many"}},
        "unknown": {MODULE: {"txt": 1}},
        "exclusive": {MODULE: {"number": 1, "flag": True}},
        "defaults": {MODULE: None, "module_defaults": {MODULE: {"secret": "abc"}}},
    }
    results, output = plays.run_both_ways(tasks)
    plain = same(results["plain"])
    assert plain["params"]["text"] == TEXT
    assert plain["params"]["file"] == str(Path.home() / "a")
    assert plain["stdout_lines"] == ["one", "two"]
    failing = {
        "fail",
        "garbled",
        "run failing",
        "until",
        "wrong",
        "unknown",
        "exclusive",
        "required",
    }
    for name in tasks:
        same(results[name], failed=name in failing)
    assert "s3cret" not in str(results["secret"])
    assert "t0ken" not in str(results["secrets"])
    assert results["environment"]["piped"]["added"] == "ü '"
    assert results["until"]["piped"]["attempts"] == 2
    assert results["defaults"]["piped"]["echo"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    assert "s3cret" not in output


def test_what_a_module_does_wrong_is_a_clear_failure(plays: Plays) -> None:
    tasks = {
        "raise": {MODULE: {"do": "raise", "secret": "s3cret"}},
        "fall through": {MODULE: {"do": "fall through"}},
        "die": {MODULE: {"do": "die"}},
        "run missing": {MODULE: {"do": "run missing"}},
    }
    results, output = plays.run_both_ways(tasks)
    for name in tasks:
        for way in results[name].values():
            assert way["failed"] is True
            assert way["changed"] is False
    raised = results["raise"]["piped"]
    assert raised["msg"] == "this went wrong: ********"
    assert "exception" not in raised or "Traceback" not in raised["exception"]
    message = "New-style module did not handle its own exit."
    assert results["fall through"]["piped"]["msg"] == message
    assert results["die"]["piped"]["msg"] == results["die"]["ansible"]["msg"]
    assert results["die"]["piped"]["module_stdout"] == results["die"]["ansible"]["module_stdout"]
    missing = results["run missing"]
    assert missing["piped"]["cmd"] == missing["ansible"]["cmd"]
    assert missing["piped"]["rc"] == missing["ansible"]["rc"] == 2
    assert "No such file or directory: '/no/such/program'" in missing["piped"]["msg"]
    assert output.count("Module failed: this went wrong: ********") == 1


def test_a_traceback_is_there_for_those_who_want_it(plays: Plays) -> None:
    tasks = [{"name": "raise", MODULE: {"do": "raise", "secret": "s3cret"}}]
    _results, output = plays.run(tasks, ANSIBLE_DISPLAY_TRACEBACK="always")
    assert 'File "<ansible_collections.kubedrill.kubeadm.plugins.modules.sample>"' in output
    assert "ValueError: this went wrong: ********" in output
    assert "s3cret" not in output


@pytest.mark.parametrize("options", [("--check",), ("--diff",), ("--check", "--diff")], ids=str)
def test_check_mode_and_diff(plays: Plays, options: tuple[str, ...]) -> None:
    store = "kubedrill.kubeadm.etcd_snapshot_store"
    tasks = {
        "plain": {MODULE: None},
        "no check mode": {store: {"partial": "/nowhere", "metadata": {"a": 1}, "keep": 1}},
        "files": {
            "kubedrill.kubeadm.node_files": {"files": [{"dest": "/nowhere/x", "content": "ü"}]},
            "check_mode": True,
        },
    }
    results, output = plays.run_both_ways(tasks, *options)
    assert same(results["plain"])["checked"] == ("--check" in options)
    skipped = same(results["no check mode"], failed="--check" not in options)
    assert skipped.get("skipped", False) == ("--check" in options)
    assert same(results["files"])["changed_files"] == ["/nowhere/x"]
    assert output.count("-a\n") == output.count("+b\n") == (2 if "--diff" in options else 0)


def test_no_log_hides_everything(plays: Plays) -> None:
    tasks = {
        "fail": {MODULE: {"do": "fail", "text": "h1dden"}, "no_log": True},
        "raise": {MODULE: {"do": "raise", "text": "h1dden"}, "no_log": True},
        "return": {MODULE: {"text": "h1dden"}, "no_log": True},
    }
    _results, output = plays.run_both_ways(tasks, "-vvvv")
    assert "h1dden" not in output
    assert output.count("the output has been hidden due to the fact") >= 6


def test_secrets_are_in_no_log(plays: Plays) -> None:
    tasks = [
        {"name": "one", MODULE: {"secret": "s3cret", "text": "in s3cret"}},
        {"name": "two", MODULE: {"secret": "s3cret", "do": "fail"}},
        {"name": "three", MODULE: {"secret": "s3cret", "do": "h s3cret"}},
    ]
    _results, output = plays.run(tasks, "-vvvv")
    assert "s3cret" not in output


def test_large_arguments_and_results(plays: Plays) -> None:
    size = 3 * 2**20
    task = {
        MODULE: {
            "text": "{{ 'ä\"%' * 1048576 }}",
            "number": size,
            "many": "{{ range(50000) | list }}",
        }
    }
    results, _output = plays.run_both_ways({"large": task})
    result = same(results["large"])
    assert len(result["big"]) == size
    assert result["params"]["text"] == 'ä"%' * 2**20


def test_a_connection_without_pipelining_gets_a_file(plays: Plays) -> None:
    tasks = {"plain": {MODULE: {"text": TEXT}}, "fail": {MODULE: {"do": "fail"}}}
    results, output = plays.run_both_ways(tasks, "-vvv", ANSIBLE_PIPELINING="false")
    same(results["plain"])
    same(results["fail"], failed=True)
    assert "Pipelining is enabled" not in output
    assert "AnsiballZ_sample.py" in output


def test_what_is_not_piped(plays: Plays) -> None:
    background = {"name": "async", MODULE: None, "async": 30, "poll": 1}
    results, _output = plays.run([background])
    assert results["async"]["way"] == "ansible"
    off = {"name": "off", MODULE: None}
    results, _output = plays.run([off], "-e", "cluster_piped_modules=no")
    assert results["off"]["way"] == "ansible"
    results, _output = plays.run([off], ANSIBLE_KEEP_REMOTE_FILES="true")
    assert results["off"]["way"] == "ansible"


def test_ansible_finds_the_interpreter(plays: Plays) -> None:
    tasks = {
        "discovered": {MODULE: None, "delegate_to": "other"},
        "missing": {MODULE: None, "delegate_to": "broken"},
    }
    extra = "other ansible_connection=local ansible_python_interpreter=auto_silent\n"
    extra += "broken ansible_connection=local ansible_python_interpreter=/no/python\n"
    more = plays.folder / "more"
    more.write_text(extra)
    results, _output = plays.run_both_ways(tasks, "-i", str(more), "--limit", "node")
    same(results["discovered"])
    missing = same(results["missing"], failed=True)
    assert "The module interpreter '/no/python' was not found" in str(missing)


def test_an_unreachable_node_is_unreachable(plays: Plays) -> None:
    task = {MODULE: None, "vars": {}, "delegate_to": "nobody.invalid"}
    far = plays.folder / "far"
    far.write_text("far ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n")
    results, _output = plays.run_both_ways(
        {"far": {**task, "delegate_to": "far"}}, "-i", str(far), "--limit", "node"
    )
    assert same(results["far"])["unreachable"] is True


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("su"), reason="needs root and su")
def test_another_user_runs_it(plays: Plays) -> None:
    become = {"become": True, "become_user": "nobody", "become_method": "ansible.builtin.su"}
    settings = {"become_flags": "-s /bin/sh"}
    task = {MODULE: {"file": "~/x"}, **become, **settings}
    python = ("-e", "ansible_python_interpreter=/usr/bin/python3")  # this one is root's alone
    results, _output = plays.run_both_ways({"su": task}, *python)
    results["su"]["ansible"].pop("warnings", None)  # it tries ~/.ansible/tmp as another folder
    result = same(results["su"])
    assert result["uid"] == 65534


SUDO = """#!/bin/sh
# A sudo that asks for a password on its standard input, as `sudo -S` does.
while [ $# -gt 0 ]; do
  case "$1" in
    -p) prompt=$2; shift 2;;
    -u) shift 2;;
    -*) shift;;
    *) break;;
  esac
done
printf '%s' "$prompt" >&2
read -r password
[ "$password" = 'pass "w0rd' ] || { echo 'Sorry, try again.' >&2; exit 1; }
exec "$@"
"""


def test_become_asks_for_a_password(plays: Plays) -> None:
    program = plays.folder / "fake-sudo"
    program.write_text(SUDO)
    program.chmod(0o755)
    inventory = plays.folder / "becoming"
    line = f"becoming ansible_connection=local ansible_become_exe={program} "
    line += "ansible_python_interpreter=/usr/bin/python3 "
    inventory.write_text(f"{line}ansible_become_password='pass \"w0rd'\n")
    task = {
        MODULE: {"text": TEXT},
        "become": True,
        "become_user": "somebody",
        "delegate_to": "becoming",
    }
    results, output = plays.run_both_ways(
        {"sudo": task}, "-i", str(inventory), "--limit", "node", "-vvv"
    )
    assert same(results["sudo"])["params"]["text"] == TEXT
    assert "w0rd" not in output
