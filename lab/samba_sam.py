#!/usr/bin/python3
"""What a test needs to do to a lab DC's own database and LDAP does not offer.

  samba_sam.py SMBCONF SAM_LDB guid                              the GUID of the DC's NTDS settings
  samba_sam.py SMBCONF SAM_LDB recycle-bin                       switch the AD recycle bin on (it cannot be switched off)
  samba_sam.py SMBCONF SAM_LDB join-bin                          in a DC that joined: keep to the forest's recycle bin, if it has one
  samba_sam.py SMBCONF SAM_LDB exchange                          attributes a directory has once Exchange was there
  samba_sam.py SMBCONF SAM_LDB rights ACCOUNT +get -all ...      grant or take replication rights on the domain
  samba_sam.py SMBCONF SAM_LDB expunge DAYS                      forget what was deleted, as if DAYS had passed
  samba_sam.py SMBCONF SAM_LDB dns-controller FQDN IP            tell in DNS of one more controller of the domain, of no site
  samba_sam.py SMBCONF SAM_LDB undelete GUID                     restore from the recycle bin, to where it was

Rights: get = DS-Replication-Get-Changes, all = ...-Get-Changes-All (secrets), filtered = ...-In-Filtered-Set; deleted = list
the container of deleted objects, without which Samba shows an account no deletion; unseen = denied to look into the container
of what stands for accounts of other forests.
Works on a running or stopped DC. Traps: over LDAP Samba refuses to switch the recycle bin on with 53; with it on, Samba 4.17
refuses the undelete operation (MS-ADTS 3.1.1.5.3.7) with 16, over LDAP and here, hence its parts one by one.
"""
import subprocess
import sys
import time

import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.provision.sambadns import ARecord, SRVRecord
from samba.samdb import SamDB

RIGHTS = {
    "get": "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2",
    "all": "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2",
    "filtered": "89e95b76-444d-4c62-991a-0facbeda640c",
}
# Containers by their well-known identifiers (MS-ADTS 6.1.1.4), with the entry that is put into their access list.
CONTAINERS = {
    "deleted": ("18e2ea80684f11d2b9aa00c04f79f805", "(A;;RPLC;;;{})"),
    "unseen": ("22b70c67d56e4efb91e9300fca3dc1aa", "(D;;RPLCLO;;;{})"),
}
RECYCLE_BIN = "766ddcd8-acd0-445e-f3b9-a7f9b6744f2a"


def recycle_bin(sam):
    message = ldb.Message(ldb.Dn(sam, ""))
    value = f"CN=Partitions,{sam.get_config_basedn()}:{RECYCLE_BIN}"
    message["enableOptionalFeature"] = ldb.MessageElement(value, ldb.FLAG_MOD_ADD, "enableOptionalFeature")
    sam.modify(message)


def join_bin(sam):
    """Samba notes the bin on the settings of the DC that switched it on and looks for it on its own. A DC without the note
    recycles what others delete, and replicates that back to them: what is restored then has lost its attributes."""
    partitions, attribute = f"CN=Partitions,{sam.get_config_basedn()}", "msDS-EnabledFeature"
    features = sam.search(base=partitions, scope=ldb.SCOPE_BASE, attrs=[attribute])[0].get(attribute)
    if features is None:
        return
    message = ldb.Message(ldb.Dn(sam, sam.get_dsServiceName()))
    message[attribute] = ldb.MessageElement(list(features), ldb.FLAG_MOD_REPLACE, attribute)
    sam.modify(message, ["relax:0"])


# Names and syntaxes (MS-ADTS 3.1.1.2.2.2) as Exchange's schema has them; only what tests need.
EXCHANGE = {
    "mailNickname": ("1.2.840.113556.1.2.447", "2.5.5.12", "64"),
    "targetAddress": ("1.2.840.113556.1.2.352", "2.5.5.12", "64"),
    "extensionAttribute1": ("1.2.840.113556.1.2.423", "2.5.5.12", "64"),
    "extensionAttribute2": ("1.2.840.113556.1.2.424", "2.5.5.12", "64"),
}


def exchange(sam):
    """The running DC has to be restarted to see them."""
    schema, names = sam.get_schema_basedn(), []
    for name, (oid, syntax, kind) in EXCHANGE.items():
        if sam.search(base=schema, scope=ldb.SCOPE_ONELEVEL, expression=f"(lDAPDisplayName={name})", attrs=["cn"]):
            continue
        sam.add({
            "dn": f"CN=lab-{name},{schema}",
            "objectClass": "attributeSchema",
            "lDAPDisplayName": name,
            "attributeID": oid,
            "attributeSyntax": syntax,
            "oMSyntax": kind,
            "isSingleValued": "TRUE",
        })
        names.append(name)
    sam.set_schema_update_now()
    for owner in ("CN=User", "CN=Group", "CN=Contact") if names else ():
        change = ldb.Message(ldb.Dn(sam, f"{owner},{schema}"))
        change["mayContain"] = ldb.MessageElement(names, ldb.FLAG_MOD_ADD, "mayContain")
        sam.modify(change)
    sam.set_schema_update_now()


