# SPDX-License-Identifier: GPL-2.0-or-later
"""What an attack did, from the device's own capture: its packets, and the contacts they make."""

import collections
import ipaddress
import socket
import struct

import capture
import device

ICMP, ICMP6 = 1, 58
SYN, ACK = 0x02, 0x10
ECHO, SOLICITATION = {ICMP: 8, ICMP6: 128}, 135
QUERIES = (13, 15, 17)  # timestamp, information, address mask
TRANSPORTS = (capture.TCP, capture.UDP, capture.SCTP)

# asks: a service answers it (a SYN, a datagram), or may have forgotten the connection that it ends or
# goes on with; packets that no client sends are in vain wherever they go.
# contact: what an initiator's packet tries, or None of any other packet. key: of whose contact the
# packet is, whichever way it goes; None where nothing tells.
Seen = collections.namedtuple("Seen", "t src dst contact key flow asks frame wire")


def records(path):
    """(time, frame, length on the wire) of each record of a capture."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length, wire = struct.unpack_from(order + "IIII", data, at)
        if at + 16 + length > len(data):
            return
        yield seconds * 1000000 + micros, data[at + 16:at + 16 + length], wire
        at += 16 + length


def _icmp(packet, frame):
    """(contact, key) of ICMP: a query, a solicitation, or an error about a contact."""
    kind = frame[packet.at] if len(frame) > packet.at else None
    if kind == ECHO[packet.proto] or packet.proto == ICMP and kind in QUERIES:
        return (packet.dst, "icmp", kind), (packet.dst, "icmp")
    if packet.proto == ICMP6 and kind == SOLICITATION and len(frame) >= packet.at + 24:
        target = socket.inet_ntop(socket.AF_INET6, frame[packet.at + 8:packet.at + 24])
        return (target, "link", 0), (target, "link")
    if kind in ((3,) if packet.proto == ICMP else (1,)):
        inner = capture.parse(0, b"\0" * 12 + (b"\x08\0" if packet.proto == ICMP else b"\x86\xdd")
                              + frame[packet.at + 8:])
        if inner and inner.at is not None:
            port = inner.dport if inner.proto in TRANSPORTS else 0
            return None, (inner.dst, inner.proto, port)
    return None, (packet.src, "icmp")


def _arp(t, frame, wire):
    if len(frame) < 42:
        return None
    sender, target = (socket.inet_ntoa(frame[a:a + 4]) for a in (28, 38))
    asks = frame[21] == 1
    contact = (target, "link", 0) if asks else None
    return Seen(t, sender, target, contact, (target if asks else sender, "link"), None, True,
                frame, wire)


def seen(t, frame, wire, peers):
    """A record as Seen, when it is of the attack by `peers`, either way; or None."""
    if frame[12:14] == b"\x08\x06":
        one = _arp(t, frame, wire)
        return one if one and peers & {one.src, one.dst} else None
    packet = capture.parse(t, frame)
    if not packet or not peers & {packet.src, packet.dst}:
        return None
    outgoing = packet.src not in peers
    flow = contact = key = None
    if packet.at is None:
        key = "fragment"
    elif packet.proto in TRANSPORTS:
        own, port = (packet.src, packet.sport) if outgoing else (packet.dst, packet.dport)
        key = (own, packet.proto, port)
        flow = (packet.dst if outgoing else packet.src,
                packet.dport if outgoing else packet.sport) + key
        contact = None if outgoing else key
    elif packet.proto in ECHO:
        contact, key = _icmp(packet, frame)
        contact = None if outgoing else contact
    else:
        key = (packet.src if outgoing else packet.dst, packet.proto, 0)
        contact = None if outgoing else key
    flags = packet.flags & 0x3F
    asks = packet.proto != capture.TCP or flags == SYN or bool(flags & ACK)
    return Seen(t, packet.src, packet.dst, contact, key, flow, asks, frame, wire)


class Oracle:
    """All of the attacks in one capture, told apart by their addresses."""

    def __init__(self, path):
        self._of = collections.defaultdict(list)
        for t, frame, wire in records(path):
            self._add(t, frame, wire)

    def _add(self, t, frame, wire):
        if frame[12:14] == b"\x08\x06":
            ends = {socket.inet_ntoa(frame[a:a + 4]) for a in (28, 38)}
        else:
            packet = capture.parse(t, frame)
            ends = {packet.src, packet.dst} if packet else ()
        for end in ends:
            self._of[end].append((t, frame, wire))

    def packets(self, sources):
        """The packets from and to any of the addresses, as Seen, in order."""
        # One address may be written in several ways: the oracle's is inet_ntop's.
        peers = {str(ipaddress.ip_address(s)) for s in sources}
        found = [one for peer in peers for one in self._of[peer]]
        every = [seen(t, frame, wire, peers) for t, frame, wire in sorted(set(found))]
        return [one for one in every if one]


def in_vain(one, kind):
    """Does the device serve nothing there? An echo is answered: only a sweep is made of them."""
    if one.contact is None or one.asks and one.contact[1:] in device.SERVED:
        return False
    return one.contact[1] != "icmp" or kind.techniques[0].startswith("icmp")


def contacts_until(attack, packets, event):
    """
    How many distinct contacts in vain (or connections, where the kind counts these) the device had
    seen when `event` was decided: at its timestamp, or at the packet that it names where the capture's
    clock puts that one later.
    """
    mine = [p for p in packets if p.contact]
    last = max((i for i, p in enumerate(mine) if p.t <= event.t), default=-1)
    named = [i for i, p in enumerate(mine) if abs(p.t - event.t) < 5000 and p.flow
             and p.flow[1] == event.data.get("src_port")
             and p.flow[2] == event.data.get("dest_ip")
             and p.flow[4] == event.data.get("dest_port")]
    if named:
        last = max(last, min(named, key=lambda i: abs(mine[i].t - event.t)))
    done = mine[:last + 1]
    if attack.kind.counts == "connections":
        return len({p.flow for p in done if p.flow})
    # Decoys multiply one contact by forged addresses; elsewhere each peer's contacts are its own.
    whose = (lambda p: None) if attack.kind.scope == "decoys" else (lambda p: p.src)
    return len({(whose(p), p.contact) for p in done if in_vain(p, attack.kind)})
