#!/bin/bash
# systemd.sh WORK PACKAGES -- boots systemd in a root of its own and runs the services as they are packaged: with their hardening, their
# readiness, their sign of life. To be run as the first process of mount, PID, network, cgroup and UTS namespaces of its own (root);
# what comes of it is told on standard output, last of all "done".
set -euo pipefail
. "$(dirname "$0")/root.sh"
ip link set lo up
within sh -c 'dpkg --install /tmp/1/*.deb' >&2
umount "$root/dev" && mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"; done
ln -s /proc/self/fd "$root/dev/fd" && mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts" && ln -s pts/ptmx "$root/dev/ptmx" && mount -t tmpfs tmpfs "$root/dev/shm"
mount -t sysfs sysfs "$root/sys" && mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
# Nothing of this machine but what the services need.
cat >"$root/run/bare.target" <<X
[Unit]
Description=nothing
DefaultDependencies=no
X
mkdir -p "$root/run/systemd/system" && mv "$root/run/bare.target" "$root/run/systemd/system"
for unit in systemd-udevd systemd-udev-trigger networking ifupdown-pre systemd-networkd-wait-online NetworkManager-wait-online dev-hugepages.mount; do
  ln -sf /dev/null "$root/run/systemd/system/${unit%.mount}.$([ "$unit" = "${unit%.mount}" ] && echo service || echo mount)"
done
echo "HYBRIDGE_SERVER_OPTIONS=--listen 127.0.0.1:8443" >"$root/etc/hybridge/server.env"
cat >"$root/etc/hybridge-agent/agent.json" <<X
{"connectors": [{"name": "ad", "kind": "ad", "settings":
  {"urls": ["ldaps://127.0.0.1:1"], "bind": "nobody", "secret": {"file": "/run/credentials/hybridge-agent.service/ad"}}}]}
X
within install -m 600 /dev/null /etc/hybridge-agent/secrets/ad && echo secret >"$root/etc/hybridge-agent/secrets/ad"
within install -D -m 644 /usr/share/doc/hybridge-agent/examples/credential.conf /etc/systemd/system/hybridge-agent.service.d/credential.conf

admin() { within hybridge --data-dir /var/lib/hybridge --json "$@"; }
await() { # what, seconds, command...
  local what=$1 left=$(($2 * 5)); shift 2
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || { within journalctl --no-pager -n 60 >&2; within systemctl --no-pager status 'hybridge*' >&2; fail "never: $what"; }
    sleep 0.2
  done
}
start() { within systemctl start "$1" || { within journalctl --no-pager -u "$1" >&2; fail "$1 does not start"; }; }
field() { within systemctl show --value -p "$2" "$1"; }
checks() {
  trap '[ -n "${finished:-}" ] || echo "systemd.sh: broke off" >&2' EXIT
  await "systemd answers" 60 within systemctl --quiet is-active bare.target
  start hybridge-server
  is "$(field hybridge-server ActiveState)" active "the server"
  case "$(field hybridge-server StatusText)" in "listening on "*) ;; *) fail "the server does not say where it listens" ;; esac
  echo "the server is ready"
  admin agent token >"$root/tmp/token.json"
  python3 - "$root/tmp" <<'X'
import json, os, sys
told = json.load(open(sys.argv[1] + "/token.json"))
open(sys.argv[1] + "/token", "w").write(told["token"])
open(sys.argv[1] + "/fingerprint", "w").write(told["authorityFingerprint"])
X
  chmod 644 "$root/tmp/token"
  within runuser -u hybridge-agent -- hybridge-agent enrol --name a1 --server https://127.0.0.1:8443 \
    --fingerprint "$(cat "$root/tmp/fingerprint")" --token-file /tmp/token --data-dir /var/lib/hybridge-agent 2>&1 >&2
  admin connect ad ad >&2
  start hybridge-agent
  connected() { admin agent list | grep -q '"state": *"connected"'; }
  await "the agent is connected" 60 connected
  case "$(within readlink "/proc/$(field hybridge-agent MainPID)/exe")" in /usr/bin/hybridge-agent) ;; *) fail "another program runs" ;; esac
  await "the agent says that it is connected" 60 eval '[ "$(field hybridge-agent StatusText)" = "connected to the control plane" ]'
  admin agent doctor a1 >"$root/tmp/doctor.json" || true
  python3 - "$root/tmp/doctor.json" <<'X'
import json, sys
# A second document follows if something failed, and the domain controller that is not there does.
told, _ = json.JSONDecoder().raw_decode(open(sys.argv[1]).read())
checks = {one["id"]: one for one in told["checks"]}
wrong = [one for name in ("registered", "secrets", "disk", "tls", "server", "lease") for one in [checks[name]] if one["state"] != "ok"]
sys.exit(str(wrong) if wrong else 0)
X
  echo "the agent is connected"
  # A program that does not go on is noticed.
  mkdir -p "$root/run/systemd/system/hybridge-agent.service.d"
  printf '[Service]\nWatchdogSec=2\nRestartSec=0\n' >"$root/run/systemd/system/hybridge-agent.service.d/quick.conf"
  within systemctl daemon-reload && within systemctl restart hybridge-agent
  within systemctl kill --signal=STOP --kill-whom=main hybridge-agent
  await "a frozen agent is restarted" 60 eval '[ "$(field hybridge-agent NRestarts)" = 1 ]'
  await "the agent is connected again" 60 connected
  echo "a frozen agent is restarted"
  # The updater fetches, switches, restarts the agent by systemd, and goes back from a version that is not what it says.
  printf '#!/bin/sh\n[ "$1" = --version ] && { echo hybridge-agent 9.9.9; exit 0; }\nexec /usr/bin/hybridge-agent "$@"\n' >"$root/tmp/next"
  within hybridge-release key --out /tmp/key >"$root/usr/share/hybridge-updater/keys"
  within hybridge-release sign --key /tmp/key --version 9.9.9 --program /tmp/next --out /tmp/release 2>&1 >&2
  within install -d -o hybridge /var/lib/hybridge/updates && cp -r "$root/tmp/release" "$root/var/lib/hybridge/updates/stable"
  sed -i 's/^{/{ "healthyWithinSeconds": 2, "settleSeconds": 1,/' "$root/etc/hybridge-updater/updater.json"
  before=$(field hybridge-agent MainPID)
  start hybridge-updater
  returned() { admin agent updates show | grep -q '"phase": *"returned"'; }
  await "the updater goes back" 90 returned
  [ "$(field hybridge-agent MainPID)" != "$before" ] || fail "the agent was not restarted"
  is "$(within readlink /var/lib/hybridge-updater/current)" /usr/bin "the program in place"
  await "the agent is connected after all" 60 connected
  echo "the updater goes back"
  within systemctl stop hybridge-updater hybridge-agent hybridge-server
  for unit in hybridge-updater hybridge-agent hybridge-server; do is "$(field "$unit" Result)" success "the end of $unit"; done
  echo "stopped in order"
  within dpkg --purge hybridge-updater hybridge-agent hybridge >&2
  finished=yes
  echo done
}
# systemd gives each service a view of its own of the whole system, so this has to be one, and not a part of another.
mount --make-rprivate / && mkdir "$root/tmp/before" && cd "$root" && pivot_root . tmp/before && cd / && umount -l /tmp/before && mount --make-rshared /
root=
within() { "$@"; }
(set -e; checks) &
exec env -i PATH="$PATH" container=other /lib/systemd/systemd --system --unit=bare.target --log-target=journal --show-status=0 1>&2
