#!/bin/bash
# samba-lab.sh -- throw-away Samba AD domain controllers, each on a loopback address of its own.
#
#   samba-lab.sh up NAME [--ip 127.0.0.N] [--realm R] [--host H] [--pass P] [--backend tdb|mdb] [--schema 2012_R2]
#                        [--smb] [--dns] [--join OTHER [--read-only]] [--recycle-bin] [--exchange] [--conf 'key = value']...
#   samba-lab.sh down|start|restart|destroy NAME
#   samba-lab.sh freeze|thaw NAME                 stop answering without closing a connection, and go on
#   samba-lab.sh snapshot|restore NAME TAG        copy the state of a stopped DC, put the copy back
#   samba-lab.sh recycle-bin NAME
#   samba-lab.sh certificate NAME good|expired|other-name      present another certificate from the next start on
#   samba-lab.sh rights NAME ACCOUNT +get|-get|+all|-all|+deleted|+unseen...
#   samba-lab.sh expunge NAME DAYS                forget deleted objects as if DAYS had passed
#   samba-lab.sh dns-controller NAME FQDN IP      tell in its DNS (--dns) of one more controller of the domain, of no site
#   samba-lab.sh remember NAME OTHER ACCOUNT      let a read-only DC keep the password of an account of the DC OTHER
#   samba-lab.sh undelete NAME GUID               restore a deleted object from the recycle bin
#   samba-lab.sh bulk NAME OPTIONS...             load people and groups (samba_bulk.py)
#   samba-lab.sh keytab NAME ACCOUNT FILE         write the keys of an account into a keytab
#   samba-lab.sh tool NAME ARGUMENTS...           samba-tool against the DC's own database
#   samba-lab.sh env NAME                         KEY=VALUE lines for a test: URIs, CA, administrator, hosts file
#   samba-lab.sh status
#
# Nothing is written outside $LAB_ROOT (default: .lab beside this folder); /etc stays as it is. Several DCs, also of several
# forests, run at once, as each owns its address. Needs root, or samba-lab-rootless.sh, and the packages of packages.sh.
# LAB_PRELOAD=.../libfaketime.so.1 FAKETIME=+30d samba-lab.sh start NAME runs Kerberos (not LDAP) at another time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
LAB_ROOT=${LAB_ROOT:-$(dirname "$here")/.lab}
py=/usr/bin/python3 # the only one that sees Debian's python3-samba

die() { echo "samba-lab: $*" >&2; exit 1; }
folder_of() { echo "$LAB_ROOT/$1"; }
value_of() { (. "$(folder_of "$1")/lab.env" && echo "${!2}"); }
load() {
  D=$(folder_of "${1:?name of a DC}")
  [ -f "$D/lab.env" ] || die "there is no DC $1 below $LAB_ROOT"
  . "$D/lab.env"
}
pid_of() { cat "$D/run/lab.pid" 2>/dev/null || true; }
running() {
  local pid
  pid=$(pid_of)
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && grep -qa samba "/proc/$pid/cmdline"
}
sam() { "$py" "$here/samba_sam.py" "$D/etc/smb.conf" "$D/private/sam.ldb" "$@"; }

# Clients and the DCs among themselves find names by libnss_wrapper and this file instead of /etc/hosts.
add_host() { # IP NAME ALIAS
  change_hosts "grep -v ' $2 '" "$1 $2 $3 "
}

# libnss_wrapper holds some hundred names and none of them when there are more, so names go with their DC.
forget_hosts() { # IP
  change_hosts "grep -v '^$1 '" ''
}

change_hosts() { # FILTER LINE
  (
    flock 9
    touch "$LAB_ROOT/hosts"
    { eval "$1" <"$LAB_ROOT/hosts" || true; [ -z "$2" ] || echo "$2"; } >"$LAB_ROOT/hosts.new"
    grep -q ' localhost ' "$LAB_ROOT/hosts.new" || echo '127.0.0.1 localhost ' >>"$LAB_ROOT/hosts.new"
    mv "$LAB_ROOT/hosts.new" "$LAB_ROOT/hosts"
  ) 9>"$LAB_ROOT/hosts.lock"
}

write_krb5_conf() { # KDC
  cat >"$D/krb5.conf" <<K
[libdefaults]
 default_realm = $REALM
 dns_lookup_realm = false
 dns_lookup_kdc = false
 rdns = false
 dns_canonicalize_hostname = false
 udp_preference_limit = 1
[realms]
 $REALM = {
  kdc = $1
  kpasswd_server = $1
  admin_server = $1
  default_domain = $DNSDOMAIN
 }
[domain_realm]
 .$DNSDOMAIN = $REALM
 $DNSDOMAIN = $REALM
K
}

