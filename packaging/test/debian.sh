#!/bin/bash
# debian.sh WORK FIRST SECOND -- installs, upgrades, removes and purges the Debian packages of two folders in a root that is made of
# this machine's own by an overlay, and says what is left behind. To be run in mount and PID namespaces of its own (root).
set -euo pipefail
. "$(dirname "$0")/root.sh"
units="hybridge-server.service hybridge-agent.service hybridge-updater.service"
packages="hybridge hybridge-agent hybridge-updater"

within sh -c 'dpkg --install /tmp/1/*.deb' >&2
for program in hybridge hybridge-agent hybridge-updater; do
  within "$program" --version | grep -q "^$program [0-9]" || fail "$program does not run"
done
is "$(within stat -c '%U:%G %a' /var/lib/hybridge)" "hybridge:hybridge 700" "state of the server"
is "$(within stat -c '%U:%G %a' /var/lib/hybridge-agent)" "hybridge-agent:hybridge-agent 700" "state of the agent"
is "$(within stat -c '%U:%G %a' /etc/hybridge-agent/secrets)" "hybridge-agent:hybridge-agent 700" "secrets of the agent"
is "$(within stat -c '%U:%G %a' /etc/hybridge)" "root:hybridge 750" "settings of the server"
is "$(within readlink /var/lib/hybridge-updater/current)" /usr/bin "the program in place"
for unit in $units; do is "$(within systemctl is-enabled "$unit")" enabled "$unit"; done
within /var/lib/hybridge-updater/current/hybridge-agent --version >/dev/null
echo installed

for package in $packages; do within env DPKG_MAINTSCRIPT_PACKAGE="$package" "/var/lib/dpkg/info/$package.postinst" configure '' >&2; done
is "$(within getent passwd hybridge | wc -l)" 1 "accounts"
echo "configured twice"

for unit in $units; do
  # As systemd sees them, with the drop-in of the updater.
  told=$(within systemd-analyze verify --man=no "/usr/lib/systemd/system/$unit" 2>&1 | grep hybridge || true)
  [ -z "$told" ] || fail "$told"
  within systemd-analyze security --no-pager --offline=true --threshold="$HIGHEST_EXPOSURE" "/usr/lib/systemd/system/$unit" >/dev/null ||
    fail "$unit is more exposed than $HIGHEST_EXPOSURE tenths"
done
echo "units are sound"

# What an administrator did outlasts an upgrade.
within systemctl disable hybridge-agent.service >/dev/null 2>&1
echo kept >"$root/var/lib/hybridge/state" && echo kept >"$root/etc/hybridge/server.env"
sed -i 's/stable/beta/' "$root/etc/hybridge-updater/updater.json"
within sh -c 'dpkg --install /tmp/2/*.deb' >&2
is "$(within dpkg-query -W -f '${Version}' hybridge | sed 's/.*-//')" 2 "revision"
is "$(within systemctl is-enabled hybridge-agent.service || true)" disabled "the disabled unit"
is "$(within systemctl is-enabled hybridge-server.service)" enabled "the enabled unit"
is "$(cat "$root/var/lib/hybridge/state" "$root/etc/hybridge/server.env" | uniq)" kept "state and settings"
grep -q beta "$root/etc/hybridge-updater/updater.json" || fail "the settings of the updater were replaced"
echo upgraded

within dpkg --remove $packages >&2
[ ! -e "$root/usr/bin/hybridge" ] || fail "the program is still there"
is "$(cat "$root/var/lib/hybridge/state")" kept "state after removing"
[ -e "$root/etc/hybridge-updater/updater.json" ] || fail "the settings were removed"
echo removed

within dpkg --purge $packages >&2
within getent passwd hybridge && fail "the account is still there"
within getent group hybridge-agent && fail "the group is still there"
echo purged

umount "$root/dev" "$root/tmp" "$root/run" "$root/proc"
# What the overlay holds is what has changed: dpkg's and the accounts' own books besides, nothing of ours.
left=$(cd "$work/over/upper" && find . -mindepth 1 ! -type d \
  ! -path './var/lib/dpkg/*' ! -path './var/log/*' ! -path './var/cache/*' \
  ! -path './etc/passwd*' ! -path './etc/group*' ! -path './etc/shadow*' ! -path './etc/gshadow*' ! -path './etc/subuid*' ! -path './etc/subgid*' \
  ! -path './etc/.pwd.lock' ! -path './var/lib/systemd/*' ! -path './etc/systemd/system/*.wants' -print | sort)
left="$left$(find "$work/over/upper" -iname '*hybridge*' | grep -v -e '/var/log/' -e "$work/over/upper/tmp" || true)"
echo "left behind: ${left:-nothing}"
