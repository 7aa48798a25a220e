"""What security_profile makes of kubeadm's configuration, of API servers and of nodes."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from role_templates import ROOT, evaluate, render
from tests import kube_configuration

from ansible_collections.kubedrill.kubeadm.plugins.modules import (
    encryption_key,
    kubeadm_join_token,
    kubeadm_member,
)

BASELINE = Path(__file__).with_name("baseline_files")
FILES = {
    "init.yaml": ("control_plane", "init.yaml.j2"),
    "join-control-plane.yaml": ("control_plane", "join.yaml.j2"),
    "join-worker.yaml": ("worker", "join.yaml.j2"),
    "kubelet.service": ("host", "kubelet.service.j2"),
    "90-node.conf": ("host", "90-node.conf.j2"),
}
TOKEN = "abcdef.0123456789abcdef"
HARDENED = {"security_profile": "hardened"}
CONTROL_PLANE_FILES = ("admission.yaml.j2", "audit-policy.yaml.j2", "authentication.yaml.j2")


def cluster_configuration(**more: Any) -> dict[str, Any]:
    documents = yaml.safe_load_all(render("control_plane", "init.yaml.j2", **more))
    return next(each for each in documents if each["kind"] == "ClusterConfiguration")


def arguments(part: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in part["extraArgs"]}


@pytest.mark.parametrize("name", FILES)
def test_baseline_writes_what_it_wrote_before_there_were_profiles(name: str) -> None:
    role, template = FILES[name]
    assert render(role, template) == (BASELINE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("profile", ["baseline", "hardened"])
@pytest.mark.parametrize("lease", [15, 120])
def test_what_programs_are_configured_by_is_valid(profile: str, lease: int) -> None:
    more = {"security_profile": profile, "control_plane_lease_duration": lease}
    texts = [render(*FILES[name], **more) for name in FILES if name != "kubelet.service"]
    if profile == "hardened":
        texts += [render("control_plane", name, **more) for name in CONTROL_PLANE_FILES]
        texts.append(encryption_key.new_configuration())
    documents = [each for text in texts for each in yaml.safe_load_all(text)]
    assert len(documents) >= 7
    assert [mistake for each in documents for mistake in kube_configuration.mistakes(each)] == []


def test_an_unknown_field_would_be_noticed() -> None:
    document = yaml.safe_load(render("control_plane", "admission.yaml.j2", **HARDENED))
    document["plugins"][1]["configuration"]["defaults"]["enforce_version"] = "latest"
    (mistake,) = kube_configuration.mistakes(document)
    assert "enforce_version" in mistake


def test_the_lease_of_leaders_stays_beside_what_is_hardened() -> None:
    more = {**HARDENED, "control_plane_lease_duration": 120}
    for part in ("controllerManager", "scheduler"):
        assert arguments(cluster_configuration(**more)[part])["profiling"] == "false"
        assert arguments(cluster_configuration(**more)[part])["leader-elect-lease-duration"] == (
            "120s"
        )
        assert "leader-elect-lease-duration" not in arguments(
            cluster_configuration(**HARDENED)[part]
        )


def test_every_file_that_the_api_server_reads_is_written_privately_and_mounted() -> None:
    configuration = cluster_configuration(**HARDENED)["apiServer"]
    mounted = {volume["mountPath"]: volume for volume in configuration["extraVolumes"]}
    assert all(volume["hostPath"] == path for path, volume in mounted.items())
    named = {value for name, value in arguments(configuration).items() if value.startswith("/etc/")}
    files = evaluate("control_plane", "_control_plane_security_files", **HARDENED)
    key = "/etc/kubernetes/security/encryption.yaml"
    assert named == {file["dest"] for file in files} | {key}
    assert {file["mode"] for file in files} == {"0600"}
    assert mounted["/etc/kubernetes/security"]["readOnly"]
    log = Path(arguments(configuration)["audit-log-path"])
    assert not mounted[str(log.parent)]["readOnly"]


def test_namespaces_of_add_ons_that_need_the_host_may_have_it() -> None:
    document = yaml.safe_load(render("control_plane", "admission.yaml.j2", **HARDENED))
    by_name = {plugin["name"]: plugin["configuration"] for plugin in document["plugins"]}
    exempt = by_name["PodSecurity"]["exemptions"]["namespaces"]
    asking = set()
    for path in [*ROOT.glob("roles/*/templates/*.yaml.j2")]:
        text = path.read_text(encoding="utf-8")
        if "hostNetwork: true" in text or "hostPath:" in text:
            asking |= {
                line.split()[1]
                for line in text.splitlines()
                if line.strip().startswith("namespace: ")
            }
    assert asking - {"{{"} <= set(exempt)
    assert {"kube-flannel", "kube-system"} <= asking


def test_strangers_are_told_health_and_joins_do_not_ask_as_strangers() -> None:
    document = yaml.safe_load(render("control_plane", "authentication.yaml.j2", **HARDENED))
    paths = [condition["path"] for condition in document["anonymous"]["conditions"]]
    assert paths == ["/livez", "/readyz", "/healthz"]
    for role in ("control_plane", "worker"):
        join = yaml.safe_load(render(role, "join.yaml.j2", **HARDENED))
        assert join["discovery"] == {"file": {"kubeConfigPath": str(kubeadm_member.DISCOVERY)}}
        task = yaml.safe_load((ROOT / f"roles/{role}/tasks/main.yml").read_text(encoding="utf-8"))
        assert (
            f"_{role}_join_token.discovery if"
            in (task[0]["kubedrill.kubeadm.kubeadm_member"]["discovery"])
        )


def test_the_kubelet_gets_the_kernel_settings_that_it_asks_for() -> None:
    """Constants of k8s.io/component-helpers/node/util/sysctl."""
    assert evaluate("host", "_host_hardened_sysctls") == {
        "vm.overcommit_memory": 1,
        "vm.panic_on_oom": 0,
        "kernel.panic": 10,
        "kernel.panic_on_oops": 1,
        "kernel.keys.root_maxkeys": 1000000,
        "kernel.keys.root_maxbytes": 25000000,
    }
    task = (ROOT / "roles/host/tasks/main.yml").read_text(encoding="utf-8")
    assert "host_sysctls | combine(_host_hardened_sysctls if _host_hardened else {})" in task


@pytest.mark.parametrize(("profile", "mode"), [("baseline", "0644"), ("hardened", "0600")])
def test_modes_of_the_kubelet_s_files(profile: str, mode: str) -> None:
    files = evaluate("host", "_host_files", security_profile=profile, cluster_api_port=8443)
    modes = {file["dest"]: file.get("mode", "0644") for file in files}
    assert modes["/etc/systemd/system/kubelet.service"] == mode
    assert modes["/etc/kubernetes/kubelet.conf.d/90-node.conf"] == mode


def test_files_are_private_before_a_kubelet_starts_and_after_containerd_wrote_them() -> None:
    unit = render("host", "kubelet.service.j2", **HARDENED)
    command = evaluate("host", "_host_make_private", **HARDENED)
    assert unit.index(f"ExecStartPre={command}\n") < unit.index("ExecStart=/")
    files = {file["dest"]: file["content"] for file in evaluate("host", "_host_hardened_files")}
    assert any(f"ExecStart={command}" in content for content in files.values())
    assert any("PathChanged=/etc/cni/net.d" in content for content in files.values())


def test_a_control_plane_that_is_no_member_gets_a_key_or_the_cluster_s() -> None:
    mine, _ = encryption_key.decide("", "", member=False)
    assert kube_configuration.mistakes(yaml.safe_load(mine)) == []
    assert encryption_key.decide("", "", member=False)[0] != mine, "random"
    assert encryption_key.decide(mine, "", member=False) == (mine, ""), "an install that was cut"
    assert encryption_key.decide("stale", "theirs", member=False) == ("theirs", "")


def test_no_key_of_a_member_is_lost_or_made_anew() -> None:
    assert encryption_key.decide("key", "", member=True) == ("key", "")
    assert encryption_key.decide("key", "key", member=True) == ("key", "")
    assert encryption_key.decide("", "key", member=True) == ("key", "")
    for actual, given, words in (("", "", "no more"), ("mine", "theirs", "another encryption key")):
        result, problem = encryption_key.decide(actual, given, member=True)
        assert result == ""
        assert words in problem


class Ended(Exception):
    """The module's result."""


