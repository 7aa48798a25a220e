"""What each release's bundle holds, from the one list of releases."""

from __future__ import annotations

from markdown import table

from kubedrill.bundle import releases

INTRODUCTION = """# Releases

Each release has a bundle of its own. A tag is what the release's kubeadm asks for; with source
`modules` the program in that image is a newer patch release, the one in this table. An upgrade
upgrades these programs too, and `cluster-upgrade` checks that every etcd member then runs the new
bundle's version.
"""
EVERY = """## In every bundle
"""


def pages() -> dict[str, str]:
    """Return the page of releases."""
    rows = [
        (
            each.kubernetes + (" (standard)" if each.kubernetes[1:] in releases.STANDARD else ""),
            f"{each.etcd} (tag {each.etcd_tag})",
            f"{each.coredns} (tag {each.coredns_tag})",
            each.containerd,
            each.pause_tag,
        )
        for each in releases.RELEASES
    ]
    shared = {
        "runc": releases.RUNC,
        "CNI plugins": releases.CNI_PLUGINS,
        "flannel": releases.FLANNEL,
        "metrics-server": releases.METRICS_SERVER,
        "local-path-provisioner": releases.LOCAL_PATH_PROVISIONER,
        "kube-network-policies, with source `upstream`": releases.NETWORK_POLICIES,
    }
    parts = [INTRODUCTION, table(("Kubernetes", "etcd", "CoreDNS", "containerd", "pause"), rows)]
    return {
        "releases.md": "\n".join([*parts, EVERY, table(("program", "version"), shared.items())])
    }
