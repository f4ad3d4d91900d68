#!/bin/bash
# mkcert.sh CA_DIR OUT_DIR FQDN IP [IP...] -- issue a TLS server certificate from the lab's own CA, made on first use.
# With LAB_CERT_UNTIL=YYYYMMDDHHMMSSZ the certificate ends then, which may have been long ago.
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
if [ -z "${LAB_CERT_UNTIL:-}" ]; then
  openssl x509 -req -in "$out/req.pem" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial -days 825 -sha256 \
    -extfile <(extensions) -out "$out/cert.pem" 2>/dev/null
else
  book=$(mktemp -d) # only "openssl ca" issues for the past, and it keeps books
  : >"$book/index"
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nserial=%s\npolicy=p\n[p]\ncommonName=supplied\n' "$book/index" "$book" "$book/serial" >"$book/conf"
  openssl ca -batch -notext -config "$book/conf" -cert "$ca/ca.pem" -keyfile "$ca/ca.key" -md sha256 -rand_serial \
    -startdate 20200101000000Z -enddate "$LAB_CERT_UNTIL" -extfile <(extensions) \
    -in "$out/req.pem" -out "$out/cert.pem" 2>/dev/null
  rm -rf -- "$book"
fi
chmod 600 "$out/key.pem"
cp "$ca/ca.pem" "$out/ca.pem"
rm -f "$out/req.pem"
