# SPDX-License-Identifier: GPL-2.0-or-later
"""
Packets that no socket would send: what strangers get for somebody who forges the device's address,
and what routers say. habits.py runs them, inside namespaces alone.

  backscatter TO FROM...     SYN/ACK, RST, unreachables and UDP answers, from each address
  too_big TO FROM            path MTU messages about connections that the device may have
  unplug TO FROM SPORT PORT...  FIN and data of connections that the device has forgotten
"""

import random
import socket
import struct
import time

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
SYN_ACK, RST, RST_ACK, FIN_ACK, PSH_ACK = 0x12, 0x04, 0x14, 0x11, 0x18
SERVED = 80, 443, 53, 22, 25


def _sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ip(source, target, proto, payload, ttl=57):
    """A whole packet of either family."""
    src, dst = _packed(source), _packed(target)
    if len(src) == 16:
        return struct.pack(">IHBB", 6 << 28, len(payload), proto, ttl) + src + dst + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), random.randrange(1, 65536), 0x4000,
                       ttl, proto, 0) + src + dst
    return head[:10] + struct.pack(">H", _sum(head)) + head[12:] + payload


def _summed(source, target, proto, segment, at):
    src, dst = _packed(source), _packed(target)
    total = _sum(src + dst + struct.pack(">II", len(segment), proto) + segment)
    return segment[:at] + struct.pack(">H", total) + segment[at + 2:]


def tcp(source, target, sport, port, flags, seq=None, ack=None, data=b""):
    segment = struct.pack(">HHIIBBHHH", sport, port, seq or random.getrandbits(32),
                          ack or random.getrandbits(32), 0x50, flags, 64240, 0, 0) + data
    return ip(source, target, TCP, _summed(source, target, TCP, segment, 16))


def udp(source, target, sport, port, data):
    segment = struct.pack(">HHHH", sport, port, 8 + len(data), 0) + data
    return ip(source, target, UDP, _summed(source, target, UDP, segment, 6))


def icmp(source, target, kind, code, rest, quoted):
    message = struct.pack(">BBHI", kind, code, 0, rest) + quoted
    if ":" in source:
        return ip(source, target, ICMP6, _summed(source, target, ICMP6, message, 2))
    return ip(source, target, ICMP, message[:2] + struct.pack(">H", _sum(message)) + message[4:])


class Wire:
    """Sends whole packets, whoever they say they are from."""

    def __init__(self):
        self.v4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.v6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, target, packet):
        (self.v6 if ":" in target else self.v4).sendto(packet, (target, 0))


# What amplifiers answer: (port, payload).
REFLECTED = (
    (53, b"\x12\x34\x85\x80\0\1\0\1\0\0\0\0\7example\3com\0\0\x10\0\1" + bytes(300)),
    (123, b"\xd7\0\3\x2a\0\6\0\x48" + bytes(432)),
    (1900, b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"),
    (11211, b"\0\0\0\0\0\1\0\0VALUE a 0 300\r\n" + b"x" * 300),
)


def _ephemeral():
    return random.randrange(32768, 61000)


def backscatter(target, *sources):
    wire = Wire()
    for number, source in enumerate(sources):
        service = SERVED[number % len(SERVED)]
        for _ in range(1 + number % 4):
            port = random.choice((_ephemeral(), random.randrange(1024, 65535)))
            forged = tcp(target, source, port, service, 0x02)[:28 if "." in target else 48]
            answers = (
                lambda p=port: tcp(source, target, service, p, SYN_ACK),
                lambda p=port: tcp(source, target, service, p, RST_ACK),
                lambda p=port: tcp(source, target, service, p, RST),
                lambda f=forged: icmp(source, target, *((1, 4) if ":" in source else (3, 3)), 0, f),
                lambda p=port: udp(source, target, REFLECTED[number % 4][0], p,
                                   REFLECTED[number % 4][1]))
            wire.send(target, answers[number % len(answers)]())
        time.sleep(0.005)
    return len(sources)


def too_big(target, source):
    wire = Wire()
    for number in range(12):
        quoted = tcp(target, source, _ephemeral() if number % 2 else 80, 443, PSH_ACK)
        kind, code, rest = (2, 0, 1280) if ":" in target else (3, 4, 1400)
        wire.send(target, icmp(source, target, kind, code, rest, quoted[:48]))
        time.sleep(0.02)
    return 12


def unplug(target, source, sport, *ports):
    wire = Wire()
    for number, port in enumerate(map(int, ports)):
        for flags in (PSH_ACK, 0x10, FIN_ACK):
            wire.send(target, tcp(source, target, int(sport) + number, port, flags,
                                  data=b"x" if flags == PSH_ACK else b""))
            time.sleep(0.05)
    return len(ports)
