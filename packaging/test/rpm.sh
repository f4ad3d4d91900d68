#!/bin/bash
# rpm.sh WORK FIRST SECOND -- installs, upgrades and erases the RPMs of two folders, with rpm's own books, in a root that is made of
# this machine's own by an overlay, and says what is left behind. To be run in mount and PID namespaces of its own (root).
# The root is a Debian system, so what the packages need of others is not looked for; that is asked of the packages themselves.
set -euo pipefail
. "$(dirname "$0")/root.sh"
units="hybridge-server.service hybridge-agent.service hybridge-updater.service"
packages="hybridge hybridge-agent hybridge-updater"
books=/tmp/books
act() { within rpm --dbpath "$books" --nodeps "$@"; }

within rpmdb --dbpath "$books" --initdb
act --install /tmp/1/*.rpm >&2
for program in hybridge hybridge-agent hybridge-updater; do
  within "$program" --version | grep -q "^$program [0-9]" || fail "$program does not run"
done
is "$(within stat -c '%U:%G %a' /var/lib/hybridge)" "hybridge:hybridge 700" "state of the server"
is "$(within stat -c '%U:%G %a' /var/lib/hybridge-agent)" "hybridge-agent:hybridge-agent 700" "state of the agent"
is "$(within stat -c '%U:%G %a' /etc/hybridge-agent/secrets)" "hybridge-agent:hybridge-agent 700" "secrets of the agent"
is "$(within readlink /var/lib/hybridge-updater/current)" /usr/bin "the program in place"
is "$(within stat -c '%U:%G %a' /usr/bin/hybridge)" "root:root 755" "the program"
for unit in $units; do
  told=$(within systemd-analyze verify --man=no "/usr/lib/systemd/system/$unit" 2>&1 | grep hybridge || true)
  [ -z "$told" ] || fail "$told"
done
# What was installed is what was packed. State is not the packages'.
act --verify $packages >&2 || fail "files differ from the packages'"
echo installed

echo kept >"$root/var/lib/hybridge/state" && echo kept >"$root/etc/hybridge/server.env"
sed -i 's/stable/beta/' "$root/etc/hybridge-updater/updater.json"
act --upgrade /tmp/2/*.rpm >&2
is "$(within rpm --dbpath "$books" --query --queryformat '%{RELEASE}' hybridge)" 2 "revision"
is "$(within getent passwd hybridge | wc -l)" 1 "accounts"
is "$(cat "$root/var/lib/hybridge/state" "$root/etc/hybridge/server.env" | uniq)" kept "state and settings"
grep -q beta "$root/etc/hybridge-updater/updater.json" || fail "the settings of the updater were replaced"
echo upgraded

act --erase $packages >&2
[ ! -e "$root/usr/bin/hybridge" ] || fail "the program is still there"
is "$(cat "$root/var/lib/hybridge/state")" kept "state after erasing"
[ -e "$root/etc/hybridge-updater/updater.json.rpmsave" ] || fail "changed settings were not kept"
echo erased

umount "$root/dev" "$root/tmp" "$root/run" "$root/proc"
# State, secrets and changed settings are somebody's; what the packages brought is gone.
left=$(cd "$work/over/upper" && find . -iname '*hybridge*' ! -type d ! -path './var/log/*' ! -path './tmp/*' -print | sort)
echo "left behind: ${left:-nothing}"
