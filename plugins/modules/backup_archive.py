"""Ansible module: collects on a control plane all that a backup holds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import ssl
import tarfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.etcd_keys import (
    count_kinds,
    keys_of,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_membership import (
    read_configuration,
    summarize_node,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    MANIFESTS,
    CommandError,
    etcdctl,
    image_tag,
    kubectl_json,
    search_file,
)

DOCUMENTATION = r"""
module: backup_archive
short_description: Collects on a control plane all that a backup holds
description:
  - Makes one archive of a saved snapshot, the cluster's keys and certificates, the encryption
    configuration of the API server where it has one, kubeadm's ClusterConfiguration and the list
    of nodes. Its first file is the manifest, with the sha256 of all others and what the snapshot
    holds.
  - The archive lies beside the snapshot, which it takes the place of. Both are root's only.
options:
  directory: {description: Where snapshot.db lies., type: path, required: true}
  revision: {description: The snapshot's revision., type: int, required: true}
  cluster: {description: The cluster's name., type: str, required: true}
  taken: {description: When the snapshot was begun., type: str, required: true}
  etcdctl: {description: The etcdctl program., type: str, default: /usr/local/bin/etcdctl}
  timeout: {description: Seconds until etcd and the API must answer., type: int, default: 60}
author: kubedrill
"""

EXAMPLES = r"""
- name: Collect what belongs to the backup
  kubedrill.kubeadm.backup_archive:
    directory: /var/tmp/kubedrill-snapshot-abcdefgh
    revision: 4711
    cluster: lab
    taken: 20260101T000000Z
"""

RETURN = r"""
archive:
  description: path, bytes and sha256 of the archive.
  type: dict
  returned: always
manifest:
  description: The archive's manifest; it holds no secrets.
  type: dict
  returned: always
"""

SCHEMA = 1
PKI = Path("/etc/kubernetes/pki")
SNAPSHOT = "etcd/snapshot.db"
FILES = "files"
"""Below it are files by their paths on the node."""
CONFIGURATION = "kubeadm/ClusterConfiguration.yaml"
NODES = "nodes.json"
CHUNK = 1 << 20


def sum_file(path: Path) -> str:
    """The sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def secret_files(pki: Path, manifests: Path) -> list[Path]:
    """Certificates and keys, and the encryption configuration that the API server reads.

    Raises CommandError where a file that has to be there is not.
    """
    files = sorted(path for path in pki.rglob("*") if path.is_file())
    encryption = search_file(
        manifests / "kube-apiserver.yaml", r"--encryption-provider-config=(\S+)"
    )
    needed = [pki / "ca.crt", *([Path(encryption)] if encryption else [])]
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        raise CommandError(f"{', '.join(missing)} cannot be read, and belongs to a backup")
    files += [path for path in needed if path not in files]
    return files


def read_cluster(program: str, revision: int, timeout: float) -> tuple[dict[str, Any], str]:
    """What the manifest says of the cluster, and kubeadm's ClusterConfiguration.

    Raises CommandError.
    """
    status = etcdctl(program, "endpoint", "status", timeout=timeout)[0]["Status"]
    answer = etcdctl(
        program, "get", "", "--prefix", "--keys-only", f"--rev={revision}", timeout=timeout
    )
    kinds = count_kinds(keys_of(answer))
    namespace = kubectl_json("get", "namespace", "kube-system", timeout=timeout)
    nodes = kubectl_json("get", "nodes", timeout=timeout)["items"]
    config_map = kubectl_json(
        "get", "configmap", "kubeadm-config", "-n", "kube-system", timeout=timeout
    )
    about = {
        "kubernetes": image_tag(MANIFESTS / "kube-apiserver.yaml"),
        "identity": {
            "kube_system_uid": namespace["metadata"]["uid"],
            "etcd_cluster_id": f"{status['header']['cluster_id']:x}",
            "ca_sha256": authority_digest((PKI / "ca.crt").read_text(encoding="ascii")),
        },
        "etcd": {
            "version": status["version"],
            "revision": revision,
            "keys": sum(kinds.values()),
            "kinds": kinds,
        },
        "nodes": [
            {
                "name": node["metadata"]["name"],
                "kubelet": node["status"]["nodeInfo"]["kubeletVersion"],
                "address": summarize_node(node)["address"],
                "control_plane": summarize_node(node)["control_plane"],
            }
            for node in nodes
        ],
    }
    return about, read_configuration(config_map)


def authority_digest(certificates: str) -> str:
    """The sha256 of a PEM file's first certificate, which ``openssl x509 -fingerprint`` shows."""
    end = "-----END CERTIFICATE-----"
    first = certificates.partition(end)[0] + end
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[first.index("-----") :])).hexdigest()


def write_archive(
    archive: Path, manifest: dict[str, Any], files: dict[str, Path], texts: dict[str, str]
) -> dict[str, Any]:
    """Write the archive, and return its manifest with every part's bytes and sha256."""
    contents = {name: text.encode() for name, text in texts.items()}
    parts = {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    parts.update({name: (path.stat().st_size, sum_file(path)) for name, path in files.items()})
    whole = {
        **manifest,
        "parts": {name: {"bytes": size, "sha256": total} for name, (size, total) in parts.items()},
    }
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
        _add(tar, "manifest.json", json.dumps(whole, indent=1, sort_keys=True).encode())
        for name, content in contents.items():
            _add(tar, name, content)
        for name, path in files.items():
            info = _entry(name, parts[name][0])
            with path.open("rb") as content_stream:
                tar.addfile(info, content_stream)
    return whole


def _entry(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_entry(name, len(content)), io.BytesIO(content))


def collect(params: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Make the archive. Raises CommandError and OSError."""
    directory = Path(params["directory"])
    os.chown(directory, os.geteuid(), os.getegid())  # etcd_snapshot gave it to who logged in
    snapshot = directory / "snapshot.db"
    files = {f"{FILES}{path}": path for path in secret_files(PKI, MANIFESTS)}
    about, configuration = read_cluster(params["etcdctl"], params["revision"], params["timeout"])
    manifest = {
        "schema": SCHEMA,
        "cluster": params["cluster"],
        "taken": params["taken"],
        **about,
    }
    texts = {CONFIGURATION: configuration, NODES: json.dumps(about["nodes"], indent=1) + "\n"}
    archive = directory / "backup.tar"
    whole = write_archive(archive, manifest, {**files, SNAPSHOT: snapshot}, texts)
    snapshot.unlink()
    return archive, whole


def main() -> None:
    """Collect and exit."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "revision": {"type": "int", "required": True},
            "cluster": {"type": "str", "required": True},
            "taken": {"type": "str", "required": True},
            "etcdctl": {"type": "str", "default": "/usr/local/bin/etcdctl"},
            "timeout": {"type": "int", "default": 60},
        }
    )
    try:
        archive, manifest = collect(module.params)
        about = {
            "path": str(archive),
            "bytes": archive.stat().st_size,
            "sha256": sum_file(archive),
        }
    except (CommandError, OSError, KeyError, ValueError) as error:
        module.fail_json(msg=f"the backup cannot be collected: {error}")
    module.exit_json(changed=True, archive=about, manifest=manifest)


if __name__ == "__main__":
    main()