def run_key(monkeypatch: pytest.MonkeyPatch, path: Path, **more: Any) -> dict[str, Any]:
    params = {"path": str(path), "member": False, "staged": "", "configuration": "", **more}

    def exit_json(**result: Any) -> None:
        raise Ended(result)

    module = SimpleNamespace(params=params, check_mode=False, exit_json=exit_json)
    monkeypatch.setattr(encryption_key, "AnsibleModule", lambda **_: module)
    with pytest.raises(Ended) as caught:
        encryption_key.main()
    return dict(caught.value.args[0])


def test_the_key_is_for_root_alone_and_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "security" / "encryption.yaml"
    first = run_key(monkeypatch, path)
    assert first["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8") == first["configuration"]
    assert not run_key(monkeypatch, path, member=True)["changed"]
    path.chmod(0o644)
    assert run_key(monkeypatch, path, member=True)["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    refused = run_key(monkeypatch, path, member=True, configuration="another")
    assert (refused["changed"], refused["configuration"]) == (False, "")
    assert path.read_text(encoding="utf-8") == first["configuration"]


def test_a_restored_cluster_has_the_key_of_its_backup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    staged, path = tmp_path / "staged.yaml", tmp_path / "encryption.yaml"
    staged.write_text(encryption_key.new_configuration(), encoding="utf-8")
    assert run_key(monkeypatch, path, staged=str(staged))["changed"]
    assert path.read_text(encoding="utf-8") == staged.read_text(encoding="utf-8")
    assert not run_key(monkeypatch, path, staged=str(staged), member=True)["changed"]
    run_key(monkeypatch, tmp_path / "another.yaml", staged=str(tmp_path / "absent"))
    assert (tmp_path / "another.yaml").read_text(encoding="utf-8")


def test_tasks_that_have_the_key_show_nothing_of_it() -> None:
    tasks = yaml.safe_load(
        (ROOT / "roles/control_plane/tasks/security.yml").read_text(encoding="utf-8")
    )
    having = [task for task in tasks if "kubedrill.kubeadm.encryption_key" in task]
    assert len(having) == 2
    assert all(task["no_log"] is True for task in having)
    assert len({task["register"] for task in having}) == 2, "a skipped task registers too"


def test_a_node_that_joins_authenticates_itself_with_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.crt").write_text("authority\n", encoding="utf-8")
    monkeypatch.setattr(kubeadm_join_token, "PKI", tmp_path)
    text = kubeadm_join_token.build_discovery("10.0.0.10:8443", TOKEN)
    config = yaml.safe_load(text)
    (cluster,), (user,), (context,) = config["clusters"], config["users"], config["contexts"]
    assert cluster["cluster"]["server"] == "https://10.0.0.10:8443"
    assert cluster["cluster"]["certificate-authority-data"] == "YXV0aG9yaXR5Cg=="
    assert user["user"] == {"token": TOKEN}
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert config["current-context"] == context["name"]


@pytest.mark.parametrize("status", [0, 1])
def test_the_token_is_on_the_node_only_while_kubeadm_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int
) -> None:
    for name in ("MARKER", "CONFIG", "DISCOVERY"):
        monkeypatch.setattr(kubeadm_member, name, tmp_path / name)
    seen = []

    def run_command(_argv: list[str], **_: Any) -> tuple[int, str, str]:
        mode = stat.S_IMODE(kubeadm_member.DISCOVERY.stat().st_mode)
        seen.append((kubeadm_member.DISCOVERY.read_text(encoding="utf-8"), mode))
        return status, "", ""

    def fail_json(**result: Any) -> None:
        raise Ended(result)

    params = {"command": "join", "config": "x", "discovery": TOKEN}
    module = SimpleNamespace(params=params, run_command=run_command, fail_json=fail_json)
    if status:
        with pytest.raises(Ended):
            kubeadm_member.run_kubeadm(module, 3)  # type: ignore[arg-type]
    else:
        kubeadm_member.run_kubeadm(module, 3)  # type: ignore[arg-type]
    assert seen == [(TOKEN, 0o600)]
    assert not kubeadm_member.DISCOVERY.exists()
    assert not kubeadm_member.CONFIG.exists()
