#!/bin/bash
# slapd-lab.sh -- throw-away OpenLDAP servers, each on a loopback address of its own or a port of its own.
#
#   slapd-lab.sh up NAME [--ip 127.0.0.N] [--port N] [--tls] [--suffix dc=canal,dc=example] [--load FILE.ldif]
#                        [--sessionlog N] [--no-sync] [--memberof] [--dynlist] [--ppolicy] [--accesslog]
#                        [--reloadhint] [--server-id N --mirror-of URI] [--consumer-of URI] [--mapsize GIB] [--schema FILE.schema]...
#   slapd-lab.sh down|start|destroy NAME
#   slapd-lab.sh dump NAME FILE.ldif              everything, as a backup takes it (slapcat)
#   slapd-lab.sh restore NAME FILE.ldif           stop, forget everything, load that, start
#   slapd-lab.sh receives NAME yes|no             whether it takes over what its mirror has; starts it
#   slapd-lab.sh env NAME                         KEY=VALUE lines for a test: URIs, CA, administrator
#   slapd-lab.sh status
#
# Nothing is written outside $LAB_ROOT/slapd (default: .lab beside this folder); /etc/ldap is only read. No root is needed.
# --port 389 by default, and 636 with --tls; without root take ports above 1023 (--port 3389 means 4389 for TLS).
# --load fills the database offline before the first start; without it the suffix, ou=people and ou=groups are made.
# --sessionlog 0 leaves the log of deletions out, so that changes come with a present phase; --no-sync leaves the provider
# out altogether. With --reloadhint a cookie that is too old is refused (e-syncRefreshRequired, RFC 4533) instead of answered by
# a present phase. Two servers that are each other's mirror take changes both, under numbers of their own; the one with number
# 1 is loaded, the other one receives everything from it. The administrator is cn=admin,SUFFIX, the reader cn=sync,SUFFIX; both
# have the password "secret". An account of the operating system is mapped over ldapi to the reader.
# Fast, not safe: dbnosync. Needs the packages of packages.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ROOT=${LAB_ROOT:-$(dirname "$here")/.lab}/slapd
slapd=/usr/sbin/slapd

die() { echo "slapd-lab: $*" >&2; exit 1; }
load() {
  D=$ROOT/${1:?name of a server}
  [ -f "$D/lab.env" ] || die "no such server: $1"
  . "$D/lab.env"
}
running() { [ -f "$D/slapd.pid" ] && kill -0 "$(cat "$D/slapd.pid")" 2>/dev/null; }
socket() { printf 'ldapi://%s' "$(printf %s "$D/ldapi" | sed 's#/#%2F#g')"; }

start() {
  running && return 0
  local urls="ldap://$IP:$PORT/ $(socket)/" child
  [ -z "$TLS" ] || urls="$urls ldaps://$IP:$TLSPORT/"
  "$slapd" -f "$D/slapd.conf" -h "$urls" -n "slapd-$NAME" -d 0 >>"$D/slapd.out" 2>&1 </dev/null &
  child=$!
  for _ in $(seq 1 400); do
    ldapwhoami -x -H "ldap://$IP:$PORT" >/dev/null 2>&1 && return 0
    kill -0 "$child" 2>/dev/null || { tail -5 "$D/slapd.out" >&2; die "$NAME ended while starting"; }
    sleep 0.05
  done
  die "$NAME does not answer"
}

stop() {
  running || return 0
  local process
  process=$(cat "$D/slapd.pid")
  kill -INT "$process"
  for _ in $(seq 1 600); do kill -0 "$process" 2>/dev/null || break; sleep 0.05; done
  rm -f "$D/slapd.pid"
}

