"""Ansible module: creates or revokes what other nodes need to join."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.direct import NO_PROXY
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_membership import runs_on

DOCUMENTATION = r"""
module: kubeadm_join_token
short_description: Creates or revokes the join token and the uploaded certificates
description:
  - Runs on a control plane. Removes what interrupted joins of the named nodes left in the cluster
    (Node objects, etcd members), creates a bootstrap token, and uploads the control plane's
    certificates under a new key.
  - Where a Node whose kubelet works, or an etcd member that answers, has the name or address of a
    node that is no member, nothing is removed and there is no token.
options:
  state:
    description: Whether the token is to be there.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description: Names of the nodes that are to join.
    type: list
    elements: str
    default: []
  interrupted:
    description: Those whose kubeadm was interrupted, by the mark on them. What the cluster has of
      them is removed even where it lives; of others only what is dead.
    type: list
    elements: str
    default: []
  control_planes:
    description: Names and addresses of those that are to be control planes.
    type: dict
    default: {}
  endpoint:
    description: Address and port of the API, for C(discovery).
    type: str
    default: ""
  ttl:
    description: How long the token is good for.
    type: str
    default: 20m
  token_id:
    description: With C(state=absent) the token to revoke, by the part before its dot.
    type: str
    default: ""
author: kubedrill
"""

EXAMPLES = r"""
- name: Create a join token
  kubedrill.kubeadm.kubeadm_join_token:
    nodes: [cp2, w1]
    control_planes: {cp2: 192.0.2.12}
    endpoint: 192.0.2.10:8443
  register: join_token
  no_log: true

- name: Revoke it
  kubedrill.kubeadm.kubeadm_join_token:
    state: absent
    token_id: "{{ join_token.token | split('.') | first }}"
"""

RETURN = r"""
token:
  description: The bootstrap token.
  type: str
  returned: with state=present
ca_hash:
  description: Hash of the cluster's certificate authority's public key.
  type: str
  returned: with state=present
discovery:
  description: Kubeconfig with the token and the authority, for nodes that join a cluster whose API
    server shows nothing to strangers.
  type: str
  returned: with state=present
problem:
  description: Why there is no token, "" where there is one. The task that asks for a token has
    no_log, which would hide a failure's message.
  type: str
  returned: always
certificate_key:
  description: Key that the uploaded certificates are encrypted with, "" when no control plane is to
    join.
  type: str
  returned: with state=present
"""

ADMIN = "/etc/kubernetes/admin.conf"
PKI = Path("/etc/kubernetes/pki")
BIN = "/usr/local/bin"
WATCH_S = 15.0
"""A kubelet renews its Lease every 10 s, a quarter of nodeLeaseDurationSeconds."""


class JoinTokenError(Exception):
    """A program ended with an error; the text is its own."""


def run(module: AnsibleModule, *argv: str) -> str:
    """Standard output of a command that must succeed."""
    status, out, err = module.run_command([f"{BIN}/{argv[0]}", *argv[1:]], environ_update=NO_PROXY)
    if status:
        raise JoinTokenError(f"{' '.join(argv[:3])} failed: {(err or out).strip()[-2000:]}")
    return str(out).strip()


def authority_hash() -> str:
    """Return kubeadm's pin of the authority: sha256 of its DER-encoded public key."""
    certificate = ssl.PEM_cert_to_DER_cert((PKI / "ca.crt").read_text(encoding="ascii"))
    pem = subprocess.run(
        ["openssl", "x509", "-inform", "der", "-pubkey", "-noout"],
        input=certificate,
        capture_output=True,
        check=True,
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"], input=pem, capture_output=True, check=True
    ).stdout
    return "sha256:" + hashlib.sha256(der).hexdigest()


def build_discovery(endpoint: str, token: str) -> str:
    """Return a kubeconfig as JSON: kubeadm's file discovery, with the token as credentials."""
    authority = base64.b64encode((PKI / "ca.crt").read_bytes()).decode()
    cluster = {"server": f"https://{endpoint}", "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kubernetes", "cluster": cluster}],
        "users": [{"name": "joining", "user": {"token": token}}],
        "contexts": [{"name": "join", "context": {"cluster": "kubernetes", "user": "joining"}}],
        "current-context": "join",
    }
    return json.dumps(config)


def etcdctl(module: AnsibleModule, *argv: str, url: str = "https://127.0.0.1:2379") -> str:
    """Ask an etcd member, by default this node's."""
    certificates = (
        "--cacert",
        f"{PKI}/etcd/ca.crt",
        "--cert",
        f"{PKI}/etcd/server.crt",
        "--key",
        f"{PKI}/etcd/server.key",
    )
    return run(module, "etcdctl", "--endpoints", url, *certificates, *argv)


def kubectl(module: AnsibleModule, *argv: str) -> str:
    """Ask this node's API server."""
    return run(module, "kubectl", "--kubeconfig", ADMIN, *argv)


