# SPDX-License-Identifier: GPL-2.0-or-later
"""
Small servers: `servers.py udp PORT...` echoes; `servers.py tcp PORT...` greets and closes;
`servers.py slow MS PORT...` accepts TCP connections after so many milliseconds, as a distant or
busy machine does: by raw sockets, in a namespace that sends no RST.
"""

import heapq
import select
import selectors
import socket
import struct
import sys
import time

SYN, SYN_ACK = 0x02, 0x12


def _checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _syn_ack(own, peer, sport, dport, sequence):
    def header(checksum):
        return struct.pack(">HHIIBBHHH", dport, sport, 1, (sequence + 1) & 0xFFFFFFFF, 5 << 4,
                           SYN_ACK, 65535, checksum, 0)
    tcp = header(0)
    pseudo = socket.inet_aton(own) + socket.inet_aton(peer) + struct.pack(">HH", 6, len(tcp))
    return header(_checksum(pseudo + tcp))


def slow(delay_s, ports):
    v4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    v6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_TCP)
    v6.setsockopt(socket.IPPROTO_IPV6, 7, 16)  # IPV6_CHECKSUM: the kernel fills it in
    waiting = []
    while True:
        wait_s = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for sock in select.select([v4, v6], [], [], wait_s)[0]:
            data, peer = sock.recvfrom(2048)
            own = "0.0.0.0"
            if sock is v4:
                own, data = socket.inet_ntoa(data[16:20]), data[(data[0] & 15) * 4:]
            sport, dport, sequence = struct.unpack_from(">HHI", data)
            if dport in ports and data[13] & SYN_ACK == SYN:
                due = time.monotonic() + delay_s
                answer = _syn_ack(own, peer[0] if sock is v4 else "0.0.0.0", sport, dport, sequence)
                heapq.heappush(waiting, (due, len(waiting), sock is v4, peer[0], answer))
        while waiting and waiting[0][0] <= time.monotonic():
            _due, _order, is_v4, peer, answer = heapq.heappop(waiting)
            (v4 if is_v4 else v6).sendto(answer, (peer, 0))


def main():
    if sys.argv[1] == "slow":
        slow(int(sys.argv[2]) / 1000, set(map(int, sys.argv[3:])))
    kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
    selector = selectors.DefaultSelector()
    for port in map(int, sys.argv[2:]):
        server = socket.socket(socket.AF_INET6, kind)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.SOCK_DGRAM:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        server.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            server.listen(64)
        selector.register(server, selectors.EVENT_READ)
    while True:
        for key, _mask in selector.select():
            try:
                if kind == socket.SOCK_DGRAM:
                    # Answered from the address that was asked: the device has many.
                    data, about, _flags, peer = key.fileobj.recvmsg(2048, 256)
                    key.fileobj.sendmsg([data], about, 0, peer)
                else:
                    connection, _peer = key.fileobj.accept()
                    connection.sendall(b"hello\n")
                    connection.close()
            except OSError:
                pass


if __name__ == "__main__":
    main()