write_conf() {
  local services="rpc, ldap, cldap, kdc, drepl, kcc"
  [ "$DNS" = 1 ] && services="$services, dns"
  [ "$SMB" = 1 ] && services="s3fs, winbindd, $services"
  "$py" "$here/samba_conf.py" "$D" "$services" "$EXTRA_CONF"
}

provision() {
  : >"$D/empty.conf" # given by name, or /etc/samba/smb.conf would be merged in
  "$py" "$here/samba_tool_nosysvol.py" domain provision -s "$D/empty.conf" --targetdir="$D" --realm="$REALM" \
    --domain="$DOMAIN" --server-role=dc --dns-backend=SAMBA_INTERNAL --adminpass="$PASS" --host-name="$HOST" \
    --host-ip="$IP" --use-rfc2307 --backend-store="$BACKEND" ${SCHEMA:+--base-schema=$SCHEMA} \
    --option="interfaces=$IP/8" --option="bind interfaces only=yes" --option="pid directory=$D/run" \
    --option="ncalrpc dir=$D/ncalrpc" --option="winbindd socket directory=$D/winbindd" \
    --option="cache directory=$D/cache" >"$D/log/provision.log" 2>&1 \
    || { tail -5 "$D/log/provision.log" >&2; die "provisioning $NAME failed"; }
}

join_domain() { # OTHER
  cat >"$D/join.conf" <<J
[global]
 interfaces = $IP/8
 bind interfaces only = yes
 netbios name = ${HOST^^}
 realm = $REALM
 workgroup = $DOMAIN
 pid directory = $D/run
 ncalrpc dir = $D/ncalrpc
 winbindd socket directory = $D/winbindd
 cache directory = $D/cache
J
  LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_HOSTS="$LAB_ROOT/hosts" \
    samba-tool domain join "$DNSDOMAIN" "$ROLE" -s "$D/join.conf" --targetdir="$D" --server="$(value_of "$1" FQDN)" \
    -U "Administrator%$PASS" --dns-backend=NONE --backend-store="$BACKEND" --option="interfaces=$IP/8" \
    --option="bind interfaces only=yes" --option="netbios name=${HOST^^}" >"$D/log/provision.log" 2>&1 \
    || { tail -5 "$D/log/provision.log" >&2; die "$NAME could not join $1"; }
}

# The periodic topology check is off as it costs CPU; one run on both sides makes the replication links both ways.
connect_replicas() { # OTHER
  local folder
  for folder in "$D" "$(folder_of "$1")"; do
    KRB5_CONFIG=$folder/krb5.conf samba_kcc -s "$folder/etc/smb.conf" >>"$D/log/provision.log" 2>&1 || true
  done
}

