# SPDX-License-Identifier: GPL-2.0-or-later
"""
Kinds of floods: who sends what, and what has to be said of it.

hping3 sends IPv4, thcsyn6 TCP over IPv6, up to the rate that they keep; bench/flood sends the rest. All
of them run until they are ended, and their counts bound them.
"""

import os
import re
import time

import device
import flood_answers

HERE, FORGED, EITHER = "no", "yes", None  # are the sources' addresses forged?
CLOSED_TCP, CLOSED_UDP = 81, 9999
HPING_MAX = 2000  # a second, that hping3 keeps a pace of
THC_MAX = 2000
LAST_S = 60  # a sender that nobody ends
REFLECTORS = 300
BOTS = "198.18.128.0/18"  # addresses that answer, as hosts do
PREFIX = "203.0.113.0/24"
PREFIX6 = "2001:db8:bad::/64"
_ARGUMENTS = {"syn": ["-S"], "syn-ack": ["-S", "-A"], "ack": ["-A"], "rst": ["-R"], "fin": ["-F"],
              "udp": ["--udp"], "icmp": ["-1"], "fragment": ["--udp", "-x", "-g", "1400"],
              "gre": ["--rawip", "--ipproto", "47"]}
_THC = {"syn": [], "ack": ["-A"], "syn-ack": ["-S"]}


