"""Ansible module: what kubeadm would write on this node for a configuration, beside what is there.

Everything is made by kubeadm itself, by its dry runs, in a directory of ours.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.certificates import (
    KUBERNETES,
    names_of,
    served_names,
    started,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kubeadm_settings import (
    GATES,
    NEEDED,
    PROGRAMS,
    unknown_arguments,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods import (
    arguments_of,
    processes,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    MANIFESTS,
    CommandError,
    run,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import copy_whole

DOCUMENTATION = r"""
module: kubeadm_settings
short_description: Compares a node with what kubeadm would write for a configuration
description: >-
  Reads manifests, running programs, the API server's certificate and the kubelet's configuration.
  Changes nothing that is used.
options:
  config: {description: kubeadm's configuration for this node., type: str, required: true}
  control_plane: {description: Whether the node is one., type: bool, required: true}
  settings:
    description: The inventory's cluster_kubeadm, to ask the programs whether they know it.
    type: dict
    default: {}
  staging:
    description: Directory whose C(new) gets what kubeadm writes, and which is removed at the end of
      a node's turn.
    type: path
    required: true
  stage:
    description: Whether to write there, where something differs. Else nothing is written.
    type: bool
    default: false
  timeout: {description: Seconds that each of kubeadm's commands may take., type: int, default: 60}
author: kubedrill
"""

EXAMPLES = r"""
- name: Compare the node with its settings
  kubedrill.kubeadm.kubeadm_settings:
    config: "{{ lookup('ansible.builtin.file', 'kubeadm.yaml') }}"
    control_plane: true
    staging: /etc/kubernetes/kubedrill/settings
"""

RETURN = r"""
state:
  description: >-
    Static pods to start again, names of the API server's certificate that differ, whether the
    kubelet's configuration differs, and as kubeadm writes it, mistakes of the settings, and whether
    an earlier run was not finished here.
  type: dict
  returned: always
"""

KUBELET_CONFIG = Path("/var/lib/kubelet/config.yaml")
ARGUMENT = re.compile(r"""^    - (['"]?)--([^=\n]+)=?(.*)\1$""", re.MULTILINE)
IMAGE = re.compile(r"^    image: (\S+)$", re.MULTILINE)
FIRST_START = ("initial-cluster", "initial-cluster-state")
"""Arguments that etcd reads before it has data; kubeadm writes others when a node joins."""
UNKNOWN_FIELD = re.compile(r'unknown field \\?"([^"\\]+)')


def arguments(manifest: str) -> dict[str, str]:
    r"""Arguments of a static pod's manifest.

    >>> arguments("    - kube-scheduler\n    - --profiling=false\n")
    {'profiling': 'false'}
    """
    return {name: value for _, name, value in ARGUMENT.findall(manifest)}


def with_first_start(staged: str, living: str) -> str:
    """Have a staged manifest of etcd keep what etcd reads at its first start only."""
    kept_lines = [line for line in living.splitlines(True) if _is_first_start(line)]
    lines = list(staged.splitlines(True))
    at = next((i for i, line in enumerate(lines) if _is_first_start(line)), None)
    if at is None or not kept_lines:
        return staged
    rest = [line for line in lines if not _is_first_start(line)]
    return "".join([*rest[:at], *kept_lines, *rest[at:]])


def _is_first_start(line: str) -> bool:
    return line.strip().startswith(tuple(f"- --{name}=" for name in FIRST_START))


def stage(folder: Path, params: dict[str, Any]) -> list[str]:
    """Have kubeadm write what it would; returns its warnings of unknown fields."""
    config = folder / "kubeadm.yaml"
    config.write_text(params["config"], encoding="utf-8")
    # no NO_PROXY: kubeadm copies it into manifests
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/bin"
    environment = {**os.environ, "PATH": path, "KUBEADM_INIT_DRYRUN_DIR": str(folder)}

    def phase(*names: str, to: Path = config) -> str:
        # what it does not know it says on standard error, and goes on
        command = ["kubeadm", "init", "phase", *names, "--config", str(to)]
        try:
            return run(
                ["sh", "-c", 'exec "$@" 2>&1', *command[:1], *command],
                params["timeout"],
                environment,
            )
        except CommandError as error:
            words = str(error).partition(": ")[2].splitlines()
            reason = next((w for w in reversed(words) if not w.startswith("To see the")), error)
            raise CommandError(f"kubeadm init phase {' '.join(names)}: {reason}") from error

    if params["control_plane"]:
        output = phase("kubelet-start", "--dry-run")
        phase("etcd", "local", "--dry-run")
        phase("control-plane", "all", "--dry-run")
        etcd = folder / "etcd.yaml"
        living = read(MANIFESTS / "etcd.yaml")
        etcd.write_text(with_first_start(read(etcd), living), encoding="utf-8")
        _stage_certificate(folder, params["config"], phase)
    else:
        output = _stage_worker(folder, params["config"], phase)
    return [
        f"cluster_kubeadm: kubeadm knows no field {name} of the configuration: correct it"
        for name in dict.fromkeys(UNKNOWN_FIELD.findall(output))
    ]


def _stage_worker(folder: Path, config: str, phase: Any) -> str:
    """Kubeadm init takes an authority without its key for an external one, and asks for more."""
    empty = folder / "pki"
    other = folder / "worker.yaml"
    other.write_text(with_certificates_in(empty, config), encoding="utf-8")
    output: str = phase("kubelet-start", "--dry-run", to=other)
    kubelet = folder / "config.yaml"
    text = read(kubelet).replace(str(empty), str(KUBERNETES / "pki"))
    kubelet.write_text(text, encoding="utf-8")
    return output


def with_certificates_in(folder: Path, config: str) -> str:
    """Kubeadm's configuration with another folder of certificates."""
    return re.sub(r"(?m)^certificatesDir: .*\n", "", config).replace(
        "kind: ClusterConfiguration\n", f"kind: ClusterConfiguration\ncertificatesDir: {folder}\n"
    )


def _stage_certificate(folder: Path, config: str, phase: Any) -> None:
    if not (KUBERNETES / "pki/ca.key").exists():  # an authority outside of the cluster signs
        shutil.copy2(KUBERNETES / "pki/apiserver.crt", folder / "apiserver.crt")
        return
    pki = folder / "pki"
    pki.mkdir(mode=0o700)
    for kind in ("crt", "key"):
        copy_whole(KUBERNETES / f"pki/ca.{kind}", pki / f"ca.{kind}")
    other = folder / "certificates.yaml"
    other.write_text(with_certificates_in(pki, config), encoding="utf-8")
    phase("certs", "apiserver", to=other)
    for kind in ("crt", "key"):
        shutil.move(pki / f"apiserver.{kind}", folder / f"apiserver.{kind}")
    shutil.rmtree(pki)


def read(path: Path) -> str:
    """A file's text, "" where there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def differing(folder: Path) -> list[str]:
    """Static pods whose manifest, or whose running program's arguments, are not as staged."""
    names = []
    for name in STATIC_PODS:
        manifest = read(folder / f"{name}.yaml")
        running = [arguments_of(pid) for pid in processes(name)]
        expected = arguments(manifest)
        same = all(
            {key: value for key, value in each.items() if key not in FIRST_START}
            == {key: value for key, value in expected.items() if key not in FIRST_START}
            for each in running
        )
        if manifest != read(MANIFESTS / f"{name}.yaml") or not running or not same:
            names.append(name)
    return names


def mistakes(folder: Path, params: dict[str, Any]) -> list[str]:
    """Settings that the programs do not know, and what would become of the cluster's own."""
    problems = []
    for component, name in PROGRAMS.items():
        asked = params["settings"].get(component) or params["settings"].get(GATES)
        for pid in processes(name)[:1] if asked else ():
            help_text = run([f"/proc/{pid}/exe", "--help"], params["timeout"])
            problems += unknown_arguments(component, params["settings"], help_text)
        living, staged = (read(place / f"{name}.yaml") for place in (MANIFESTS, folder))
        before, after = arguments(living), arguments(staged)
        fixed = [key for key in NEEDED[component] if key not in MOVABLE and key not in FIRST_START]
        problems += [
            f"{name} has --{key}={before.get(key, '')}, the inventory asks for "
            f"{after.get(key, 'none')}: a running cluster keeps it; correct the inventory"
            for key in fixed
            if before and before.get(key) != after.get(key)
        ]
        images = [IMAGE.findall(text) for text in (living, staged)]
        if living and images[0] != images[1]:
            problems.append(
                f"{name} runs {''.join(images[0])}, kubeadm asks for {''.join(images[1])}: "
                "finish the upgrade first"
            )
    return problems


MOVABLE = (
    "feature-gates",
    "leader-elect-lease-duration",
    "leader-elect-renew-deadline",
    "leader-elect-retry-period",
    "shutdown-delay-duration",
)
"""Arguments that variables of the inventory have, and that may change."""


def compare(folder: Path, params: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What differs, and as Ansible's ``diff``."""
    state: dict[str, Any] = {"restart": [], "certificate": [], "mistakes": stage(folder, params)}
    names: dict[str, str] = {}
    pairs = [(folder / "config.yaml", KUBELET_CONFIG)]
    if params["control_plane"]:
        state["restart"] = differing(folder)
        state["mistakes"] += mistakes(folder, params)
        pairs += [(folder / f"{name}.yaml", MANIFESTS / f"{name}.yaml") for name in STATIC_PODS]
        expected, actual = names_of(folder / "apiserver.crt"), served_names(MANIFESTS)
        state["certificate"] = sorted(expected ^ actual)
        if expected != actual and "kube-apiserver" not in state["restart"]:
            state["restart"].append("kube-apiserver")
        names = _diff_names(actual, expected)
    text = read(folder / "config.yaml")
    state["kubelet_config"] = text
    pid = run(["systemctl", "show", "-p", "MainPID", "--value", "kubelet"]).strip()
    written = KUBELET_CONFIG.stat().st_mtime if KUBELET_CONFIG.exists() else 0.0
    state["kubelet"] = text != read(KUBELET_CONFIG) or started(int(pid or 0)) < written
    diffs = [_diff(target, read(target), read(staged)) for staged, target in pairs]
    if state["certificate"]:
        diffs.append(names)
    return state, [each for each in diffs if each["prepared"]]


def _diff(path: Path, before: str, after: str) -> dict[str, str]:
    lines = difflib.unified_diff(
        before.splitlines(True), after.splitlines(True), str(path), str(path), n=0
    )
    return {"prepared": "".join(lines)}


def _diff_names(before: set[str], after: set[str]) -> dict[str, str]:
    lines = [f"-{name}" for name in sorted(before - after)]
    lines += [f"+{name}" for name in sorted(after - before)]
    return {"prepared": "\n".join(["names of /etc/kubernetes/pki/apiserver.crt", *lines, ""])}


def keep_staged(folder: Path, staged: Path) -> None:
    """Keep what kubeadm wrote, in place of what an earlier run left."""
    if staged.exists():
        shutil.rmtree(staged)
    staged.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(folder, staged)
    staged.chmod(0o700)


def main() -> None:
    """Compare and exit."""
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "str", "required": True},
            "control_plane": {"type": "bool", "required": True},
            "settings": {"type": "dict", "default": {}},
            "staging": {"type": "path", "required": True},
            "stage": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    folder = Path(tempfile.mkdtemp(prefix="kubedrill-settings-"))
    try:
        state, diffs = compare(folder, module.params)
        changed = bool(state["restart"] or state["kubelet"])
        staging = Path(module.params["staging"])
        state["begun"] = staging.exists()
        if changed and module.params["stage"] and not module.check_mode:
            keep_staged(folder, staging / "new")
    except (CommandError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    module.exit_json(changed=changed, state=state, diff=diffs)


if __name__ == "__main__":
    main()
