#!/usr/bin/python3
"""Load people and groups into a lab DC's own database, in transactions, through all of Samba's directory modules.

  samba_bulk.py --smbconf SMBCONF --sam SAM_LDB -n 10000 --groups 10x100,1x5000

So objectGUID, objectSid, uSNChanged, uniqueness and linked attributes are real, and it is ten times faster than LDAP.
The same seed gives the same directory. The DC may run. Trap: real passwords cost a hundred times more than the NT hash alone
(--nt-hash-every), which suffices for binds.
"""
import argparse
import random
import time

import ldb
from samba import dsdb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.param import LoadParm
from samba.samdb import SamDB

GIVEN = """Ada Aino Ali Amina Anders Ana Arjun Aya Bao Beatriz Björn Carla Chen Chloé Dagny Dmitri Elif Emre Eoin Esi Farid
Fatima Finn Gita Hana Hiro Hugo Ines Ivan Jan Jin Joana Jürgen Kofi Lars Leïla Li Luca Maja Mario Mei Mia Miguel Mina Nadia
Nils Noor Olga Omar Óscar Paula Petra Quinn Rafał Rania Ravi Rosa Sami Sara Siôn Sofia Tariq Tomáš Uma Vera Wei Yuki Zoë""".split()
FAMILY = """Abe Ahmed Andersson Bakker Barbosa Becker Brown Büyük Castro Chan Costa Dąbrowski Diaz Dubois Eriksen García Ghosh
Gruber Haddad Hansen Horvat Ito Jensen Kaya Khan Kim Kowalski Larsen Lee Lindqvist Müller Murphy N'Diaye Nakamura Nguyen Novák
O'Brien Okafor Olsen Patel Pérez Popescu Ricci Rossi Sato Silva Söderström Tan Torres van-Dijk Wang Wójcik Yılmaz Zhang""".split()
DEPARTMENTS = "Engineering Finance HR Legal Marketing Operations Research Sales Support IT".split()
NORMAL_ACCOUNT = "512"
GLOBAL_SECURITY_GROUP = "-2147483646"
MEMBERS_PER_CHANGE = 5000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smbconf", required=True)
    parser.add_argument("--sam", required=True)
    parser.add_argument("-n", type=int, default=1000, help="people")
    parser.add_argument("--start", type=int, default=0, help="number of the first of them")
    parser.add_argument("--ou", default="Bulk")
    parser.add_argument("--all-attributes", action="store_true", help="everything an address book has, and managers")
    parser.add_argument("--transaction", type=int, default=1000, help="people per transaction")
    parser.add_argument("--password-every", type=int, default=0, help="every K-th person gets a password")
    parser.add_argument("--nt-hash-every", type=int, default=0, help="every K-th person gets an NT hash only")
    parser.add_argument("--groups", default="", help="COUNTxSIZE,... ; members are the people loaded")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Directory:
    def __init__(self, smbconf, path):
        parameters = LoadParm()
        parameters.load(smbconf)
        credentials = Credentials()
        credentials.guess(parameters)
        options = ["batch_mode:1", "transaction_index_cache_size:200000"]
        self.sam = SamDB(url=path, session_info=system_session(), credentials=credentials, lp=parameters, options=options)
        self.base = str(self.sam.domain_dn())
        self.suffix = self.base.replace("DC=", "").replace(",", ".").lower()

    def add(self, dn, attributes, controls=()):
        message = ldb.Message(ldb.Dn(self.sam, dn))
        for name, values in attributes.items():
            values = values if isinstance(values, list) else [values]
            values = [value if isinstance(value, bytes) else value.encode() for value in values]
            message[name] = ldb.MessageElement(values, ldb.FLAG_MOD_ADD, name)
        self.sam.add(message, controls=list(controls))

    def add_members(self, dn, members):
        message = ldb.Message(ldb.Dn(self.sam, dn))
        message["member"] = ldb.MessageElement([member.encode() for member in members], ldb.FLAG_MOD_ADD, "member")
        self.sam.modify(message)

    def has(self, dn):
        return len(self.sam.search(base=self.base, expression=f"(distinguishedName={dn})", attrs=["dn"])) > 0


def person(number, suffix, chance):
    given, family = chance.choice(GIVEN), chance.choice(FAMILY)
    account = f"u{number:07d}"
    return f"CN={family} {given} {number}", {
        "objectClass": ["top", "person", "organizationalPerson", "user"],
        "sAMAccountName": account,
        "userPrincipalName": f"{account}@{suffix}",
        "givenName": given,
        "sn": family,
        "displayName": f"{given} {family}",
        "mail": f"{account}@{suffix}",
        "department": chance.choice(DEPARTMENTS),
        "title": f"Role {number % 97}",
        "employeeID": f"{number:08d}",
        "telephoneNumber": f"+1 555 {number % 10000000:07d}",
        "company": "Lab",
        "l": f"City {number % 211}",
        "c": chance.choice(["DE", "FR", "US", "JP", "BR", "PL"]),
        "proxyAddresses": [f"SMTP:{account}@{suffix}", f"smtp:{account}.alias@{suffix}"],
        "userAccountControl": NORMAL_ACCOUNT,
    }