def remove_interrupted_joins(module: AnsibleModule) -> None:
    """Remove Node objects and etcd members of nodes that are not members.

    Raises:
        JoinTokenError: one of them lives; nothing was removed.
    """
    nodes, addresses = module.params["nodes"], module.params["control_planes"]
    known = kubectl(module, "get", "nodes", "-o", "name").split()
    leftovers = [name for name in sorted(nodes) if f"node/{name}" in known]
    members: list[dict[str, Any]] = (
        json.loads(etcdctl(module, "member", "list", "-w", "json"))["members"] if addresses else []
    )
    stale = [(name, member) for member in members if (name := find_owner(member, addresses))]
    refuse_living(module, leftovers, stale)
    for name in leftovers:
        kubectl(module, "delete", f"node/{name}", "--wait=false")
    for _, member in stale:
        etcdctl(module, "member", "remove", f"{member['ID']:x}")


def find_owner(member: dict[str, Any], addresses: dict[str, str]) -> str:
    """Return the node whose name or address an etcd member has; "" where it is none of them."""
    for name, address in addresses.items():
        if runs_on(member.get("name", ""), member.get("peerURLs", []), name, address):
            return name
    return ""


def refuse_living(
    module: AnsibleModule, nodes: list[str], members: list[tuple[str, dict[str, Any]]]
) -> None:
    """Take a fresh look at what is to be removed.

    A run that was delayed may think of a node that it is none, which another one has joined since;
    and a host of another name may have the address of a member.
    """
    marked = module.params["interrupted"]
    living = [
        f"the etcd member {member.get('name') or name} at the address of {name} answers"
        for name, member in members
        if name not in marked and not member.get("isLearner") and answers(module, member)
    ]
    living += [
        f"the kubelet of node {name} renewed its Lease just now"
        for name in renewing(module, [name for name in nodes if name not in marked])
    ]
    if living:
        raise JoinTokenError(
            f"{'; '.join(living)}, though the host of the inventory is no member of this cluster: "
            f"another host has its name or address, or another run has joined it meanwhile; "
            f"nothing was removed"
        )


def answers(module: AnsibleModule, member: dict[str, Any]) -> bool:
    """Whether an etcd member serves its clients."""
    for url in member.get("clientURLs", []):
        try:
            etcdctl(module, "endpoint", "health", "--command-timeout=5s", url=url)
        except JoinTokenError:
            continue
        return True
    return False


def renewing(module: AnsibleModule, nodes: list[str]) -> list[str]:
    """Those of the nodes whose kubelets renew their Leases."""
    before = renewals(module) if nodes else {}
    watched = [name for name in nodes if name in before]
    deadline = time.monotonic() + WATCH_S
    renewed: list[str] = []
    while watched and not renewed and time.monotonic() < deadline:
        time.sleep(1)
        now = renewals(module)
        renewed = [name for name in watched if now.get(name) not in (None, before[name])]
    return renewed


def renewals(module: AnsibleModule) -> dict[str, str]:
    """When each node's Lease was renewed last."""
    path = r"jsonpath={range .items[*]}{.metadata.name} {.spec.renewTime}{'\n'}{end}"
    lines = kubectl(module, "-n", "kube-node-lease", "get", "leases", "-o", path).splitlines()
    return {name: renewed for name, _, renewed in (line.partition(" ") for line in lines)}


def create(module: AnsibleModule) -> dict[str, str]:
    """Create the token and upload the certificates."""
    remove_interrupted_joins(module)
    key = ""
    if module.params["control_planes"]:
        key = run(
            module,
            "kubeadm",
            "init",
            "phase",
            "upload-certs",
            "--upload-certs",
            "--kubeconfig",
            ADMIN,
        ).split()[-1]
    created = run(
        module, "kubeadm", "token", "create", "--ttl", module.params["ttl"], "--kubeconfig", ADMIN
    )
    token = created.split()[-1]
    return {
        "token": token,
        "ca_hash": authority_hash(),
        "certificate_key": key,
        "discovery": build_discovery(module.params["endpoint"], token),
    }


def revoke(module: AnsibleModule) -> None:
    """Delete token and certificates before they expire."""
    names = [f"bootstrap-token-{module.params['token_id']}", "kubeadm-certs"]
    options = ("--namespace", "kube-system", "--ignore-not-found")  # they expire by themselves
    run(module, "kubectl", "--kubeconfig", ADMIN, "delete", "secret", *names, *options)


def main() -> None:
    """Create or revoke, and exit."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "interrupted": {"type": "list", "elements": "str", "default": []},
            "control_planes": {"type": "dict", "default": {}},
            "endpoint": {"type": "str", "default": ""},
            "ttl": {"type": "str", "default": "20m"},
            "token_id": {"type": "str", "default": "", "no_log": False},
        },
        supports_check_mode=True,
    )
    result = dict.fromkeys(("token", "ca_hash", "certificate_key", "discovery", "problem"), "")
    try:
        if module.params["state"] == "present" and not module.check_mode:
            result.update(create(module))
        elif not module.check_mode:
            revoke(module)
    except JoinTokenError as error:
        if module.params["state"] == "absent":
            module.fail_json(msg=str(error))
        result["problem"] = str(error)
    module.exit_json(changed=not result["problem"], **result)


if __name__ == "__main__":
    main()
