"""Reads with python-ldap and prints what it found, sorted; usage: foreign.py ADDRESS BASE BIND PASSWORD CA"""
import sys

import ldap
from ldap.controls import SimplePagedResultsControl
from ldap.controls.simple import ValueLessRequestControl

address, base, bind, password, ca = sys.argv[1:]
connection = ldap.initialize(f"ldaps://{address}")
connection.set_option(ldap.OPT_X_TLS_CACERTFILE, ca)
connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
connection.set_option(ldap.OPT_REFERRALS, 0)
connection.simple_bind_s(bind, password)
unit = "OU=Likeness," + base


def told(what, entries):
    for dn, attributes in sorted((e for e in entries if e[0]), key=lambda e: e[0]):
        values = {name: sorted(v.decode() for v in found) for name, found in attributes.items()}
        print(f"{what}: {dn} {sorted(values.items())}")


told("subtree", connection.search_s(unit, ldap.SCOPE_SUBTREE, "(title=Clerk)", ["cn", "title", "memberOf"]))
told("one level", connection.search_s(unit, ldap.SCOPE_ONELEVEL, "(objectClass=group)", ["cn"]))

control = SimplePagedResultsControl(True, size=3, cookie="")
pages = []
while True:
    asked = connection.search_ext(unit, ldap.SCOPE_SUBTREE, "(title=*)", ["cn"], serverctrls=[control])
    _, found, _, answered = connection.result3(asked)
    pages.append(len(found))
    told("paged", found)
    cookie = [c.cookie for c in answered if c.controlType == SimplePagedResultsControl.controlType][0]
    if not cookie:
        break
    control.cookie = cookie
print(f"pages: {pages}")

deleted = ValueLessRequestControl("1.2.840.113556.1.4.417", True)
print("deleted:", len(connection.search_ext_s(unit, ldap.SCOPE_SUBTREE, "(isDeleted=TRUE)", ["cn"], serverctrls=[deleted])))

for what, ask in {
    "no such object": lambda: connection.search_s("CN=nobody," + unit, ldap.SCOPE_BASE),
    "size limit": lambda: connection.search_ext_s(unit, ldap.SCOPE_SUBTREE, "(title=*)", ["cn"], sizelimit=2),
    "unknown control": lambda: connection.search_ext_s(
        unit, ldap.SCOPE_BASE, serverctrls=[ValueLessRequestControl("1.2.3.4", True)]
    ),
    "compare": lambda: print("compared:", connection.compare_s(f"CN=ada,{unit}", "title", b"Engineer")),
    "wrong password": lambda: connection.simple_bind_s(bind, "wrong"),
}.items():
    try:
        ask()
        print(f"{what}: done")
    except ldap.LDAPError as error:
        print(f"{what}: {type(error).__name__}")