up() {
  NAME=${1:?name of a DC}; shift
  IP=127.0.0.2 REALM='' HOST='' PASS=Passw0rd.Lab1 BACKEND=tdb SCHEMA='' SMB=0 DNS=0 ROLE=DC EXTRA_CONF=''
  local join='' recycle=0 exchange=0 kdc guid
  while [ $# -gt 0 ]; do
    case "$1" in
      --ip) IP=$2; shift 2 ;;
      --realm) REALM=$2; shift 2 ;;
      --host) HOST=$2; shift 2 ;;
      --pass) PASS=$2; shift 2 ;;
      --backend) BACKEND=$2; shift 2 ;;
      --schema) SCHEMA=$2; shift 2 ;;
      --smb) SMB=1; shift ;;
      --dns) DNS=1; shift ;;
      --join) join=$2; shift 2 ;;
      --read-only) ROLE=RODC; shift ;;
      --recycle-bin) recycle=1; shift ;;
      --exchange) exchange=1; shift ;;
      --conf) EXTRA_CONF="$EXTRA_CONF$2"$'\n'; shift 2 ;;
      *) die "unknown option $1" ;;
    esac
  done
  D=$(folder_of "$NAME")
  if [ -f "$D/lab.env" ]; then load "$NAME"; start; return; fi
  ! "$py" "$here/samba_ready.py" "$IP" || die "another domain controller answers at $IP already"
  if [ -n "$join" ]; then
    REALM=$(value_of "$join" REALM) PASS=$(value_of "$join" PASS) kdc=$(value_of "$join" IP)
  fi
  REALM=${REALM:-${NAME^^}LAB.TEST} HOST=${HOST:-$NAME}
  DNSDOMAIN=${REALM,,} DOMAIN=${REALM%%.*}
  [ "${DOMAIN^^}" != "${HOST^^}" ] || die "the domain's short name and the host's must differ"
  FQDN=${HOST,,}.$DNSDOMAIN BASEDN=DC=${DNSDOMAIN//./,DC=}
  mkdir -p "$D"/{etc,run,ncalrpc,winbindd,ntp_signd,log,tls,cache,state}
  chmod 755 "$D/winbindd"
  chmod 750 "$D/ntp_signd"
  forget_hosts "$IP"
  "$here/mkcert.sh" "$LAB_ROOT/ca" "$D/tls" "$FQDN" "$IP"
  add_host "$IP" "$FQDN" "${HOST,,}"
  write_krb5_conf "${kdc:-$IP}"
  export KRB5_CONFIG=$D/krb5.conf
  if [ -z "$join" ]; then provision; else join_domain "$join"; fi
  write_conf
  guid=$(sam guid 2>>"$D/log/provision.log")
  add_host "$IP" "$guid._msdcs.$DNSDOMAIN" "$guid"
  [ "$recycle" = 0 ] || sam recycle-bin
  [ -z "$join" ] || [ "$ROLE" = RODC ] || sam join-bin
  [ "$exchange" = 0 ] || sam exchange
  local key
  for key in NAME IP REALM HOST PASS DNSDOMAIN DOMAIN FQDN BASEDN SMB DNS BACKEND ROLE; do printf '%s=%q\n' $key "${!key}"; done >"$D/lab.env"
  start
  # Nothing is replicated from a read-only one, and it was given everything when it joined.
  [ -z "$join" ] || [ "$ROLE" = RODC ] || connect_replicas "$join"
}

remember() { # OTHER ACCOUNT
  local other
  other=$(folder_of "$1")
  samba-tool group addmembers "Allowed RODC Password Replication Group" "$2" -s "$other/etc/smb.conf" -H "$other/private/sam.ldb"
  KRB5_CONFIG=$D/krb5.conf LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_HOSTS="$LAB_ROOT/hosts" \
    samba-tool rodc preload "$2" --server="$(value_of "$1" FQDN)" -s "$D/etc/smb.conf" -U "Administrator%$PASS"
}

start() {
  if running; then echo "samba-lab: $NAME runs already (pid $(pid_of))" >&2; return; fi
  local preload='' wait_until=$((SECONDS + ${LAB_READY_SECONDS:-90}))
  if [ "$DNS" = 0 ] && compgen -G '/usr/lib/*/libnss_wrapper.so' >/dev/null; then preload=libnss_wrapper.so; fi
  if [ "$SMB" = 1 ]; then
    # smbd finds winbindd at a path compiled in, except under a complete nss_wrapper.
    cp /etc/passwd "$D/passwd"; cp /etc/group "$D/group"
    export NSS_WRAPPER_PASSWD=$D/passwd NSS_WRAPPER_GROUP=$D/group SELFTEST_WINBINDD_SOCKET_DIR=$D/winbindd
  fi
  (
    cd /
    export KRB5_CONFIG=$D/krb5.conf NSS_WRAPPER_HOSTS=$LAB_ROOT/hosts LD_PRELOAD="$preload ${LAB_PRELOAD:-}"
    exec setsid samba -i -s "$D/etc/smb.conf" -M prefork --debug-stdout -d "${LAB_DEBUG:-1}" </dev/null >>"$D/log/samba.out" 2>&1
  ) &
  echo $! >"$D/run/lab.pid"
  until "$py" "$here/samba_ready.py" "$IP" $([ "$SMB" = 0 ] || echo 445); do
    kill -0 "$(pid_of)" 2>/dev/null || { tail -20 "$D/log/samba.out" >&2; die "$NAME ended while it started"; }
    [ $SECONDS -lt $wait_until ] || { tail -20 "$D/log/samba.out" >&2; die "$NAME is not ready in time"; }
    sleep 0.1
  done
  # Service principal names are else made by the DNS update service, which does not run here.
  # A read-only one would ask a writable one, which it finds by DNS only; nobody signs in to it by Kerberos here.
  [ "${ROLE:-DC}" = RODC ] || [ -f "$D/.spn" ] ||
    { samba_spnupdate -s "$D/etc/smb.conf" >>"$D/log/provision.log" 2>&1 && touch "$D/.spn"; }
}

