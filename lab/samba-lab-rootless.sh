#!/bin/bash
# samba-lab-rootless.sh COMMAND... -- run COMMAND as an ordinary user in a user and network namespace of its own.
# There it is root for itself, may use ports below 1024 and collides with nobody; all of it ends with the namespace.
export LAB_ROOT=${LAB_ROOT:-${TMPDIR:-/tmp}/hybridge-lab-$(id -u)}
mkdir -p "$LAB_ROOT"
exec unshare -Urn --kill-child bash -c 'ip link set lo up; exec "$@"' rootless "$@"
