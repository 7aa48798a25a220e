"""What is asked of nodes and of the cluster.

Nothing here changes anything, and Secrets are never asked for.
"""

from __future__ import annotations

import shlex

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=20s"
_ETCDCTL = (
    "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt "
    "--cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key "
    "--command-timeout=10s"
)
_POD_LOGS = (
    "find /var/log/pods -name '*.log' -path '*{where}*' -mmin -{minutes} 2>/dev/null | sort | "
    'while read -r file; do echo "==> $file"; tail -c 300000 "$file"; done'
)
_HAPROXY = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(5); "
    "s.connect('/run/haproxy/admin.sock'); "
    "s.sendall(b'show servers state; show stat\\n'); "
    "print(b''.join(iter(lambda: s.recv(65536), b'')).decode(errors='replace'))"
)

NODE: dict[str, str] = {
    "journal-kubelet.txt": (
        "journalctl --utc -o short-precise --no-pager --since=-{minutes}min -u kubelet"
    ),
    "journal-containerd.txt": (
        "journalctl --utc -o short-precise --no-pager --since=-{minutes}min -u containerd"
    ),
    "journal-kernel.txt": "journalctl --utc -o short-precise --no-pager --since=-{minutes}min -k",
    "journal-others.txt": (
        "journalctl --utc -o short-precise --no-pager --since=-{minutes}min -u keepalived -u "
        "haproxy -u flanneld "
        "-u 'kubedrill*' -u ssh"
    ),
    "logs-kube-system.txt": _POD_LOGS.replace("{where}", "kube-system_"),
    "logs-other-pods.txt": _POD_LOGS.replace("{where}", "kubedrill"),
    "units.txt": (
        "export SYSTEMD_PAGER=; systemctl --failed; systemctl list-timers --all; "
        "systemctl list-units"
    ),
    "containers.txt": "ctr -n k8s.io containers list; ctr -n k8s.io tasks list",
    "network.txt": "ip address; ip route; nft list ruleset; ss -ltnp",
    "resources.txt": (
        "date -u; uptime; free -m; df -h; df -i; cat /proc/loadavg /proc/pressure/* 2>/dev/null"
    ),
    "manifests.txt": (
        'for file in /etc/kubernetes/manifests/*.yaml; do echo "==> $file"; cat "$file"; done'
    ),
}
"""File of the archive → command on each node. ``{minutes}``: how far back."""

CONTROL_PLANE: dict[str, str] = {
    "etcd.txt": "; ".join(
        f"{_ETCDCTL} {verb}"
        for verb in ("member list -w table", "endpoint status --cluster -w table", "alarm list")
    ),
    "haproxy.txt": (
        "[ -S /run/haproxy/admin.sock ] || systemctl is-enabled --quiet haproxy || exit 0; "
        f"python3 -c {shlex.quote(_HAPROXY)}"  # a balancer's host has no socat
    ),
}
"""The same of each control plane. It has no haproxy where a balancer outside the cluster stands
before the API."""

BALANCER = {
    name: (NODE | CONTROL_PLANE)[name]
    for name in (
        "journal-kernel.txt",
        "journal-others.txt",
        "units.txt",
        "network.txt",
        "resources.txt",
        "haproxy.txt",
    )
}
"""The same of the host of load_balancers, which is no node."""

CLUSTER: dict[str, str] = {
    "events.txt": f"{KUBECTL} get events -A --sort-by=.lastTimestamp -o wide",
    "nodes.yaml": f"{KUBECTL} get nodes -o yaml",
    "pods.txt": f"{KUBECTL} get pods -A -o wide",
    "pods.yaml": f"{KUBECTL} get pods -A -o yaml",
    "workloads.yaml": (
        f"{KUBECTL} get "
        f"deployments,daemonsets,statefulsets,services,endpointslices,pdb,pvc -A -o "
        f"yaml"
    ),
    "config-maps.yaml": f"{KUBECTL} get configmaps -n kube-system -o yaml",
    "leases.yaml": f"{KUBECTL} get leases -n kube-system -o yaml",
    "describe-nodes.txt": f"{KUBECTL} describe nodes",
}
"""Asked of the first control plane that answers."""
