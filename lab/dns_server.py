#!/usr/bin/python3
"""A name server that says what a file says: dns_server.py ADDRESS RECORDS.json

RECORDS.json, read anew for every question: {"name": {"A": "10.0.0.1"}, "alias": {"CNAME": "name"}, "empty": {},
"_ldap._tcp.x": {"SRV": [[priority, weight, port, "name"]]}}.
What is not in it does not exist. Aliases are not followed here, so broken and circular ones can be made.
"""
import json
import socket
import struct
import sys


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def answer(query, path):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    question = query[12:at + 5]
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    with open(path) as file:
        records = json.load(file)
    found = {name.lower(): record for name, record in records.items()}.get(".".join(labels))
    answers = []
    if found and kind == 1 and "A" in found:
        answers.append((1, socket.inet_aton(found["A"])))
    elif found and kind == 33 and "SRV" in found:
        answers += [(33, struct.pack(">HHH", *one[:3]) + encoded(one[3])) for one in found["SRV"]]
    elif found and "CNAME" in found:
        answers.append((5, encoded(found["CNAME"])))
    body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", of, 1, 0, len(data)) + data for of, data in answers)
    code = 3 if found is None else 0
    return query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(answers), 0, 0) + question + body


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], 53))
    print("ready", flush=True)
    while True:
        query, client = server.recvfrom(512)
        try:
            server.sendto(answer(query, sys.argv[2]), client)
        except (IndexError, ValueError, OSError, struct.error) as fault:
            print(fault, file=sys.stderr)


main()
