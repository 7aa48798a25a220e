# shellcheck shell=sh
# Store an undo on the node's disk, with a unit that arms it again at each boot.
#
# Arguments: the timer's name, the boot unit's name, the store, systemd's folder of units.
# The command that arms the timer comes on standard input. All of it is on the disk at the end, and
# systemd need not be reloaded: it reads the unit at the next boot only.
set -eu
timer=$1 boot=$2 store=$3 units=$4
wants=$units/multi-user.target.wants
umask 077
mkdir -p "$store"
cat > "$store/$timer.new"
sync "$store/$timer.new"
mv "$store/$timer.new" "$store/$timer"
umask 022
cat > "$units/$boot" <<END
[Unit]
Description=Arm the undo of a kubedrill fault again ($timer)
ConditionPathExists=$store/$timer

[Service]
Type=oneshot
ExecStart=/bin/sh $store/$timer

[Install]
WantedBy=multi-user.target
END
mkdir -p "$wants"
ln -sfn "../$boot" "$wants/$boot"
sync "$units/$boot" "$store" "$units" "$wants"
