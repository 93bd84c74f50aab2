# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the device's own capture: an oracle that shares no code with the sensor."""

import ipaddress
import socket
import struct
from collections import namedtuple

TCP, UDP, SCTP = 6, 17, 132
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options
_FRAGMENT = 44

# t: Unix time in integer microseconds, as events carry it. at: where in the frame its transport
# header begins, None in later fragments, which have none.
Packet = namedtuple("Packet", "t src dst proto sport dport flags at")


class Capture:
    """A pcap file that tcpdump may still be writing."""

    def __init__(self, path):
        self.path = path
        self.packets = []
        self._offset = 0
        self._order = "<"

    def update(self):
        """Reads what was added; returns all packets so far."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return self.packets
        at = 0
        if self._offset == 0:
            if len(data) < 24:
                return self.packets
            magic = struct.unpack("<I", data[:4])[0]
            self._order = "<" if magic == 0xA1B2C3D4 else ">"
            at = 24
        while at + 16 <= len(data):
            seconds, micros, captured, _wire = struct.unpack_from(self._order + "IIII", data, at)
            if at + 16 + captured > len(data):
                break
            packet = parse(seconds * 1000000 + micros, data[at + 16:at + 16 + captured])
            if packet:
                self.packets.append(packet)
            at += 16 + captured
        self._offset += at
        return self.packets


def parse(t, frame):
    """A frame of Ethernet as a Packet; None when it is not IP."""
    kind, at = int.from_bytes(frame[12:14], "big"), 14
    while kind in (0x8100, 0x88A8):
        kind, at = int.from_bytes(frame[at + 2:at + 4], "big"), at + 4
    if kind == 0x0800 and len(frame) >= at + 20:
        proto = frame[at + 9]
        src = socket.inet_ntop(socket.AF_INET, frame[at + 12:at + 16])
        dst = socket.inet_ntop(socket.AF_INET, frame[at + 16:at + 20])
        later_fragment = int.from_bytes(frame[at + 6:at + 8], "big") & 0x1FFF
        at += (frame[at] & 15) * 4
    elif kind == 0x86DD and len(frame) >= at + 40:
        proto = frame[at + 6]
        src = socket.inet_ntop(socket.AF_INET6, frame[at + 8:at + 24])
        dst = socket.inet_ntop(socket.AF_INET6, frame[at + 24:at + 40])
        at += 40
        later_fragment = 0
        while proto in _EXTENSIONS + (_FRAGMENT,) and len(frame) >= at + 8:
            if proto == _FRAGMENT:
                later_fragment = int.from_bytes(frame[at + 2:at + 4], "big") >> 3
                proto, at = frame[at], at + 8
            else:
                proto, at = frame[at], at + (frame[at + 1] + 1) * 8
    else:
        return None
    sport = dport = flags = 0
    if not later_fragment and proto in (TCP, UDP, SCTP) and len(frame) >= at + 4:
        sport, dport = struct.unpack_from(">HH", frame, at)
        if proto == TCP and len(frame) >= at + 14:
            flags = frame[at + 13]
    return Packet(t, src, dst, proto, sport, dport, flags, None if later_fragment else at)


def same(a, b):
    """Do two texts name one address?"""
    return ipaddress.ip_address(a) == ipaddress.ip_address(b)


def decided(packets, event):
    """
    Of these packets of an attack, those that had come when `event` was decided. That moment is the
    event's timestamp, or the packet that the event names where the capture's clock puts that one
    later: the larger count holds.
    """
    last = -1
    for i, packet in enumerate(packets):
        if packet.t <= event.t:
            last = i
    named = [i for i, p in enumerate(packets)
             if p.sport == event.data.get("src_port") and p.dport == event.data.get("dest_port")
             and p.dst == event.data.get("dest_ip") and abs(p.t - event.t) < 5000]
    if named:
        last = max(last, min(named, key=lambda i: abs(packets[i].t - event.t)))
    return packets[:last + 1]


def failed_contacts(packets, attacker, own, served, event):
    """
    The distinct (address, protocol, port) of the device that do not serve and that `attacker` had
    tried when `event` was decided.
    """
    tried = [p for p in packets if p.src == attacker and p.dst in own and p.proto in (TCP, UDP)]
    return sorted({(p.dst, p.proto, p.dport) for p in decided(tried, event)
                   if (p.proto, p.dport) not in served})
