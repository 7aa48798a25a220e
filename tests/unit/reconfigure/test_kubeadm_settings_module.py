"""What a node has beside what kubeadm would write, with a kubeadm that writes what it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import certificates
from ansible_collections.kubedrill.kubeadm.plugins.modules import kubeadm_settings as module
from ansible_collections.kubedrill.kubeadm.plugins.modules import kubelet_settings

if TYPE_CHECKING:
    from pathlib import Path

KUBEADM = """#!/bin/sh
# init phase PHASE… --config FILE
case "$3" in
kubelet-start) cp "$WRITES/config.yaml" "$KUBEADM_INIT_DRYRUN_DIR"; cat "$WRITES/warnings";;
etcd) cp "$WRITES/etcd.yaml" "$KUBEADM_INIT_DRYRUN_DIR";;
control-plane) cp "$WRITES"/kube-*.yaml "$KUBEADM_INIT_DRYRUN_DIR";;
certs)
  folder=$(sed -n 's/^certificatesDir: //p' "$6")
  test -e "$folder/ca.key" && cp "$WRITES"/apiserver.* "$folder";;
esac
"""
SETTINGS = {
    "etcd": ["--data-dir=/var/lib/etcd", "--initial-cluster=cp1=https://10.0.0.1:2380"],
    "kube-apiserver": ["--secure-port=6443", "--etcd-servers=https://127.0.0.1:2379"],
    "kube-controller-manager": ["--kubeconfig=/etc/kubernetes/controller-manager.conf"],
    "kube-scheduler": ["--kubeconfig=/etc/kubernetes/scheduler.conf"],
}


def manifest(name: str, *more: str) -> str:
    lines = [f"    - {each}" for each in (name, *SETTINGS[name], *more)]
    return "\n".join(["spec:", "  - command:", *lines, f"    image: x/{name}:v1", ""])


class Node:
    """A control plane in a folder, and what kubeadm writes for it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.writes, self.etc = folder, folder / "writes", folder / "kubernetes"
        self.manifests = self.etc / "manifests"
        for each in (self.writes, self.manifests, self.etc / "pki", folder / "bin", folder / "tmp"):
            each.mkdir(parents=True)
        program = folder / "bin/kubeadm"
        program.write_text(KUBEADM)
        program.chmod(0o755)
        for name in SETTINGS:
            for place in (self.writes, self.manifests):
                (place / f"{name}.yaml").write_text(manifest(name))
        self.kubelet = folder / "config.yaml"
        for path in (self.kubelet, self.writes / "config.yaml"):
            path.write_text("maxPods: 110\n")
        (self.writes / "warnings").write_text("")
        for place in (self.writes, self.etc / "pki"):
            (place / "apiserver.crt").write_text("cp1")
            (place / "apiserver.key").write_text("secret")
        for kind in ("crt", "key"):
            (self.etc / f"pki/ca.{kind}").write_text("authority")
        self.running = {name: {} for name in SETTINGS} | {
            name: module.arguments(manifest(name)) for name in SETTINGS
        }
        self.kubelet_started = self.kubelet.stat().st_mtime + 1
        monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
        monkeypatch.setenv("WRITES", str(self.writes))
        monkeypatch.setattr(module, "MANIFESTS", self.manifests)
        monkeypatch.setattr(module, "KUBERNETES", self.etc)
        monkeypatch.setattr(module, "KUBELET_CONFIG", self.kubelet)
        monkeypatch.setattr(module, "processes", lambda name: [name] if self.running[name] else [])
        monkeypatch.setattr(module, "arguments_of", lambda name: self.running[name])
        monkeypatch.setattr(module, "started", lambda _pid: self.kubelet_started)
        monkeypatch.setattr(module, "names_of", lambda path: set(path.read_text().split()))
        monkeypatch.setattr(
            module,
            "served_names",
            lambda _: set((self.etc / "pki/apiserver.crt").read_text().split()),
        )
        real = module.run

        def run(argv: list[str], *rest: Any) -> str:
            if argv[0].endswith("/exe"):
                return "  --v int\n  --event-ttl duration\n"
            return "7\n" if argv[0] == "systemctl" else str(real(argv, *rest))

        monkeypatch.setattr(module, "run", run)

    def compare(self, **more: Any) -> tuple[dict[str, Any], str]:
        folder = self.folder / "tmp"
        shutil.rmtree(folder)
        folder.mkdir()
        params = {
            "config": "kind: ClusterConfiguration\n",
            "control_plane": True,
            "settings": {},
            "timeout": 30,
            **more,
        }
        state, diffs = module.compare(folder, params)
        return state, "".join(each["prepared"] for each in diffs)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(tmp_path, monkeypatch)


