# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of the matrix: every kind of scan, how it is run at each speed, what an event must say."""

import dataclasses
import os
import random
import sys

import tools

HERE = os.path.dirname(os.path.abspath(__file__))
FAST, S5, T1 = "fast", "5s", "T1"
PACE_S = {FAST: 0.01, S5: 5, T1: 15}
# What Nmap is told for each speed. A sweep has one probe a host, and a delay is Nmap's per host, so
# there the rate is limited instead.
NMAP = {FAST: ("-Pn",), S5: ("-Pn", "--scan-delay", "5s", "--max-retries", "1"), T1: ("-Pn", "-T1")}
SWEEP = {FAST: (), S5: ("--max-rate", "0.2"), T1: ("-T1", "--max-rate", "0.0667")}
PORTS = (21, 25, 110, 143, 443, 993, 1433, 3306, 3389, 5432, 5900, 6379, 8080, 8443, 9200, 27017)
SWEEP_WHY = "whoever asks for all neighbours in an hour may be a server that knows them all"
NO_IDLE_V6 = "it needs a host whose IPv6 fragments are numbered in sequence"
HOST, PREFIX, DISTRIBUTED, DECOYS = "host", "prefix", "distributed", "decoys"


def slow_bar(kind):
    """Of slow ones: about the same number, as what they leave fades."""
    return kind.bar + (kind.bar + 4) // 5


@dataclasses.dataclass(frozen=True)
class Kind:
    """`make` gives the command line for an Attack (matrix_net.py)."""

    name: str
    techniques: tuple
    make: object
    families: tuple = (4, 6)
    without: str = ""  # why not in the other family
    scope: str = HOST
    sources: object = None  # of an attack from other addresses than the attacker's own: its peers
    near: bool = False  # a neighbour on the device's link
    bystander: str = ""  # of bystanders.py: a host that the attacker hides behind, who is the peer
    bar: int = 5  # failed contacts, of fast ones
    counts: str = "contacts"  # that fail, or "connections" to ports that serve
    stay: bool = False  # the tool's whole run is needed for a capture
    patience_s: int = 0  # live and slow, where that takes longer than others
    records: int = 7  # contacts in vain that are replayed slowly
    speeds: tuple = ()  # those that are tried; none: all
    slower: str = ""  # why not the others


def nmap(option, *more, slow=None):
    def make(attack):
        given = [m(attack) if callable(m) else m for m in more]
        pace = (NMAP if slow is None else slow)[attack.speed]
        return tools.nmap(attack.family, option, attack.target, extra=(*given, *pace))
    return make


def sweep(option):
    """One packet to each of the device's addresses that the attacker can reach."""
    def make(attack):
        return tools.nmap(attack.family, "-sn", option, *attack.targets, extra=SWEEP[attack.speed])
    return make


def link_sweep(attack):
    """Who is on this link: Nmap asks ARP, or neighbour discovery, of everyone it is told."""
    if attack.family == 4:
        return tools.nmap(4, "-sn", "10.7.0.0/24", extra=SWEEP[attack.speed])
    return tools.nmap(6, "-sn", *(f"fd07::{n:x}" for n in range(1, 300)),
                      extra=SWEEP[attack.speed])


def idle_scan(attack):
    """Behind a host that counts its packets up: to the device, that host scans."""
    pace = () if attack.speed == FAST else NMAP[attack.speed][1:]
    return tools.nmap(4, "-Pn", attack.target, extra=("-p", "1000-1020", "-sI",
                                                      f"{attack.address}:80", *pace))


def ftp_bounce(attack):
    """An FTP server that connects to whomever PORT names: to the device, the server scans."""
    pace = () if attack.speed == FAST else NMAP[attack.speed][1:]
    return tools.nmap(4, "-Pn", attack.target, extra=("-p", "1000-1020", "-b", attack.address,
                                                      *pace))


def masscan(attack):
    rate = {FAST: "1000", S5: "0.2", T1: "0.0667"}[attack.speed]
    argv = tools.masscan(attack.namespace, attack.family, attack.address, attack.target,
                         attack.gateway_mac)
    argv[argv.index("--rate") + 1] = rate
    return argv


def probes(style, ports=PORTS, horizontal=False, one_each=False):
    """probes.py, from the attack's sources. one_each: a port and a probe for each of them."""
    def make(attack):
        return [sys.executable, "-B", os.path.join(HERE, "probes.py"), style, PACE_S[attack.speed],
                ("+" if one_each else "") + ",".join(attack.sources),
                ",".join(attack.targets if horizontal else [attack.target]),
                ",".join(map(str, ports))]
    return make


