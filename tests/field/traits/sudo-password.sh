#!/bin/sh
# An administrator with a key to log in and a password for sudo.
set -eu
useradd --create-home --shell /bin/bash "$ADMIN"
echo "$ADMIN:$PASSWORD" | chpasswd
install -d -m 0700 -o "$ADMIN" "/home/$ADMIN/.ssh"
printf '%s\n' "$PUBLIC_KEY" >"/home/$ADMIN/.ssh/authorized_keys"
chown "$ADMIN" "/home/$ADMIN/.ssh/authorized_keys"
echo "$ADMIN ALL=(ALL:ALL) ALL" >"/etc/sudoers.d/$ADMIN"
chmod 0440 "/etc/sudoers.d/$ADMIN"