def rights(sam, account, changes):
    found = sam.search(base=sam.domain_dn(), expression=f"(sAMAccountName={ldb.binary_encode(account)})", attrs=["objectSid"])
    sid = ndr_unpack(security.dom_sid, found[0]["objectSid"][0])
    aces = {name: f"(OA;;CR;{guid};;{sid})" for name, guid in RIGHTS.items()}
    has = grant(sam, str(sam.domain_dn()), aces, [change for change in changes if change[1:] in aces])
    for name, (container, ace) in CONTAINERS.items():
        dn = str(sam.get_wellknown_dn(sam.get_default_basedn(), container))
        has += grant(sam, dn, {name: ace.format(sid)}, [change for change in changes if change[1:] == name])
    print(" ".join(sorted(has)))


def grant(sam, dn, aces, changes):
    """Puts entries into an object's access list or takes them out; returns the names of those it has then."""
    controls = ["show_deleted:1", "sd_flags:1:4"]
    root = sam.search(base=dn, scope=ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"], controls=controls[:1])[0]
    domain = security.dom_sid(sam.get_domain_sid())
    sddl = ndr_unpack(security.descriptor, root["nTSecurityDescriptor"][0]).as_sddl(domain)
    for change in changes:
        ace = aces[change[1:]]
        sddl = sddl.replace(ace, "")
        if change[0] == "+":
            at = sddl.index("(", sddl.index("D:"))
            sddl = sddl[:at] + ace + sddl[at:]
    if changes:
        message = ldb.Message(ldb.Dn(sam, dn))
        packed = ndr_pack(security.descriptor.from_sddl(sddl, domain))
        message["nTSecurityDescriptor"] = ldb.MessageElement(packed, ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
        sam.modify(message, controls)
    return [name for name, ace in aces.items() if ace in sddl]


def undelete(sam, guid):
    """As MS-ADTS 3.1.1.5.3.7.2, except that sAMAccountType does not come back; links do, by themselves."""
    deleted = ["show_recycled:1", "show_deleted:1"]
    names = ["lastKnownParent", "msDS-LastKnownRDN", "objectClass"]
    found = sam.search(base=f"<GUID={guid}>", scope=ldb.SCOPE_BASE, attrs=names, controls=deleted)[0]
    classes = [str(name).lower() for name in found["objectClass"]]
    category = "Person" if "person" in classes else "Group" if "group" in classes else "Organizational-Unit"
    change = ldb.Message(found.dn)
    for name in ("isDeleted", "lastKnownParent"):
        change[name] = ldb.MessageElement([], ldb.FLAG_MOD_DELETE, name)
    value = f"CN={category},{sam.get_schema_basedn()}"
    change["objectCategory"] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, "objectCategory")
    home = ldb.Dn(sam, str(found["lastKnownParent"][0]))
    home.add_child(ldb.Dn(sam, "CN=x"))
    home.set_component(0, "OU" if category == "Organizational-Unit" else "CN", str(found["msDS-LastKnownRDN"][0]))
    sam.transaction_start()
    sam.modify(change, [*deleted, "relax:0"])
    sam.rename(found.dn, home, deleted)
    sam.transaction_commit()
    print(home)


def dns_controller(sam, fqdn, ip):
    host, domain = fqdn.split(".", 1)
    everybody = f"_ldap._tcp.dc._msdcs.{domain}"
    _, known = sam.dns_lookup(everybody)
    sam.dns_replace(everybody, [*known, SRVRecord(fqdn, 389)])
    zone = f"DC={domain},CN=MicrosoftDNS,DC=DomainDnsZones,{sam.get_default_basedn()}"
    node = {"dn": f"DC={host},{zone}", "objectClass": ["top", "dnsNode"], "dnsRecord": ndr_pack(ARecord(ip))}
    sam.add(node)


def main():
    parameters = LoadParm()
    parameters.load(sys.argv[1])
    verb, rest = sys.argv[3], sys.argv[4:]
    if verb == "expunge":
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * int(rest[0])))
        command = ["samba-tool", "domain", "tombstones", "expunge", "-s", sys.argv[1], "-H", sys.argv[2], f"--current-time={day}"]
        sys.exit(subprocess.call(command))
    if verb == "exchange":
        parameters.set("dsdb:schema update allowed", "true")
    sam = SamDB(url=sys.argv[2], session_info=system_session(), lp=parameters)
    if verb == "guid":
        print(sam.get_ntds_GUID())
    elif verb == "recycle-bin":
        recycle_bin(sam)
    elif verb == "join-bin":
        join_bin(sam)
    elif verb == "exchange":
        exchange(sam)
    elif verb == "rights":
        rights(sam, rest[0], rest[1:])
    elif verb == "dns-controller":
        dns_controller(sam, *rest)
    elif verb == "undelete":
        undelete(sam, rest[0])
    else:
        sys.exit(f"samba_sam: unknown verb {verb}")


main()
