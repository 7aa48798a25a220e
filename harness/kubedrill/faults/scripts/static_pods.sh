# shellcheck shell=sh disable=SC2154 # the two variables below
# Functions for static pods of kube-system. They need two variables: $manifests is the folder that
# the kubelet reads, $parked the one where manifests wait.

# Print the process ids of the pods' containers, as containerd knows them.
list_pids() {
  for pod; do
    labels="labels.\"io.kubernetes.container.name\"==$pod"
    labels="$labels,labels.\"io.kubernetes.pod.namespace\"==kube-system"
    ids=" $(ctr -n k8s.io containers ls -q "$labels" | tr '\n' ' ') "
    ctr -n k8s.io tasks ls | awk -v ids="$ids" \
      '$3 == "RUNNING" && index(ids, " " $1 " ") { print $2 }'
  done
}

# Park the manifests and kill what runs, until nothing has run for 2 s: the kubelet may just have
# started a container again as its manifest was taken away.
stop_pods() {
  # shellcheck disable=SC2174 # its parent is kubeadm's
  mkdir -p -m 700 "$parked" || return 1
  for pod; do
    [ ! -e "$manifests/$pod.yaml" ] || mv "$manifests/$pod.yaml" "$parked/$pod.yaml" || return 1
  done
  quiet=0
  for _ in $(seq 60); do
    pids=$(list_pids "$@")
    if [ -n "$pids" ]; then
      # shellcheck disable=SC2086 # several ids
      kill -KILL $pids
      quiet=0
    else
      quiet=$((quiet + 1))
      [ "$quiet" -lt 4 ] || return 0
    fi
    sleep 0.5
  done
  return 1
}

# Give the manifests back; the kubelet starts them. Safe where none is parked.
start_pods() {
  for pod; do
    [ ! -e "$parked/$pod.yaml" ] || mv "$parked/$pod.yaml" "$manifests/" || return 1
  done
  rmdir "$parked" 2>/dev/null || true
}
