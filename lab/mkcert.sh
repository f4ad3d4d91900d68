#!/bin/bash
# mkcert.sh CA_DIR OUT_DIR FQDN IP [IP...] -- issue a TLS server certificate from the lab's own CA, made on first use.
# Result: OUT_DIR/{key.pem,cert.pem,ca.pem}. Several may run at once against one CA. Never to be trusted outside the lab.
set -euo pipefail
[ $# -ge 4 ] || { echo "usage: mkcert.sh CA_DIR OUT_DIR FQDN IP [IP...]" >&2; exit 2; }
ca=$1 out=$2 fqdn=$3
shift 3
mkdir -p "$ca" "$out"
exec 9>"$ca/.lock"
flock 9

if [ ! -f "$ca/ca.pem" ]; then
  openssl ecparam -name prime256v1 -genkey -noout -out "$ca/ca.key"
  openssl req -x509 -new -key "$ca/ca.key" -sha256 -days 3650 -subj "/O=Lab/CN=Lab Test CA" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$ca/ca.pem.new"
  mv "$ca/ca.pem.new" "$ca/ca.pem"
fi

names="DNS:$fqdn,DNS:localhost"
for ip in "$@"; do names="$names,IP:$ip"; done
extensions() {
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n' "$names"
  printf 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n'
}
# A common name holds 64 characters at most (X.520 ub-common-name); the whole name is in the alternative names.
openssl req -new -newkey rsa:2048 -nodes -keyout "$out/key.pem" -subj "/CN=${fqdn:0:64}" -out "$out/req.pem" 2>/dev/null
openssl x509 -req -in "$out/req.pem" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial -days 825 -sha256 \
  -extfile <(extensions) -out "$out/cert.pem" 2>/dev/null
chmod 600 "$out/key.pem"
cp "$ca/ca.pem" "$out/ca.pem"
rm -f "$out/req.pem"
