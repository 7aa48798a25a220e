"""What kubelet, kube-proxy, flannel and this project have in nftables, and how it is removed."""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kernel_tables import delete_table
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import nft_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    Run = Callable[..., str]

CLUSTER_TABLES = re.compile(r"ip6? (kube-proxy|flannel-ipv[46]|service-network)$")
IPTABLES = re.compile(r"ip6? (nat|mangle|filter)$")
IPTABLES_CHAINS = re.compile(r"(INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING|KUBE-.*)$")


def remove_tables(run: Run, before: Collection[str]) -> list[str]:
    """Remove the cluster's tables and chains; return what was removed.

    ``run`` runs a command, ``before`` names the tables that the node had before the cluster.
    """
    removed = []
    # kube-proxy's first: an older nft crashes for as long as they are there.
    for table in sorted(nft_tables(), key=lambda table: not CLUSTER_TABLES.match(table)):
        if CLUSTER_TABLES.match(table):
            with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                delete_table(table)
            removed.append(f"table {table}")
        elif table not in before and IPTABLES.match(table) and _is_ours(run, table):
            run("nft", "delete", "table", *table.split())
            removed.append(f"table {table}")
        elif IPTABLES.match(table):
            removed += _remove_chains(run, table)
    return removed


def _is_ours(run: Run, table: str) -> bool:
    """Whether an iptables table has chains of kubelet, kube-proxy and flannel only."""
    text = run("nft", "list", "table", *table.split())
    chains = re.findall(r"^\s*chain (\S+) ", text, re.MULTILINE)
    return all(IPTABLES_CHAINS.match(chain) for chain in chains)


def _remove_chains(run: Run, table: str) -> list[str]:
    """Remove the kubelet's chains, and the jumps to them, from a table that others use too."""
    listed = json.loads(run("nft", "--json", "list", "table", *table.split()))["nftables"]
    names = [item["chain"]["name"] for item in listed if "chain" in item]
    ours = [name for name in names if name.startswith("KUBE-")]
    for rule in (item["rule"] for item in listed if "rule" in item):
        targets = [part.get("jump", {}).get("target") for part in rule["expr"]]
        if rule["chain"] not in ours and set(targets) & set(ours):
            handle = ("handle", str(rule["handle"]))
            run("nft", "delete", "rule", *table.split(), rule["chain"], *handle)
    for verb in ("flush", "delete"):
        for chain in ours:
            run("nft", verb, "chain", *table.split(), chain)
    return [f"chain {chain} of table {table}" for chain in ours]
