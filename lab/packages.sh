#!/bin/bash
# packages.sh [--check] -- install the Debian packages of the lab that are missing (root), or with --check only name them.
# Quick when nothing is missing. The package lists are fetched only if the first attempt to install fails without them.
set -euo pipefail
packages=(
  samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind # a domain controller
  python3-samba ldb-tools                                                          # its database, from scripts
  slapd                                                                            # OpenLDAP
  krb5-user ldap-utils python3-ldap libnss-wrapper                                 # clients, and host names without /etc/hosts
  openssl python3 procps util-linux gcc g++ libc6-dev                              # certificates, scripts, fuzzing, the power cut shim
  iproute2 iptables                                                                # bytes on a link, for the benchmark; firewalls
  squid tinyproxy faketime                                                         # proxies, and clocks that are wrong
  rpm binutils systemd                                                             # packages: rpmbuild, strip; units and what judges them
  python3-venv                                                                     # Microsoft's clients, for the tests of the API
)
# Node comes from Debian or from elsewhere; either will do.
command -v npm >/dev/null || packages+=(nodejs npm)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "lab: missing Debian packages: ${missing[*]}" >&2
[ "${1:-}" != --check ] || exit 1
[ "$(id -u)" = 0 ] || { echo "lab: installing them needs root" >&2; exit 1; }

# Debian would start smbd, slapd and friends on installation, on the ports the lab needs; the lab runs its own.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
install() { apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2; }
install || { apt-get update -qq >&2 && install; }