class Kind:
    """
    `sends`: what, by bench/flood's name; `technique`: what the finding calls it; `sources`: "one" (a
    neighbour), "random", "bots" (many real hosts), "prefix" or "reflectors". `port` is the victim's,
    0 where the finding shall name none.
    """

    def __init__(self, name, sends, technique, sources="random", port=0, forged=EITHER, **more):
        self.name, self.sends, self.technique = name, sends, technique
        self.sources, self.port, self.forged = sources, port, forged
        self.families = (4, 6)
        self.bytes = 0  # of payload
        self.service = None  # of reflectors
        self.wall = False  # a firewall of the device's drops what belongs to no connection
        self.where = "far" if sources == "bots" else "near"
        self.tool = None  # "flood": bench/flood alone
        self.least = 100  # a second, below which it is none (mimamori.conf(5), [flood])
        self.__dict__.update(more)

    @property
    def short(self):
        return re.sub("[^a-z0-9]+", "-", self.name.lower())

    @property
    def sport(self):
        return flood_answers.PORTS.get(self.service)

    def program(self, family, rate):
        """What sends it."""
        if self.tool or self.sources not in ("one", "random"):
            return "flood"
        if family == 4:
            return "hping3" if rate <= HPING_MAX else "flood"
        return "thcsyn6" if self.sends in _THC and rate <= THC_MAX else "flood"

    def argv(self, attack):
        """The command line; `attack` has family, rate, target, source, mac and directory."""
        program = self.program(attack.family, attack.rate)
        return {"hping3": self._hping3, "thcsyn6": self._thcsyn6,
                "flood": self.by_flood}[program](attack)

    def _hping3(self, attack):
        argv = ["hping3", "-q", "-n", *_ARGUMENTS[self.sends], "-i",
                f"u{1000000 // attack.rate}", "-c", attack.rate * LAST_S]
        if self.bytes:
            argv += ["-d", self.bytes]
        if self.sends not in ("icmp", "gre", "fragment"):
            argv += ["-p", self.port or f"++{1024}"]
        return argv + ["--rand-source"] * (self.sources == "random") + [attack.target]

    def _thcsyn6(self, attack):
        source = ["-R"] if self.sources == "random" else ["-s", attack.source]
        return ["timeout", LAST_S, "atk6-thcsyn6", *_THC[self.sends], *source, "-m", attack.mac,
                "-i", 1000000 // attack.rate, "eth0", attack.target, self.port or "x"]

    def by_flood(self, attack, count=None):
        """bench/flood's command line."""
        argv = [device.bench_tool("flood"), "-i", "eth0", "-m", attack.mac, "-d", attack.target,
                "-k", self.sends, "-r", attack.rate, "-n", count or attack.rate * LAST_S,
                "-p", self.port or "random", "-l", self.bytes,
                "-S", time.time_ns() % 1000003]  # or every flood would forge the same addresses
        if self.sources == "one":
            argv += ["-s", attack.source]
        elif self.sources == "bots":
            argv += ["-s", BOTS if attack.family == 4 else "2001:db8:c:b::/64"]
        elif self.sources == "prefix":
            argv += ["-s", PREFIX if attack.family == 4 else PREFIX6]
        elif self.sources == "reflectors":
            path = os.path.join(attack.directory, self.service)
            with open(path, "wb") as file:
                file.write(flood_answers.ANSWERS[self.service])
            argv += ["-R", REFLECTORS, "-g", self.sport, "-f", path]
        return argv


def _kinds():
    yield Kind("SYN, open port", "syn", "syn", "one", device.HTTP, HERE)
    yield Kind("SYN, open port, random sources", "syn", "syn", "random", device.HTTP, FORGED)
    yield Kind("SYN, closed port", "syn", "syn", "one", CLOSED_TCP)
    yield Kind("SYN, closed port, random sources", "syn", "syn", "random", CLOSED_TCP, FORGED)
    yield Kind("SYN, all ports, random sources", "syn", "syn", "random", 0, FORGED, tool="flood")
    yield Kind("SYN, open port, 16,000 bots", "syn", "syn", "bots", device.HTTP, HERE)
    yield Kind("SYN, open port, forged within a prefix", "syn", "syn", "prefix", device.HTTP)
    yield Kind("SYN/ACK, random sources", "syn-ack", "syn-ack", "random", CLOSED_TCP)
    yield Kind("ACK, open port", "ack", "ack", "one", device.HTTP, least=500)
    yield Kind("ACK, open port, random sources", "ack", "ack", "random", device.HTTP, FORGED)
    yield Kind("ACK, open port, firewall", "ack", "ack", "one", device.HTTP, wall=True, least=500)
    yield Kind("ACK, open port, firewall, random sources", "ack", "ack", "random", device.HTTP,
               FORGED, wall=True)
    yield Kind("RST, open port, random sources", "rst", "rst", "random", device.HTTP, FORGED)
    yield Kind("FIN, open port, random sources", "fin", "rst", "random", device.HTTP, FORGED)
    yield Kind("UDP, open port", "udp", "udp", "one", device.DNS, bytes=100, least=9600)
    yield Kind("UDP, open port, random sources", "udp", "udp", "random", device.DNS, FORGED, bytes=100,
               least=1000)
    yield Kind("UDP, closed port", "udp", "udp", "one", CLOSED_UDP, bytes=512, least=150)
    yield Kind("UDP, closed port, random sources", "udp", "udp", "random", CLOSED_UDP, FORGED,
               bytes=512, least=150)
    yield Kind("UDP, all ports, random sources", "udp", "udp", "random", 0, FORGED, bytes=512,
               tool="flood", least=150)
    yield Kind("ICMP", "icmp", "icmp", "one", 0, bytes=56, least=500)
    yield Kind("ICMP, random sources", "icmp", "icmp", "random", 0, FORGED, bytes=56)
    yield Kind("fragments", "fragment", "fragment", "one", 0, bytes=512, least=1000)
    yield Kind("fragments, random sources", "fragment", "fragment", "random", 0, FORGED, bytes=512)
    yield Kind("GRE, random sources", "gre", "protocol", "random", 0, FORGED, bytes=64)
    for service in flood_answers.ANSWERS:
        yield Kind(f"{service} answers, {REFLECTORS} reflectors", "udp", "amplified", "reflectors",
                   CLOSED_UDP, HERE, service=service)


KINDS = {kind.name: kind for kind in _kinds()}


def mixed(family):
    """All kinds of the family, those of one technique as far from each other as it goes."""
    by_technique = {}
    for kind in KINDS.values():
        if family in kind.families:
            by_technique.setdefault(kind.technique, []).append(kind)
    placed = [((place + 0.5) / len(kinds), kind) for kinds in by_technique.values()
              for place, kind in enumerate(kinds)]
    return [kind for _place, kind in sorted(placed, key=lambda one: one[0])]