def more_of(number, name):
    """What an address book knows besides."""
    given, family = name.split(" ", 1)
    more = {
        "initials": given[0] + family[0],
        "description": f"Person number {number} of the lab",
        "physicalDeliveryOfficeName": f"Office {number % 31}",
        "streetAddress": f"{number} Long Street",
        "postOfficeBox": f"{number % 999}",
        "postalCode": f"{number % 99999:05d}",
        "st": f"ST{number % 50}",
        "co": "Somewhere",
        "countryCode": "276",
        "division": f"Division {number % 7}",
        "employeeNumber": f"{number:08d}",
        "employeeType": "staff",
        "preferredLanguage": "en",
        "homePhone": f"+1 557 {number % 10000000:07d}",
        "mobile": f"+1 556 {number % 10000000:07d}",
        "pager": f"+1 558 {number % 10000000:07d}",
        "facsimileTelephoneNumber": f"+1 559 {number % 10000000:07d}",
        "otherTelephone": f"+1 555 {number % 10000000:07d}",
        "ipPhone": f"{number % 100000:05d}",
        "wWWHomePage": f"https://lab.example/u{number:07d}",
        "info": f"Knows {name} {number - 1}",
        "extensionName": f"E{number}",
    }
    if number % 40 == 3:
        more["thumbnailPhoto"] = b"\xff\xd8\xff\xe0" + random.Random(number).randbytes(2000) + b"\xff\xd9"
    return more


def password_of(number):
    return f"Lab-Pa55-{number:07d}"


def file_time_now():
    """100 ns units since 1601 (MS-DTYP 2.3.3); an older pwdLastSet would mean an expired password."""
    return int((time.time() + 11644473600) * 10_000_000)


def secret(number, options):
    """What gives a person a password: attributes and controls."""
    if options.password_every and number % options.password_every == 0:
        return {"unicodePwd": f'"{password_of(number)}"'.encode("utf-16-le")}, ()
    if options.nt_hash_every and number % options.nt_hash_every == 0:
        hashing = Credentials()
        hashing.set_password(password_of(number))
        control = f"local_oid:{dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID}:0"
        return {"unicodePwd": bytes(hashing.get_nt_hash()), "pwdLastSet": str(file_time_now())}, (control,)
    return {}, ()


def load_people(directory, ou, options, chance):
    names = []
    for first in range(options.start, options.start + options.n, options.transaction):
        directory.sam.transaction_start()
        for number in range(first, min(first + options.transaction, options.start + options.n)):
            rdn, attributes = person(number, directory.suffix, chance)
            more, controls = secret(number, options)
            if options.all_attributes:
                more = {**more, **more_of(number, attributes["displayName"])}
                if names:
                    more["manager"] = names[(number - options.start) // 7]
            directory.add(f"{rdn},{ou}", {**attributes, **more}, controls)
            names.append(f"{rdn},{ou}")
        directory.sam.transaction_commit()
    return names


def load_groups(directory, ou, people, options, chance):
    wanted = [tuple(map(int, item.split("x"))) for item in options.groups.split(",") if item]
    sizes = [size for count, size in wanted for _ in range(count)]
    for number, size in enumerate(sizes, 1):
        name = f"G{size}-{number}"
        directory.sam.transaction_start()
        group = {"objectClass": ["top", "group"], "sAMAccountName": name, "groupType": GLOBAL_SECURITY_GROUP}
        directory.add(f"CN={name},{ou}", group)
        members = chance.sample(people, size)
        for at in range(0, size, MEMBERS_PER_CHANGE):
            directory.add_members(f"CN={name},{ou}", members[at : at + MEMBERS_PER_CHANGE])
        directory.sam.transaction_commit()


def main():
    options = arguments()
    chance = random.Random(options.seed)
    directory = Directory(options.smbconf, options.sam)
    ou = f"OU={options.ou},{directory.base}"
    if not directory.has(ou):
        directory.add(ou, {"objectClass": ["top", "organizationalUnit"], "ou": options.ou})
    began = time.monotonic()
    people = load_people(directory, ou, options, chance)
    load_groups(directory, ou, people, options, chance)
    print(f"{len(people)} people in {time.monotonic() - began:.1f} s")


main()