def test_a_node_that_is_as_kubeadm_would_write_it_has_nothing_to_do(node: Node) -> None:
    state, diff = node.compare()
    assert (state["restart"], state["kubelet"], state["certificate"]) == ([], False, [])
    assert state["mistakes"] == []
    assert diff == ""


def test_another_argument_is_found_and_shown(node: Node) -> None:
    (node.writes / "kube-apiserver.yaml").write_text(manifest("kube-apiserver", "--event-ttl=2h"))
    state, diff = node.compare()
    assert state["restart"] == ["kube-apiserver"]
    assert "+    - --event-ttl=2h\n" in diff


def test_a_program_that_runs_with_other_arguments_than_its_manifest_is_found(node: Node) -> None:
    node.running["kube-scheduler"] = {**node.running["kube-scheduler"], "v": "9"}
    assert node.compare()[0]["restart"] == ["kube-scheduler"]
    node.running["kube-scheduler"] = {}
    assert node.compare()[0]["restart"] == ["kube-scheduler"], "one that does not run"


def test_what_etcd_reads_at_its_first_start_only_is_no_difference(node: Node) -> None:
    joined = manifest("etcd", "--initial-cluster-state=existing").replace(
        "cp1=https://10.0.0.1:2380", "cp2=https://10.0.0.2:2380,cp1=https://10.0.0.1:2380"
    )
    (node.manifests / "etcd.yaml").write_text(joined)
    state, _ = node.compare()
    assert state["restart"] == []
    (node.writes / "etcd.yaml").write_text(manifest("etcd", "--snapshot-count=9"))
    state, diff = node.compare()
    assert state["restart"] == ["etcd"]
    assert "+    - --snapshot-count=9\n" in diff
    assert "initial-cluster" not in diff


def test_names_of_the_certificate_that_differ_have_it_signed_anew(node: Node) -> None:
    (node.writes / "apiserver.crt").write_text("cp1 api.example.com")
    state, diff = node.compare()
    assert state["certificate"] == ["api.example.com"]
    assert state["restart"] == ["kube-apiserver"]
    assert "+api.example.com\n" in diff
    assert "secret" not in diff
    assert list((node.folder / "tmp").rglob("ca.*")) == [], "the authority's key stays where it was"


def test_an_authority_outside_of_the_cluster_signs_nothing_here(node: Node) -> None:
    (node.etc / "pki/ca.key").unlink()
    (node.writes / "apiserver.crt").write_text("cp1 api.example.com")
    assert node.compare()[0]["certificate"] == []


def test_a_kubelets_configuration_that_it_does_not_run_with_is_found(node: Node) -> None:
    (node.writes / "config.yaml").write_text("maxPods: 99\n")
    state, diff = node.compare(control_plane=False)
    assert (state["restart"], state["kubelet"]) == ([], True)
    assert "-maxPods: 110\n+maxPods: 99\n" in diff
    node.kubelet.write_text("maxPods: 99\n")
    node.kubelet_started = node.kubelet.stat().st_mtime - 1
    state, diff = node.compare(control_plane=False)
    assert (state["kubelet"], diff) == (True, ""), "written, and the run was killed"


