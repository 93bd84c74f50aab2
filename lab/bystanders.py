# SPDX-License-Identifier: GPL-2.0-or-later
"""
Hosts that others abuse: `bystanders.py idle ADDRESS` refuses every TCP segment, and counts its packets
up in their IP identification, by raw sockets in a namespace whose kernel is muted (socket mark 7
passes); `bystanders.py ftp ADDRESS` is an FTP server that connects wherever PORT says (RFC 959; the
attack: CERT CA-1997-27).
"""

import itertools
import socket
import struct
import sys

RST, SYN, ACK = 0x04, 0x02, 0x10
PORT_S = 2  # that a connection may take


def _checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _refusal(own, peer, segment, number):
    """RFC 9293 §3.10.7.1: with the number that was acknowledged, or with ACK of what was sent."""
    sport, dport, seq, ack = struct.unpack_from(">HHII", segment)
    if segment[13] & ACK:
        numbers = (ack, 0, RST)
    else:
        numbers = (0, (seq + bool(segment[13] & SYN)) & 0xFFFFFFFF, RST | ACK)

    def tcp(checksum):
        return struct.pack(">HHIIBBHHH", dport, sport, *numbers[:2], 5 << 4, numbers[2], 0,
                           checksum, 0)
    pseudo = own + peer + struct.pack(">HH", 6, 20)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, number, 0, 64, 6, 0) + own + peer
    return ip + tcp(_checksum(pseudo + tcp(0)))


def idle(address):
    own = socket.inet_aton(address)
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)
    for number in itertools.count(1000):
        while True:
            packet, peer = sock.recvfrom(2048)
            segment = packet[(packet[0] & 15) * 4:]
            if packet[16:20] == own and len(segment) >= 20 and not segment[13] & RST:
                break
        sock.sendto(_refusal(own, socket.inet_aton(peer[0]), segment, number % 65535 + 1), peer)


def _reachable(target):
    try:
        socket.create_connection(target, PORT_S).close()
    except OSError:
        return False
    return True


def _session(lines, say):
    target = None
    say("220 ready")
    for line in lines:
        verb, _, rest = line.strip().partition(" ")
        if verb == "PORT":
            numbers = [int(n) for n in rest.split(",")]
            target = (".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5])
            say("200 PORT command successful")
        elif verb == "LIST" and target:
            if _reachable(target):
                say("150 Opening connection")
                say("226 Transfer complete")
            else:
                say("425 Cannot open connection")
        elif verb == "QUIT":
            say("221 Goodbye")
            return
        else:
            say({"USER": "331 Password required", "PASS": "230 Logged in"}.get(verb, "502 No"))


def ftp(address):
    with socket.create_server((address, 21)) as server:
        while True:
            connection, _peer = server.accept()
            with connection, connection.makefile("rw", encoding="latin-1", newline="\r\n") as file:
                try:
                    _session(file, lambda text, file=file: (file.write(text + "\r\n"),
                                                            file.flush()))
                except OSError:
                    pass


if __name__ == "__main__":
    {"idle": idle, "ftp": ftp}[sys.argv[1]](sys.argv[2])
