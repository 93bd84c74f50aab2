# SPDX-License-Identifier: GPL-2.0-or-later
"""
Probes as other tools send them, from addresses that need not be the sender's own. For namespaces.

`probes.py STYLE DELAY_S [+]SOURCES TARGETS PORTS` sends one SYN for each combination of the lists (with
commas between): the ports of the first source to the first target come first. With "+" before them,
each source takes one port, as one scanner does who changes its address with every probe. A style says
by what a tool's SYN is known (published sources of masscan, zmap, hping and Mirai).
"""

import random
import socket
import struct
import sys
import time

IPV6_HDRINCL = 36  # linux/in6.h; Python has no name for it
MSS = bytes([2, 4, 5, 0xB4])
# As connect(2) of Linux: MSS, SACK permitted, timestamps, NOP, window scale.
LINUX = MSS + bytes([4, 2, 8, 10]) + b"\0\1\2\3\0\0\0\0" + bytes([1, 3, 3, 7])

# Of a style: (TTL, window, options). IP id and sequence number are below.
STYLES = {
    "nmap": (54, 1024, MSS),
    "masscan": (255, 1024, b""),
    "zmap": (255, 65535, b""),
    "hping": (64, 512, b""),
    "mirai": (64, 29200, b""),
    "linux": (64, 64240, LINUX),
}


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ip_id(style, dst, dport, seq):
    if style == "zmap":
        return 54321
    if style == "masscan":
        return (int.from_bytes(dst[-4:], "big") ^ dport ^ seq) & 0xFFFF
    return random.randrange(1, 65536)


def syn(style, src, dst, sport, dport):
    """The whole datagram; src and dst are packed addresses of one family."""
    ttl, window, options = STYLES[style]
    seq = int.from_bytes(dst[:4], "big") if style == "mirai" else random.getrandbits(32)
    length = 20 + len(options)

    def tcp(check):
        return struct.pack(">HHIIBBHHH", sport, dport, seq, 0, length // 4 << 4, 2, window, check,
                           0) + options

    if len(src) == 16:
        pseudo = src + dst + struct.pack(">IHBB", length, 0, 0, 6)
        head = struct.pack(">IHBB", 6 << 28, length, 6, ttl) + src + dst
    else:
        pseudo = src + dst + struct.pack(">BBH", 0, 6, length)
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + length, ip_id(style, dst, dport, seq), 0,
                           ttl, 6, 0, src, dst)  # the kernel fills in the checksum
    return head + tcp(checksum(pseudo + tcp(0)))


def packed(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def main():
    style, delay_s, sources, targets, ports = sys.argv[1:]
    one_each = sources.startswith("+")
    sources = [packed(s) for s in sources.lstrip("+").split(",")]
    targets = [(t, packed(t)) for t in targets.split(",")]
    ports = [int(p) for p in ports.split(",")]
    if one_each:
        order = [(s, targets[0], p) for s, p in zip(sources, ports)]
    else:
        order = [(s, t, p) for s in sources for t in targets for p in ports]
    v6 = len(sources[0]) == 16
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                         socket.IPPROTO_RAW)
    sock.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP,
                    IPV6_HDRINCL if v6 else socket.IP_HDRINCL, 1)
    for source, (text, target), port in order:
        sock.sendto(syn(style, source, target, random.randrange(32768, 61000), port), (text, 0))
        time.sleep(float(delay_s))


if __name__ == "__main__":
    main()