def campaign(attack):
    """Three ports, others for each field: whoever asks for the same ones belongs to the same finding."""
    n = (attack.family == 6) + 2 * (FAST, S5, T1).index(attack.speed)
    login = (2323, 5555, 3389, 5900, 7547, 8291)[n]
    return probes("linux", (login, 8081 + n, 9000 + n))(attack)


def rotating(attack):
    """Addresses of one IPv6 /64, made at random."""
    base = attack.address.rsplit("::", 1)[0]
    return [f"{base}:{random.getrandbits(16):x}:{random.getrandbits(16):x}:"
            f"{random.getrandbits(16):x}:{random.randrange(1, 65536):x}" for _ in PORTS]


def neighbours(attack):
    """Addresses of one IPv4 /24."""
    base = attack.address.rsplit(".", 1)[0]
    return [f"{base}.{n}" for n in random.sample(range(20, 250), len(PORTS))]


def strangers(attack, count=30):
    """Addresses that have nothing in common: each of its own /16, or /32."""
    if attack.family == 4:
        return [f"{130 + i}.{random.randrange(256)}.{random.randrange(256)}."
                f"{random.randrange(1, 255)}" for i in range(count)]
    return [f"2a{i:02x}:{random.randrange(1, 65536):x}:{random.randrange(1, 65536):x}::"
            f"{random.randrange(1, 65536):x}" for i in range(count)]


def with_decoys(attack):
    """The attacker itself, among five others."""
    return [attack.address] + strangers(attack, 5)


def decoys(attack):
    return ",".join(["ME"] + attack.sources[1:])


def rows_of_nmap():
    for name, (option, technique, extra) in tools.NMAP.items():
        yield Kind(name, (technique,), nmap(option, *extra))


KINDS = {kind.name: kind for kind in [
    *rows_of_nmap(),
    Kind("masscan", ("syn",), masscan),
    Kind("flags SYN,FIN", ("custom",), nmap("-sS", "--scanflags", "SYNFIN")),
    Kind("flags PSH", ("custom",), nmap("-sS", "--scanflags", "PSH")),
    Kind("flags SYN,ACK", ("custom",), nmap("-sS", "--scanflags", "SYNACK")),
    Kind("flags all", ("custom",), nmap("-sS", "--scanflags", "URGACKPSHRSTSYNFIN")),
    Kind("sctp-init", ("sctp-init",), nmap("-sY")),
    Kind("sctp-cookie", ("sctp-cookie",), nmap("-sZ")),
    Kind("ip-protocol", ("ip-protocol",), nmap("-sO")),
    Kind("echo sweep", ("icmp",), sweep("-PE")),
    Kind("timestamp sweep", ("icmp-query",), sweep("-PP"), (4,), "ICMPv6 has no such query"),
    Kind("mask sweep", ("icmp-query",), sweep("-PM"), (4,), "ICMPv6 has no such query"),
    Kind("link sweep", ("arp", "neighbour"), link_sweep, near=True, bar=96, speeds=(FAST,),
         slower=SWEEP_WHY),
    Kind("os", ("os",), nmap("-O", "-p", "22,1"), stay=True, patience_s=400),
    Kind("fragments -f", ("syn",), nmap("-sS", "-f"), (4,), "Nmap fragments IPv4 only"),
    Kind("fragments --mtu 16", ("syn",), nmap("-sS", "--mtu", "16"), (4,),
         "Nmap fragments IPv4 only"),
    Kind("version", ("version",), nmap("-sV", "-p", "22,23,80"), bar=10, counts="connections",
         stay=True, patience_s=400),
    Kind("decoys", ("syn",), nmap("-sS", "-D", decoys), scope=DECOYS, sources=with_decoys),
    Kind("rotating /64", ("syn",), probes("nmap", one_each=True), (6,), "a /64 is IPv6's",
         PREFIX, rotating, bar=7, records=9),
    Kind("shared /24", ("syn",), probes("nmap", one_each=True), (4,), "a /24 is IPv4's",
         PREFIX, neighbours, bar=7, records=9),
    Kind("30 peers x 3", ("syn", "connect"), campaign,
         scope=DISTRIBUTED, sources=strangers, bar=9, records=15, patience_s=300),
    Kind("idle", ("syn",), idle_scan, (4,), NO_IDLE_V6, bystander="idle"),
    Kind("ftp-bounce", ("connect",), ftp_bounce, (4,), "Nmap bounces over IPv4 only",
         bystander="ftp"),
    Kind("three probes", ("syn",), probes("nmap", (8081, 9000, 4444))),
    Kind("hping", ("syn",), probes("hping")),
    Kind("zmap", ("syn",), probes("zmap")),
    Kind("mirai", ("syn",), probes("mirai", (2323,), horizontal=True)),
]}
