#!/usr/bin/python3
"""Whether a domain controller answers: samba_ready.py IP [PORT...] -- exit code 0 once its ports are open and its
rootDSE names the domain. Encodes the one LDAP request by hand (RFC 4511 §4.5.1), so it needs no LDAP library."""
import socket
import sys


def element(tag, content):
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


ATTRIBUTE = element(0x30, element(0x04, b"defaultNamingContext"))
BASE_OBJECT = b"\x0a\x01\x00" + b"\x0a\x01\x00" + b"\x02\x01\x00" + b"\x02\x01\x00" + b"\x01\x01\x00"
SEARCH = element(0x63, b"\x04\x00" + BASE_OBJECT + element(0x87, b"objectClass") + ATTRIBUTE)

ip, ports = sys.argv[1], [88, 135, 636, 3268] + [int(port) for port in sys.argv[2:]]
try:
    for port in ports:
        socket.create_connection((ip, port), 1).close()
    with socket.create_connection((ip, 389), 2) as connection:
        connection.settimeout(2)
        connection.sendall(element(0x30, b"\x02\x01\x01" + SEARCH))
        sys.exit(0 if b"DC=" in connection.recv(400) else 1)
except OSError:
    sys.exit(1)
