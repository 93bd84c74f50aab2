# SPDX-License-Identifier: GPL-2.0-or-later
"""The attacks of the comparison, each a row of its table."""

import types

import device
import flood_kinds
import net
import tools

# Ten closed ports that a scanner asks for, none of them what a LAN's computers try by themselves.
TEN = "21,25,110,111,113,143,389,443,993,995"
THREE = "21,25,110"
QUIETLY = ("-Pn", "--disable-arp-ping")  # else ARP takes the first turn
PEERS = 30
FLOOD_PACKETS, FLOOD_RATE = 20000, 10000


class Row:
    """
    One attack by one attacker, on the device's link unless `where` says "far". `techniques`: what an event may call it;
    `max_contacts`: at how many of them at most it has to be found.
    """

    family, where = 4, "near"
    scope = "host"
    is_flood = False
    whole = False  # goes on when all have found it: whom they blame counts
    odd = False  # of packets that no connection begins with: those to open ports are in vain, too
    counts = "failed contacts"

    def __init__(self, name, title, options, techniques, max_contacts=5, limit_s=40, **more):
        self.name, self.title, self.options, self.techniques = name, title, options, techniques
        self.max_contacts, self.limit_s = max_contacts, limit_s
        self.__dict__.update(more)

    def prepare(self, network, address):
        """What the network needs beyond its own; the addresses that attack, None: all strangers."""
        del network
        return {address}

    def commands(self, network, address, target):
        """The tool's command lines, one after the other."""
        del network, address
        return [tools.nmap(self.family, self.options[0], target, extra=self.options[1:])]

    def accepts(self, event, attackers):
        return event.finding.get("kind") == "scan" \
            and event.finding.get("technique") in self.techniques \
            and event.finding.get("scope", "host") == self.scope \
            and (attackers is None or any(event.is_peer(a) for a in attackers))


class Spread(Row):
    """Unrelated addresses behind the router, three ports each: found by the fifth."""

    where, scope, whole = "far", "distributed", True
    counts = "failed contacts of all"

    @staticmethod
    def peers():
        return [f"{60 + 5 * n}.{(n * 83) % 250}.{(n * 47) % 250}.{(n * 29) % 250 + 1}"
                for n in range(PEERS)]

    def prepare(self, network, address):
        network.router.ip("route replace default dev eth1")
        network.far.ip(*(f"addr add {a}/32 dev eth0" for a in self.peers()))
        return set(self.peers())

    def commands(self, network, address, target):
        return [["nmap", "-n", "-Pn", *self.options, "-S", peer, "-e", "eth0", target]
                for peer in self.peers()]

    def accepts(self, event, attackers):
        return event.finding.get("technique") in self.techniques \
            and event.finding.get("scope") == self.scope


class Decoys(Row):
    """The attacker among forged addresses."""

    scope, whole = "decoys", True

    def prepare(self, network, address):
        network.router.ip("route replace blackhole default")
        return None

    def accepts(self, event, attackers):
        return super().accepts(event, None)


class Flood(Row):
    """A kind of flood_kinds.py: has to be told in time as what it is."""

    whole, is_flood = True, True
    counts = "packets"

    def __init__(self, name, title, kind, **more):
        self.kind = flood_kinds.KINDS[kind]
        super().__init__(name, title, (), (self.kind.technique,), **more)

    def prepare(self, network, address):
        network.router.ip("route add blackhole default", "route add blackhole ::/0")
        return None

    def commands(self, network, address, target):
        if not device.bench_tool("flood"):
            raise LookupError("bench/flood is not built")
        attack = types.SimpleNamespace(family=self.family, rate=FLOOD_RATE, target=target,
                                       source=address, mac=network.device.mac(),
                                       directory=net.directory())
        return [self.kind.by_flood(attack, FLOOD_PACKETS)]

    def accepts(self, event, attackers):
        return event.finding.get("kind") == "flood" \
            and event.finding.get("technique") == self.kind.technique \
            and event.data.get("dest_port", 0) == self.kind.port


def _rows():
    tcp = ("syn", "connect")
    return (
        Row("syn", "-sS, 1000 ports", ("-sS",), ("syn",)),
        Row("connect", "-sT, 1000 ports", ("-sT",), ("connect",)),
        Row("version", "-sV on 3 open ports", ("-sV", "-p", "22,23,80"), ("version", "syn"), 10, 120,
            counts="connections"),
        Row("os", "-O, 2 ports", ("-O", "-p", "22,110"), ("os",), 5, 60, odd=True),
        Row("fin", "-sF (-F)", ("-sF", "-F"), ("fin",), odd=True),
        Row("null", "-sN (-F)", ("-sN", "-F"), ("null",), odd=True),
        Row("xmas", "-sX (-F)", ("-sX", "-F"), ("xmas",), odd=True),
        Row("ack", "-sA, 1000 ports", ("-sA",), ("ack",)),
        Row("udp", "-sU, 10 ports", ("-sU", "--top-ports", "10"), ("udp",), where="far"),
        Row("polite", "-T1, 10 ports (15 s a probe)", ("-sS", "-T1", *QUIETLY, "-p", TEN), tcp, 5, 85),
        Row("paced", "one port per 5 s",
            ("-sS", "--scan-delay", "5s", "--max-retries", "0", *QUIETLY, "-p", TEN), tcp, 5, 45),
        Row("three", "3 ports", ("-sS", "-p", THREE), tcp),
        Spread("spread", f"{PEERS} peers × 3 ports", ("-sS", "-p", THREE), tcp, 15, 90),
        Decoys("decoys", "decoys, -D RND:5", ("-sS", "-F", "-D", "RND:5"), tcp),
        Flood("syn-flood", "SYN flood of an open port, forged addresses",
              "SYN, open port, random sources"),
        Flood("udp-flood", "UDP flood of a closed port, one address", "UDP, closed port"),
        Flood("udp-open", "UDP flood of an open port, forged addresses",
              "UDP, open port, random sources"),
        Flood("ack-flood", "ACK flood of an open port, one address", "ACK, open port"),
        Flood("icmp-flood", "ICMP flood, one address", "ICMP"),
        Flood("amplified", "DNS answers of 300 reflectors", "DNS answers, 300 reflectors"),
        Flood("fragments", "flood of fragments, forged addresses", "fragments, random sources"),
        Row("syn-6", "IPv6: -sS, 1000 ports", ("-sS",), ("syn",), family=6),
        Row("udp-6", "IPv6: -sU, 10 ports", ("-sU", "--top-ports", "10"), ("udp",), family=6,
            where="far"),
        Flood("syn-flood-6", "IPv6: SYN flood of an open port, forged addresses",
              "SYN, open port, random sources", family=6),
        Flood("udp-flood-6", "IPv6: UDP flood of a closed port, one address", "UDP, closed port",
              family=6),
    )


ROWS = {row.name: row for row in _rows()}
STRANGERS_NOT = {"10.7.0.3", "fd07::3", "10.7.0.254", "fd07::fe", "198.51.100.1",
                 *net.Network.device_addresses(4), *net.Network.device_addresses(6)}