stop() {
  running || { rm -f "$D/run/lab.pid"; return 0; }
  local group process
  group=$(pid_of) # a session of its own: the group's number is its first process
  kill -CONT -- -"$group" 2>/dev/null || true
  kill "$group"
  for _ in $(seq 1 100); do pgrep -g "$group" >/dev/null || break; sleep 0.1; done
  ! pgrep -g "$group" >/dev/null || kill -KILL -- -"$group" || true
  # smbd's helpers have sessions of their own; they carry this DC's file in their arguments.
  for process in /proc/[0-9]*; do
    ! grep -qsaF -- "--configfile=$D/etc/smb.conf" "$process/cmdline" || kill -KILL "${process#/proc/}" 2>/dev/null || true
  done
  rm -f "$D/run/lab.pid"
}

print_env() {
  cat <<E
LAB_DC_IP=$IP
LAB_DC_FQDN=$FQDN
LAB_REALM=$REALM
LAB_DOMAIN=$DOMAIN
LAB_BASE=$BASEDN
LAB_LDAPS=ldaps://$FQDN
LAB_LDAP=ldap://$FQDN
LAB_ADMIN=Administrator@$REALM
LAB_ADMIN_PASS=$PASS
LAB_CA=$D/tls/ca.pem
LAB_SMBCONF=$D/etc/smb.conf
LAB_SAM=$D/private/sam.ldb
KRB5_CONFIG=$D/krb5.conf
LDAPTLS_CACERT=$D/tls/ca.pem
NSS_WRAPPER_HOSTS=$LAB_ROOT/hosts
E
}

status() {
  local file state
  for file in "$LAB_ROOT"/*/lab.env; do
    [ -f "$file" ] || continue
    (
      load "$(basename "$(dirname "$file")")"
      if running; then state="running, pid $(pid_of)"; else state=stopped; fi
      echo "$NAME $IP $REALM $(du -sh "$D" | cut -f1) $state"
    )
  done
}

verb=${1:-status}
shift || true
case "$verb" in
  up) up "$@" ;;
  status) status ;;
  start | down | restart | destroy | freeze | thaw | snapshot | restore | recycle-bin | certificate | rights | expunge | dns-controller | remember | undelete | bulk | keytab | tool | env)
    load "${1:-}"
    shift
    case "$verb" in
      start) start ;;
      down) stop ;;
      restart) stop; start ;;
      destroy) stop; forget_hosts "$IP"; rm -rf -- "$D" ;;
      freeze) kill -STOP -- -"$(pid_of)" ;;
      thaw) kill -CONT -- -"$(pid_of)" ;;
      snapshot)
        ! running || die "stop $NAME first"
        mkdir -p "$LAB_ROOT/.snapshots"
        rm -rf -- "$LAB_ROOT/.snapshots/$NAME.${1:?tag}"
        cp -a --reflink=auto "$D" "$LAB_ROOT/.snapshots/$NAME.$1"
        ;;
      restore)
        ! running || die "stop $NAME first"
        [ -d "$LAB_ROOT/.snapshots/$NAME.${1:?tag}" ] || die "there is no snapshot $1 of $NAME"
        rm -rf -- "$D"
        cp -a --reflink=auto "$LAB_ROOT/.snapshots/$NAME.$1" "$D"
        ;;
      recycle-bin) sam recycle-bin ;;
      certificate)
        case "${1:?which certificate}" in
          good) "$here/mkcert.sh" "$LAB_ROOT/ca" "$D/tls" "$FQDN" "$IP" ;;
          expired) LAB_CERT_UNTIL=20200201000000Z "$here/mkcert.sh" "$LAB_ROOT/ca" "$D/tls" "$FQDN" "$IP" ;;
          other-name) "$here/mkcert.sh" "$LAB_ROOT/ca" "$D/tls" "other.$DNSDOMAIN" 127.255.255.254 ;;
          *) die "no certificate $1" ;;
        esac
        ;;
      rights) sam rights "$@" ;;
      expunge) sam expunge "$@" ;;
      dns-controller) sam dns-controller "$@" ;;
      remember) remember "$@" ;;
      undelete) sam undelete "$@" ;;
      bulk) "$py" "$here/samba_bulk.py" --smbconf "$D/etc/smb.conf" --sam "$D/private/sam.ldb" "$@" ;;
      keytab) samba-tool domain exportkeytab "${2:?file}" --principal="${1:?account}" -s "$D/etc/smb.conf" && chmod 600 "$2" ;;
      tool) samba-tool "$@" -s "$D/etc/smb.conf" -H "$D/private/sam.ldb" ;;
      env) print_env ;;
    esac
    ;;
  *) die "unknown command $verb; the head of this file lists them" ;;
esac
