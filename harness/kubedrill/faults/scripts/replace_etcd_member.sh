# shellcheck shell=sh disable=SC2154 # $manifests, $parked and the functions: static_pods.sh
# Make a new etcd member of a node whose data are gone. Safe to repeat, and where it is done
# already.
# Arguments: node, URL for its peers, folder of etcd's data, suffix of what is kept aside, and the
# etcdctl command towards the other members, with its options.

node=$1 url=$2 data=$3 aside=$3/member$4
shift 4
added=$data/kubedrill-fault-added manifest=$parked/etcd.yaml new=$data/kubedrill-fault-etcd.yaml

find_id() { "$@" member list | awk -F', ' -v url="$url" '$4 == url { print $1 }'; }

# A learner is not promoted yet.
is_voter() {
  "$@" member list | awk -F', ' -v url="$url" '
    $4 == url && $6 == "false" { voter = 1 }
    END { exit !voter }'
}

[ -e "$aside" ] || { start_pods etcd kube-apiserver; exit; }
stop_pods etcd kube-apiserver || exit 1
if [ ! -e "$added" ]; then
  id=$(find_id "$@")
  if [ -n "$id" ]; then "$@" member remove "$id" || exit 1; fi
  rm -rf "$data/member"
  left=40
  # It is refused for some seconds while a member is only just back ("unhealthy cluster").
  until [ -n "$(find_id "$@")" ]; do
    [ "$left" -gt 0 ] || exit 1
    "$@" member add "$node" --learner --peer-urls="$url" >&2 && break
    left=$((left - 1))
    sleep 1
  done
  touch "$added"
fi

# The manifest gets what kubeadm writes for a control plane that joins.
all="$("$@" member list | awk -F', ' -v url="$url" -v node="$node" '
  { printf "%s%s=%s", (NR > 1 ? "," : ""), ($4 == url ? node : $3), $4 }')" || exit 1
umask 077
state='--initial-cluster-state=existing'
sed -e '/--initial-cluster-state=/d' \
  -e "s#\\( *- \\)--initial-cluster=.*#\\1--initial-cluster=$all\\n\\1$state#" \
  "$manifest" > "$new" || exit 1
grep -q -- "$state" "$new" || exit 1
cat "$new" > "$manifest" || exit 1
rm "$new" || exit 1
start_pods etcd || exit 1
for _ in $(seq 100); do
  "$@" member promote "$(find_id "$@")" >/dev/null 2>&1
  if is_voter "$@"; then
    start_pods kube-apiserver && rm -rf "$aside" "$added"
    exit
  fi
  sleep 1
done
echo "the new member did not catch up with the others" >&2
exit 1
