"""What a restore needs to know before it begins.

Pure functions: a backup's manifest, its ClusterConfiguration and what the nodes are in, sentences
and kubeadm's configuration out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PKI = "files/etc/kubernetes/pki/"
AUTHORITIES = (
    "ca.crt",
    "ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "sa.key",
    "sa.pub",
)
"""Files that a cluster keeps; kubeadm signs everything else anew, for its new names."""
ENCRYPTION = "files/etc/kubernetes/security/encryption.yaml"
"""The key that Secrets in the snapshot are encrypted with, where security_profile is hardened."""


def backup_mistakes(
    backup: Mapping[str, Any], expected: Mapping[str, Any], version: str
) -> list[str]:
    """Say why a backup cannot become this inventory's cluster.

    ``expected`` has ``cluster``, ``pod_network``, ``service_network`` and ``security_profile`` of
    the inventory, and Ansible's ``limit``.
    """
    mistakes = []
    if expected["limit"]:
        mistakes.append("a restore needs all machines of the inventory: leave out --limit")
    if backup["mistakes"]:
        return [*mistakes, *(f"restore_from: {mistake}" for mistake in backup["mistakes"])]
    manifest = backup["manifest"]
    if manifest["cluster"] != expected["cluster"]:
        mistakes.append(
            f"restore_from is a backup of cluster {manifest['cluster']}, expected "
            f"{expected['cluster']} (cluster_name): give one of this cluster, or its inventory"
        )
    if manifest["kubernetes"] != version:
        mistakes.append(
            f"restore_from is of Kubernetes {manifest['kubernetes']}, the inventory asks for "
            f"{version}: restore with -e cluster_kubernetes_version={manifest['kubernetes']}, then "
            "upgrade"
        )
    missing = [name for name in AUTHORITIES if f"{PKI}{name}" not in manifest["parts"]]
    if missing:
        mistakes.append(
            f"restore_from lacks {', '.join(missing)}, without which no certificate can be signed: "
            "the authority is an external one; restore by hand (docs/how-to/repair-etcd.md)"
        )
    foreign = sorted(
        part
        for part in manifest["parts"]
        if part.startswith("files/") and not part.startswith(PKI) and part != ENCRYPTION
    )
    if foreign:
        mistakes.append(
            f"restore_from has {', '.join(foreign)}, which this project does not put there: "
            "restore by hand (docs/how-to/repair-etcd.md)"
        )
    profile = "hardened" if ENCRYPTION in manifest["parts"] else "baseline"
    if profile != expected["security_profile"]:
        mistakes.append(
            f"restore_from is of a cluster with security_profile {profile}, the inventory asks for "
            f"{expected['security_profile']}: set it to {profile}"
        )
    networks = (yaml.safe_load(backup["configuration"]) or {}).get("networking") or {}
    for name, variable in (("podSubnet", "pod_network"), ("serviceSubnet", "service_network")):
        if networks.get(name) != expected[variable]:
            mistakes.append(
                f"cluster_{variable} is {expected[variable]}, expected the backup's "
                f"{networks.get(name)}, of which the cluster's objects have addresses"
            )
    return mistakes


def node_mistakes(
    members: Mapping[str, Mapping[str, Any]], staged: str, backup: Mapping[str, Any]
) -> list[str]:
    """Say which machines are not empty.

    ``staged`` is the sha256 of the backup whose restore the first control plane has begun: one that
    was interrupted goes on, whatever it has made of the machines.
    """
    if staged and staged == backup["sha256"]:
        return []
    mistakes = []
    if staged:
        mistakes.append(
            "the restore of another backup has begun here: finish it by its own command, or run "
            "playbooks/reset.yml"
        )
    states = {
        "member": "is a member of a cluster",
        "half": "has an installation that was interrupted",
        "foreign": "has leftovers of another cluster",
    }
    for name, node in members.items():
        if node["member"] in states:
            files = ", ".join(node.get("leftovers") or [])
            mistakes.append(
                f"{name} {states[node['member']]}{f' ({files})' if files else ''}: a backup is "
                "restored onto empty machines; run playbooks/reset.yml where that cluster is lost"
            )
    return mistakes


def restored_configuration(text: str, saved: str) -> str:
    """Return kubeadm's configuration of an inventory, with what the backup's cluster was set to.

    Names, addresses and the release are the inventory's. Without ``saved``, ``text`` as it is.
    """
    if not saved:
        return text
    documents = list(yaml.safe_load_all(text))
    for number, document in enumerate(documents):
        if document["kind"] == "ClusterConfiguration":
            documents[number] = _merge(yaml.safe_load(saved), document)
    return yaml.safe_dump_all(documents, sort_keys=False)


def _merge(saved: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    api_server = {**(saved.get("apiServer") or {})}
    api_server["certSANs"] = document["apiServer"]["certSANs"]
    inventory = ("apiVersion", "kind", "clusterName", "kubernetesVersion", "controlPlaneEndpoint")
    return {
        **saved,
        **{name: document[name] for name in inventory},
        "apiServer": api_server,
    }


def old_nodes(nodes: Mapping[str, Any], inventory: Sequence[str]) -> list[str]:
    """Nodes of the restored cluster that the inventory does not have."""
    return sorted(set(nodes) - set(inventory))


class FilterModule:
    """Filters of the roles restore and control_plane."""

    def filters(self) -> dict[str, Any]:
        """Map filter names to functions."""
        return {
            "restore_backup_mistakes": backup_mistakes,
            "restore_node_mistakes": node_mistakes,
            "restore_old_nodes": old_nodes,
            "restored_configuration": restored_configuration,
        }