def test_what_kubeadm_and_the_programs_do_not_know_is_named(node: Node) -> None:
    warning = 'W1201 strict.go:55] strict decoding error: unknown field "maxPodz"'
    (node.writes / "warnings").write_text(f"{warning}\n{warning}\n")
    state, _ = node.compare(settings={"api_server": {"event-ttll": "2h"}})
    assert state["mistakes"] == [
        "cluster_kubeadm: kubeadm knows no field maxPodz of the configuration: correct it",
        (
            "cluster_kubeadm.api_server.event-ttll: kube-apiserver has no such argument, the "
            "nearest is event-ttl"
        ),
    ]


def test_what_kubeadm_refuses_is_its_own_words(node: Node) -> None:
    says = "echo maxPods is text; echo To see the stack trace; exit 1"
    (node.folder / "bin/kubeadm").write_text(f"#!/bin/sh\n{says}\n")
    expected = "kubeadm init phase kubelet-start --dry-run: maxPods is text"
    with pytest.raises(module.CommandError, match=expected):
        node.compare()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("kube-apiserver", "6443", "7443"),
        ("etcd", "/var/lib/etcd", "/data"),
        ("kube-scheduler", ":v1", ":v2"),
    ],
)
def test_what_a_running_cluster_keeps_is_refused(
    node: Node, name: str, before: str, after: str
) -> None:
    (node.writes / f"{name}.yaml").write_text(manifest(name).replace(before, after))
    (mistake,) = node.compare()[0]["mistakes"]
    assert mistake.startswith(name)
    assert after in mistake


def test_what_was_staged_takes_the_place_of_an_earlier_runs(node: Node) -> None:
    staged = node.folder / "staged/new"
    node.compare()
    module.keep_staged(node.folder / "tmp", staged)
    (staged / "old").write_text("")
    module.keep_staged(node.folder / "tmp", staged)
    assert not (staged / "old").exists()
    assert (staged / "apiserver.key").read_text() == "secret"
    assert staged.stat().st_mode & 0o777 == 0o700


class Kubelet:
    """A kubelet that refuses some configurations."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str) -> None:
        self.path, self.refuses, self.starts = path, refuses, list[str]()
        monkeypatch.setattr(kubelet_settings, "run", self._run)
        monkeypatch.setattr(kubelet_settings, "http_ok", lambda _: self._runs())
        monkeypatch.setattr(kubelet_settings, "STEADY_S", 0.0)

    def _runs(self) -> bool:
        return self.refuses not in self.path.read_text()

    def _run(self, argv: list[str], *_: Any) -> str:
        if argv[0] == "journalctl":
            return 'I1201 start\nE1201 run.go:72] "command failed" err="maxPods is bad"\nbye\n'
        if "restart" in argv:
            self.starts.append(self.path.read_text())
        return ""


def test_a_kubelet_gets_its_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("old")
    path.chmod(0o644)
    kubelet = Kubelet(path, monkeypatch, "refused")
    result = kubelet_settings.configure(path, {"config": "new", "timeout": 0})
    assert (result["changed"], path.read_text(), kubelet.starts) == (True, "new", ["new"])
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("refuses", "end"),
    [("new", "runs with the former one again"), ("", "does not run with the former either")],
)
def test_a_kubelet_that_refuses_its_configuration_gets_the_former_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str, end: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("old")
    kubelet = Kubelet(path, monkeypatch, refuses)
    result = kubelet_settings.configure(path, {"config": "new", "timeout": 0})
    assert result["failed"]
    assert end in result["msg"]
    assert 'err="maxPods is bad"' in result["msg"]
    assert kubelet.starts == ["new", "old"]
    assert path.read_text() == "old"


def test_names_of_a_certificate_are_read_from_its_file(tmp_path: Path) -> None:
    names = "DNS:cp1,DNS:kubernetes.default.svc,IP:10.0.0.1,IP:2001:db8::1"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-subj", "/CN=kube-apiserver", "-keyout", "key"]
    command += ["-out", "crt", "-addext", f"subjectAltName=critical,{names}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert certificates.names_of(tmp_path / "crt") == {
        "cp1",
        "kubernetes.default.svc",
        "10.0.0.1",
        "2001:db8::1",
    }
