#!/usr/bin/env bash
# The floor that site.yml is measured against: what an administrator in a hurry would type for this
# very cluster, side by side wherever kubeadm allows it. usage: install.sh DIR VERSION USER KEYS
# CP1=ADDRESS … -- W1=ADDRESS …
set -euo pipefail
dir=$1 version=$2 user=$3 keys=$4
shift 4
control_planes=() workers=()
target=control_planes
for argument in "$@"; do
  if [ "$argument" = -- ]; then target=workers; continue; fi
  declare -n list=$target
  list+=("$argument")
done
bundle=/opt/kubedrill/bundles/v$version-amd64
kubectl="kubectl --kubeconfig /etc/kubernetes/admin.conf"

on() { # on NAME=ADDRESS COMMAND
  ssh -i "$keys/${1%%=*}.key" -o UserKnownHostsFile="$keys/known_hosts" -o IdentitiesOnly=yes -o LogLevel=ERROR \
    "$user@${1#*=}" "sudo bash -euo pipefail -c '$2'"
}

prepare() { # prepare NAME=ADDRESS IMAGES UNITS
  on "$1" "tar -C / -x" < "$dir/${1%%=*}.tar"
  on "$1" "
    sysctl -q -p /etc/sysctl.d/90-kubedrill.conf
    mkdir -p /opt/cni/bin
    cp $bundle/cni/* /opt/cni/bin/
    cp $bundle/bin/* /usr/local/bin/
    chmod 755 /usr/local/bin/* /opt/cni/bin/*
    systemctl daemon-reload
    systemctl -q enable kubelet
    systemctl -q enable --now containerd $3
    for image in $2; do ctr -n k8s.io images import --no-unpack $bundle/\$image; done" > /dev/null
}

images() { # images ROLE: paths of the images that nodes of this role need
  python3 - "$dir/bundle.json" "$1" <<'PY'
import json, sys
parts = json.load(open(sys.argv[1]))["parts"]
print(*(p["path"] for p in parts if p["kind"] == "image" and sys.argv[2] in p["nodes"]))
PY
}

registration() { # registration NAME=ADDRESS
  cat <<YAML
nodeRegistration:
  name: ${1%%=*}
  criSocket: unix:///run/containerd/containerd.sock
  imagePullPolicy: Never
  kubeletExtraArgs: [{name: node-ip, value: ${1#*=}}]
  ignorePreflightErrors: [SystemVerification]
YAML
}

join() { # join NAME=ADDRESS [control plane]
  {
    printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n'
    printf 'discovery: {bootstrapToken: {apiServerEndpoint: "%s", token: %s, caCertHashes: ["%s"]}}\n' "$endpoint" "$token" "$hash"
    [ -z "${2:-}" ] || printf 'controlPlane: {certificateKey: %s, localAPIEndpoint: {advertiseAddress: %s}}\n' "$certificates" "${1#*=}"
    registration "$1"
  } | on "$1" "kubeadm join --config /dev/stdin" > /dev/null
}

for node in "${control_planes[@]}"; do prepare "$node" "$(images control_plane)" "haproxy keepalived" & done
for node in "${workers[@]}"; do prepare "$node" "$(images worker)" "" & done
wait

first=${control_planes[0]}
{
  printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: %s}\n' "${first#*=}"
  registration "$first"
  printf -- '---\n'
  cat "$dir/cluster.yaml"
  printf -- '---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: systemd\n'
  printf -- '---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: nftables\n'
  printf 'conntrack: {maxPerCore: 0, min: 0}\nnodePortAddresses: ["0.0.0.0/0"]\n'
} | on "$first" "kubeadm init --config /dev/stdin --skip-phases addon/coredns,show-join-command" > /dev/null
certificates=$(on "$first" "kubeadm init phase upload-certs --upload-certs" | tail -1)
read -r _ _ endpoint _ token _ hash < <(on "$first" "kubeadm token create --print-join-command")

for node in "${workers[@]}"; do join "$node" & done
for node in "${control_planes[@]:1}"; do join "$node" "control plane"; done
wait
on "$first" "kubeadm init phase addon coredns --kubeconfig /etc/kubernetes/admin.conf --config /dev/stdin" < "$dir/cluster.yaml" > /dev/null
for manifest in flannel metrics-certificate metrics-server metrics-api local-path-storage; do cat "$dir/$manifest.yaml"; printf -- '\n---\n'; done |
  on "$first" "$kubectl apply -f -" > /dev/null
on "$first" "
  $kubectl wait --for=condition=Ready nodes --all --timeout=180s
  $kubectl -n kube-flannel rollout status ds/flannel --timeout=180s
  $kubectl -n kube-system rollout status ds/kube-proxy --timeout=180s
  $kubectl -n kube-system rollout status deploy/coredns --timeout=180s
  $kubectl -n kube-system rollout status deploy/metrics-server --timeout=180s
  $kubectl -n local-path-storage rollout status deploy/local-path-provisioner --timeout=180s
  $kubectl wait --for=condition=Available apiservice/v1beta1.metrics.k8s.io --timeout=180s" > /dev/null
