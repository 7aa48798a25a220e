#!/bin/sh
# The upgrade that a cloud image does at its first boot: dpkg is locked meanwhile.
set -eu
systemd-run --quiet --unit=first-upgrade --description=first-upgrade --collect /usr/bin/python3 -c '
import fcntl, time
with open("/var/lib/dpkg/lock-frontend", "w") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    time.sleep(60)
'
