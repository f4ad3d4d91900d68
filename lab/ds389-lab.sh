#!/bin/bash
# ds389-lab.sh -- throw-away 389 Directory Servers, for what other servers than OpenLDAP make of RFC 4533 or do without it.
#
#   ds389-lab.sh packages                        install the Debian packages it needs (root); nothing else does that
#   ds389-lab.sh up NAME [--ip 127.0.0.N] [--port N]
#   ds389-lab.sh down|start|destroy NAME
#   ds389-lab.sh synchronise NAME                enable content synchronisation as OpenLDAP's consumers ask for it; restarts it
#   ds389-lab.sh env NAME                        KEY=VALUE lines for a test, named as those of slapd-lab.sh
#
# Needs root. Unlike the other labs it writes outside its folder, because dscreate does: /etc/dirsrv/slapd-NAME,
# /var/lib/dirsrv, /var/log/dirsrv and /run/dirsrv; destroy takes all of it away. dscreate wants systemd: a stand-in of a few
# lines in the PATH of these commands starts and stops the server. The port is open on all addresses of the machine.
# The administrator is cn=Directory Manager with the password "secret.secret", and reads too.
set -euo pipefail
ROOT=${LAB_ROOT:-$(dirname "$(cd "$(dirname "$0")" && pwd)")/.lab}/ds389
SUFFIX=dc=canal,dc=example ADMIN="cn=Directory Manager" PASSWORD=secret.secret

die() { echo "ds389-lab: $*" >&2; exit 1; }
load() {
  NAME=${1:?name of a server} D=$ROOT/$1
  [ -f "$D/lab.env" ] || die "no such server: $1"
  . "$D/lab.env"
}

# systemctl, as far as dscreate and these verbs use it.
stand_in() {
  mkdir -p "$ROOT/bin"
  cat >"$ROOT/bin/systemctl" <<'S'
#!/bin/bash
all=$* name=${*: -1}
name=${name#dirsrv@} pid=/run/dirsrv/slapd-${name%.service}.pid
lives() { [ -s "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; }
case "$all" in
  *is-active*) lives ;;
  stop*) ! lives || kill "$(cat "$pid")"
    for _ in $(seq 600); do lives || break; sleep 0.05; done
    rm -f "$pid" ;;
  start*) lives && exit 0
    mkdir -p /run/dirsrv
    /usr/sbin/ns-slapd -D "/etc/dirsrv/slapd-$name" -i "$pid"
    for _ in $(seq 600); do
      ldapsearch -x -H "ldapi://%2Frun%2Fslapd-$name.socket" -s base -b "" dn >/dev/null 2>&1 && exit 0
      sleep 0.05
    done
    exit 1 ;;
esac
S
  chmod +x "$ROOT/bin/systemctl"
}
service() { "$ROOT/bin/systemctl" "$1" "dirsrv@$NAME" 2>>"$D/service.out"; }
ldap() { "$@" -x -H "ldap://$IP:$PORT" -D "$ADMIN" -w "$PASSWORD"; }

forget() {
  rm -rf -- "/etc/dirsrv/slapd-$NAME" "/var/lib/dirsrv/slapd-$NAME" "/var/log/dirsrv/slapd-$NAME" \
    "/run/slapd-$NAME.socket" "/dev/shm/slapd-$NAME" "/run/lock/dirsrv/slapd-$NAME" "/run/dirsrv/slapd-$NAME.pid"
}

up() {
  NAME=${1:?name}
  shift
  IP=127.0.0.1 PORT=3890
  while [ $# -gt 0 ]; do
    case "$1" in
      --ip) IP=$2; shift 2 ;;
      --port) PORT=$2; shift 2 ;;
      *) die "unknown option $1" ;;
    esac
  done
  command -v dscreate >/dev/null || die "389-ds-base is not installed: run 'ds389-lab.sh packages' as root"
  D=$ROOT/$NAME
  [ ! -f "$D/lab.env" ] || { load "$NAME"; service start; return; }
  mkdir -p "$D"
  stand_in
  forget
  cat >"$D/setup.inf" <<I
[general]
config_version = 2
full_machine_name = localhost
strict_host_checking = False
[slapd]
instance_name = $NAME
port = $PORT
root_password = $PASSWORD
self_sign_cert = False
[backend-userroot]
suffix = $SUFFIX
create_suffix_entry = False
sample_entries = no
I
  printf '%s=%q\n' IP "$IP" PORT "$PORT" >"$D/lab.env"
  PATH=$ROOT/bin:$PATH dscreate from-file "$D/setup.inf" >"$D/setup.out" 2>&1 ||
    { tail -5 "$D/setup.out" >&2; die "dscreate failed"; }
  # Added here, the suffix has an entryUUID; dscreate makes it before the server gives any.
  ldap ldapdelete "$SUFFIX" 2>>"$D/setup.out" || true
  { printf 'dn: %s\nobjectClass: domain\ndc: canal\n\n' "$SUFFIX"
    printf 'dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n' people "$SUFFIX" people groups "$SUFFIX" groups
  } | ldap ldapadd >>"$D/setup.out"
}

synchronise() {
  ldap ldapmodify >>"$D/setup.out" <<'M'
dn: cn=Retro Changelog Plugin,cn=plugins,cn=config
changetype: modify
replace: nsslapd-pluginEnabled
nsslapd-pluginEnabled: on
-
add: nsslapd-attribute
nsslapd-attribute: nsuniqueid:targetUniqueId
nsslapd-attribute: entryuuid:targetEntryUUID

dn: cn=Content Synchronization,cn=plugins,cn=config
changetype: modify
replace: nsslapd-pluginEnabled
nsslapd-pluginEnabled: on
-
replace: syncrepl-allow-openldap
syncrepl-allow-openldap: on
M
  service stop
  service start
}

verb=${1:-}
[ $# -eq 0 ] || shift
case "$verb" in
  packages)
    command -v dscreate >/dev/null || DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends 389-ds-base >&2
    ;;
  up) up "$@" ;;
  start) load "$1"; service start ;;
  down) load "$1"; service stop ;;
  synchronise) load "$1"; synchronise ;;
  destroy) load "$1"; service stop; forget; rm -rf -- "$D" ;;
  env)
    load "$1"
    printf '%s=%s\n' SLAPD_URI "ldap://$IP:$PORT" SLAPD_BASE "$SUFFIX" SLAPD_ADMIN "$ADMIN" SLAPD_READER "$ADMIN" SLAPD_PASSWORD "$PASSWORD"
    ;;
  *) die "unknown verb $verb" ;;
esac
