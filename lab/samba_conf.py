#!/usr/bin/python3
"""Put the lab's settings into a provisioned smb.conf: samba_conf.py DC_DIR SERVICES EXTRA_LINES

Settings of the file that are also set here are dropped, so that each stands once. Trap: `ldb:nosync` makes the DC twenty
times faster and its database worthless after a real power cut; the lab throws it away anyway.
"""
import sys

SETTINGS = """
pid directory = {dir}/run
ncalrpc dir = {dir}/ncalrpc
winbindd socket directory = {dir}/winbindd
ntp signd socket directory = {dir}/ntp_signd
usershare path =
log file = {dir}/log/log.%m
logging = file
max log size = 20000
server services = {services}
dcerpc endpoint servers = epmapper, samr, lsarpc, netlogon, backupkey, drsuapi, dssetup, unixinfo, wkssvc
disable netbios = yes
disable spoolss = yes
load printers = no
dns update command = /bin/true
dns forwarder =
gpo update command = /bin/true
samba kcc command = /bin/true
tls enabled = yes
tls keyfile = {dir}/tls/key.pem
tls certfile = {dir}/tls/cert.pem
tls cafile = {dir}/tls/ca.pem
prefork children = 2
ldb:nosync = yes
dreplsrv:periodic_startup_interval = 2
dreplsrv:periodic_interval = 5
"""


def name_of(line):
    return line.split("=")[0].strip() if "=" in line else None


def main():
    directory, services, extra = sys.argv[1:4]
    path = f"{directory}/etc/smb.conf"
    ours = (SETTINGS.format(dir=directory, services=services) + extra).splitlines()
    ours = [line.strip() for line in ours if line.strip()]
    names = {name_of(line) for line in ours}
    with open(path, encoding="utf-8") as file:
        kept = [line for line in file.read().splitlines() if name_of(line) is None or name_of(line) not in names]
    at = kept.index("[global]") + 1
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(kept[:at] + ["\t" + line for line in ours] + kept[at:]) + "\n")


main()