configuration() {
  printf 'include /etc/ldap/schema/%s.schema\n' core cosine inetorgperson nis dyngroup
  local file
  for file in "${SCHEMAS[@]}"; do echo "include $file"; done
  cat <<C
pidfile $D/slapd.pid
argsfile $D/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
C
  # A server that cannot synchronise must not even know the module: it would offer the control.
  [ -z "$SYNC$PROVIDER" ] || echo "moduleload syncprov"
  [ -z "$MEMBEROF" ] || printf 'moduleload memberof\nmoduleload refint\n'
  [ -z "$DYNLIST" ] || echo "moduleload dynlist"
  [ -z "$PPOLICY" ] || echo "moduleload ppolicy"
  [ -z "$ACCESSLOG" ] || echo "moduleload accesslog"
  # one indexing thread when loading: with more, slapadd 2.5 crashes now and then
  printf 'sizelimit unlimited\ntool-threads 1\n'
  [ -z "$SERVERID" ] || echo "serverID $SERVERID"
  # Regular expressions match the normalised form of the socket's identity.
  echo "authz-regexp \"gidNumber=.*,cn=peercred,cn=external,cn=auth\" \"cn=sync,$SUFFIX\""
  if [ -n "$TLS" ]; then
    printf 'TLSCACertificateFile %s\nTLSCertificateFile %s\nTLSCertificateKeyFile %s\nTLSVerifyClient allow\n' \
      "$D/tls/ca.pem" "$D/tls/cert.pem" "$D/tls/key.pem"
    echo "authz-regexp \"cn=sync-client\" \"cn=sync,$SUFFIX\""
  fi
  [ -z "$ACCESSLOG" ] || cat <<C
database mdb
suffix cn=accesslog
rootdn cn=accesslog
directory $D/log
maxsize $((MAP << 30))
dbnosync
index default eq
index entryCSN,objectClass,reqEnd,reqResult,reqStart
C
  cat <<C
database mdb
suffix "$SUFFIX"
rootdn "cn=admin,$SUFFIX"
rootpw secret
directory $D/db
maxsize $((MAP << 30))
dbnosync
index objectClass,entryCSN,entryUUID eq
index uid,mail,cn,member,uniqueMember,memberUid,manager eq
index modifyTimestamp eq
limits dn.exact="cn=sync,$SUFFIX" size=unlimited time=unlimited
access to attrs=userPassword by self write by anonymous auth by * none
access to * by dn.exact="cn=sync,$SUFFIX" read by users read by anonymous auth
C
  [ -z "$MIRROR" ] || [ -z "$RECEIVES" ] || cat <<C
syncrepl rid=002 provider=$MIRROR type=refreshAndPersist retry="1 +" searchbase="$SUFFIX" bindmethod=simple
  binddn="cn=admin,$SUFFIX" credentials=secret schemachecking=off
multiprovider TRUE
C
  [ -z "$PROVIDER" ] || cat <<C
syncrepl rid=001 provider=$PROVIDER type=refreshAndPersist retry="1 +" searchbase="$SUFFIX" bindmethod=simple
  binddn="cn=sync,$SUFFIX" credentials=secret schemachecking=off
C
  if [ -n "$SYNC" ]; then
    printf 'overlay syncprov\nsyncprov-checkpoint 1000 5\n'
    [ "$SESSIONLOG" = 0 ] || echo "syncprov-sessionlog $SESSIONLOG"
    [ -z "$RELOADHINT" ] || echo "syncprov-reloadhint TRUE"
  fi
  [ -z "$MEMBEROF" ] || printf 'overlay memberof\nmemberof-refint TRUE\noverlay refint\nrefint_attributes member uniqueMember manager\n'
  [ -z "$DYNLIST" ] || printf 'overlay dynlist\ndynlist-attrset groupOfURLs memberURL member\n'
  [ -z "$PPOLICY" ] || echo "overlay ppolicy"
  [ -z "$ACCESSLOG" ] || printf 'overlay accesslog\nlogdb cn=accesslog\nlogops writes\nlogsuccess TRUE\n'
}

