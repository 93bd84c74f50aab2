# SPDX-License-Identifier: GPL-2.0-or-later
"""The attacks of the comparison, each a row of its table."""

import device
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
    `max_contacts`: at how many of them at most it has to be found, None where it need not be yet.
    """

    family, where = 4, "near"
    scope = "host"
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
        return event.finding.get("technique") in self.techniques \
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
    """Not a scan: found by what comes to find floods."""

    whole = True
    counts = "packets"

    def prepare(self, network, address):
        network.router.ip("route replace blackhole default")
        return None

    def commands(self, network, address, target):
        if self.options[0] == "syn":
            flood = device.bench_tool("flood")
            if not flood:
                raise LookupError("bench/flood is not built")
            return [[flood, "-i", "eth0", "-m", network.device.mac(), "-d", target, "-p",
                     device.HTTP, "-n", FLOOD_PACKETS, "-r", FLOOD_RATE]]
        return [["nping", "-q", "-H", "-N", "-c", FLOOD_PACKETS, "--rate", FLOOD_RATE,
                 *self.options, target]]


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
        Flood("syn-flood", "SYN flood of an open port, forged addresses", ("syn",), (), None),
        Flood("udp-flood", "UDP flood, one address", ("--udp", "-p", "9999"), (), None),
        Flood("ack-flood", "ACK flood, one address", ("--tcp", "--flags", "ack", "-p", "80"), (),
              None),
        Row("syn-6", "IPv6: -sS, 1000 ports", ("-sS",), ("syn",), family=6),
        Row("udp-6", "IPv6: -sU, 10 ports", ("-sU", "--top-ports", "10"), ("udp",), family=6,
            where="far"),
    )


ROWS = {row.name: row for row in _rows()}
STRANGERS_NOT = {"10.7.0.3", "fd07::3", "10.7.0.254", "fd07::fe", "198.51.100.1",
                 *net.Network.device_addresses(4), *net.Network.device_addresses(6)}