# The suffix with what every lab has: two containers and the reader's account.
skeleton() {
  local first=${SUFFIX%%,*}
  case "$first" in
    dc=*) printf 'dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: Lab\ndc: %s\n\n' "$SUFFIX" "${first#dc=}" ;;
    o=*) printf 'dn: %s\nobjectClass: organization\no: %s\n\n' "$SUFFIX" "${first#o=}" ;;
    *) die "--suffix: only dc=… and o=… are known" ;;
  esac
  printf 'dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n' people "$SUFFIX" people groups "$SUFFIX" groups
  reader
}
reader() {
  printf 'dn: cn=sync,%s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: sync\nuserPassword: secret\n\n' "$SUFFIX"
}
fill() { # FILE: into an empty database
  # Trap: slapadd 2.5 in quick mode can end with "double free or corruption"; what it leaves is thrown away, and loading is
  # repeated the slow way.
  rm -f "$D"/db/*.mdb
  /usr/sbin/slapadd -q -w -f "$D/slapd.conf" -b "$SUFFIX" -l "$1" && return
  rm -f "$D"/db/*.mdb
  /usr/sbin/slapadd -w -f "$D/slapd.conf" -b "$SUFFIX" -l "$1"
}

up() {
  NAME=${1:?name}
  shift
  IP=127.0.0.1 PORT=389 TLS="" LOAD="" SUFFIX=dc=canal,dc=example PROVIDER="" SYNC=yes SESSIONLOG=100000
  MEMBEROF="" DYNLIST="" PPOLICY="" ACCESSLOG="" MAP=8 SCHEMAS=() RELOADHINT="" SERVERID="" MIRROR="" RECEIVES=yes
  while [ $# -gt 0 ]; do
    case "$1" in
      --ip) IP=$2; shift 2 ;;
      --port) PORT=$2; shift 2 ;;
      --tls) TLS=yes; shift ;;
      --load) LOAD=$(realpath "$2"); shift 2 ;;
      --suffix) SUFFIX=$2; shift 2 ;;
      --sessionlog) SESSIONLOG=$2; shift 2 ;;
      --no-sync) SYNC=""; shift ;;
      --memberof) MEMBEROF=yes; shift ;;
      --dynlist) DYNLIST=yes; shift ;;
      --ppolicy) PPOLICY=yes; shift ;;
      --accesslog) ACCESSLOG=yes; shift ;;
      --consumer-of) PROVIDER=$2; shift 2 ;;
      --reloadhint) RELOADHINT=yes; shift ;;
      --server-id) SERVERID=$2; shift 2 ;;
      --mirror-of) MIRROR=$2; shift 2 ;;
      --mapsize) MAP=$2; shift 2 ;;
      --schema) SCHEMAS+=("$(realpath "$2")"); shift 2 ;;
      *) die "unknown option $1" ;;
    esac
  done
  D=$ROOT/$NAME
  [ ! -f "$D/lab.env" ] || { load "$NAME"; start; return; }
  mkdir -p "$D/db" "$D/log"
  TLSPORT=636
  [ "$PORT" = 389 ] || TLSPORT=$((PORT + 1000))
  if [ -n "$TLS" ]; then
    "$here/mkcert.sh" "$ROOT/ca" "$D/tls" localhost "$IP"
    "$here/mkcert.sh" "$ROOT/ca" "$D/client" sync-client "$IP"
  fi
  RECEIVES="" configuration >"$D/apart.conf"
  configuration >"$D/slapd.conf"
  cp "$D/slapd.conf" "$D/whole.conf"
  if [ -n "$LOAD" ]; then
    fill "$LOAD"
  elif [ -z "$PROVIDER" ] && [ "${SERVERID:-1}" = 1 ]; then
    skeleton >"$D/skeleton.ldif"
    fill "$D/skeleton.ldif"
  fi
  local name
  for name in NAME IP PORT TLS TLSPORT SUFFIX; do printf '%s=%q\n' "$name" "${!name}"; done >"$D/lab.env"
  start
}

receives() {
  load "$1"
  stop
  case "$2" in
    yes) cp "$D/whole.conf" "$D/slapd.conf" ;;
    no) cp "$D/apart.conf" "$D/slapd.conf" ;;
    *) die "receives NAME yes|no" ;;
  esac
  start
}

restore() {
  load "$1"
  stop
  rm -rf "$D/db"
  mkdir "$D/db"
  fill "$2"
  start
}

verb=${1:-status}
[ $# -eq 0 ] || shift
case "$verb" in
  up) up "$@" ;;
  start) load "$1"; start ;;
  down) load "$1"; stop ;;
  destroy) load "$1"; stop; rm -rf -- "$D" ;;
  dump) load "$1"; /usr/sbin/slapcat -f "$D/slapd.conf" -b "$SUFFIX" -l "$2" ;;
  receives) receives "$1" "$2" ;;
  restore) restore "$1" "$(realpath "$2")" ;;
  env)
    load "$1"
    printf '%s=%s\n' SLAPD_URI "ldap://$IP:$PORT" SLAPD_LDAPI "$(socket)" SLAPD_BASE "$SUFFIX" SLAPD_DIR "$D" \
      SLAPD_ADMIN "cn=admin,$SUFFIX" SLAPD_READER "cn=sync,$SUFFIX" SLAPD_PASSWORD secret
    [ -z "$TLS" ] || printf '%s=%s\n' SLAPD_LDAPS "ldaps://$IP:$TLSPORT" SLAPD_CA "$D/tls/ca.pem" \
      SLAPD_CLIENT_CERTIFICATE "$D/client/cert.pem" SLAPD_CLIENT_KEY "$D/client/key.pem"
    ;;
  status)
    for file in "$ROOT"/*/lab.env; do
      [ -f "$file" ] || continue
      load "$(basename "$(dirname "$file")")"
      state=stopped
      running && state="running, process $(cat "$D/slapd.pid")"
      echo "$NAME $IP:$PORT $SUFFIX $state $(du -sh "$D" | cut -f1)"
    done
    ;;
  *) die "unknown verb $verb" ;;
esac
