# SPDX-License-Identifier: GPL-2.0-or-later
"""
What people's programs do over UDP; habits.py runs them.

  quic_serve ADDRESS PORT S       answers each Initial with a stream of packets, for S seconds
  quic_fetch FROM TO PORT N       N downloads, each moving to another source port on its way
  media_send FROM TO MS PORT...   streams to all ports for MS, whether or not anybody hears
  media_hear ADDRESS MS PORT...   hears each for MS from the first datagram on, then hangs up
  ask FROM TO PORT N MS           asks from N sockets, each waiting for MS
  late ADDRESS PORT N MS          answers N questions, each after MS
  shout PORT...                   broadcasts on the link, to each port
  tell FROM TO PORT...            one datagram to each port
  ssdp_serve ADDRESS S            a thing that tells each search of itself, three times
  ssdp_search FROM N              N searches, each from a port of its own
  sntp_serve ADDRESS S            an NTP server
  sntp FROM TO N                  N queries to one, from port 123 and from others
"""

import contextlib
import os
import random
import selectors
import socket
import struct
import time

QUIC_INITIAL, QUIC_SHORT = 0xC3, 0x43
PACKETS = 40  # of a download


def bound(address, port=0):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, int(port)))
    return sock


def _initial():
    return (struct.pack(">BI", QUIC_INITIAL, 1) + b"\x08" + os.urandom(8) + b"\x08" + os.urandom(8)
            ).ljust(1200, b"\0")


def quic_serve(address, port, seconds):
    """What is in flight when a client leaves arrives at a port that is closed by then."""
    deadline, served = time.monotonic() + float(seconds), 0
    streams = {}
    with bound(address, port) as sock:
        sock.settimeout(0.01)
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                data, peer = sock.recvfrom(2048)
                key = data[6:14] if data[0] == QUIC_INITIAL else data[1:9]
                served += data[0] == QUIC_INITIAL
                streams[key] = [peer, streams.get(key, [0, PACKETS])[1]]
            for key, stream in list(streams.items()):
                sock.sendto(bytes([QUIC_SHORT]) + key + os.urandom(900), stream[0])
                stream[1] -= 1
                if stream[1] <= 0:
                    del streams[key]
    return served


def quic_fetch(source, target, port, count):
    done = 0
    for _ in range(int(count)):
        sock, first = bound(source), _initial()
        sock.settimeout(2)
        sock.sendto(first, (target, int(port)))
        for number in range(PACKETS - 4):  # leaves before the end
            try:
                sock.recv(2048)
            except OSError:
                break
            if number == 10:  # a NAT, or the phone, takes another port
                moved = bound(source)
                moved.settimeout(2)
                moved.sendto(bytes([QUIC_SHORT]) + first[6:14], (target, int(port)))
                sock.close()
                sock = moved
            done += number == PACKETS - 5
        sock.close()
    return done


def media_send(source, target, on_ms, *ports):
    deadline, sent = time.monotonic() + int(on_ms) / 1000, 0
    with bound(source, 5004) as sock:
        while time.monotonic() < deadline:
            for port in ports:
                sock.sendto(b"\x80\x60" + os.urandom(170), (target, int(port)))
                sent += 1
            time.sleep(0.02)
    return sent


def media_hear(address, for_ms, *ports):
    socks, heard = [bound(address, port) for port in ports], 0
    for sock in socks:
        sock.settimeout(10)
        with contextlib.suppress(OSError):
            heard += len(sock.recv(2048)) > 0
    time.sleep(int(for_ms) / 1000)
    for sock in socks:
        sock.close()
    return heard


def ask(source, target, port, count, wait_ms):
    answered = 0
    for _ in range(int(count)):
        with bound(source) as sock:
            sock.settimeout(int(wait_ms) / 1000)
            sock.connect((target, int(port)))
            with contextlib.suppress(OSError):
                sock.send(b"question")
                answered += sock.recv(2048) == b"question"
    return answered


def late(address, port, count, after_ms):
    waiting, answered = [], 0
    with bound(address, port) as sock:
        sock.settimeout(0.05)
        deadline = time.monotonic() + 15
        while answered < int(count) and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                data, peer = sock.recvfrom(2048)
                waiting.append((time.monotonic() + int(after_ms) / 1000, data, peer))
            while waiting and waiting[0][0] <= time.monotonic():
                _due, data, peer = waiting.pop(0)
                sock.sendto(data, peer)
                answered += 1
    return answered


def shout(source, broadcast, *ports):
    with bound(source) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for port in ports:
            sock.sendto(os.urandom(60), (broadcast, int(port)))
    return len(ports)


def tell(source, target, *ports):
    with bound(source) as sock:
        for port in ports:
            sock.sendto(os.urandom(50), (target, int(port)))
            time.sleep(random.uniform(0, 0.05))
    return len(ports)


def ssdp_serve(address, seconds):
    deadline, served = time.monotonic() + float(seconds), 0
    with bound("239.255.255.250", 1900) as heard, bound(address, 1900) as answering:
        heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                         socket.inet_aton("239.255.255.250") + socket.inet_aton(address))
        heard.settimeout(0.1)
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                search, peer = heard.recvfrom(2048)
                for kind in ("rootdevice", "device", "service") * search.startswith(b"M-SEARCH"):
                    answering.sendto(f"HTTP/1.1 200 OK\r\nST: upnp:{kind}\r\n\r\n".encode(), peer)
                    served += 1
    return served


def ssdp_search(source, count):
    found = 0
    for _ in range(int(count)):
        with bound(source) as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
            sock.settimeout(0.3)
            sock.sendto(b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nMX: 1\r\n"
                        b"Man: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n",
                        ("239.255.255.250", 1900))
            with contextlib.suppress(OSError):
                while sock.recv(2048):
                    found += 1
    return found


def _ntp_answer(query):
    now = struct.pack(">II", int(time.time()) + 2208988800, 0)
    return bytes([0x24, 2, 6, 0xEC]) + bytes(12) + now + query[40:48] + now + now


def sntp_serve(address, seconds):
    deadline, served = time.monotonic() + float(seconds), 0
    selector = selectors.DefaultSelector()
    selector.register(bound(address, 123), selectors.EVENT_READ)
    while time.monotonic() < deadline:
        for key, _mask in selector.select(0.1):
            query, peer = key.fileobj.recvfrom(128)
            key.fileobj.sendto(_ntp_answer(query), peer)
            served += 1
    return served


def sntp(source, target, count):
    answered = 0
    for number in range(int(count)):
        with bound(source, 123 if number % 2 else 0) as sock:
            sock.settimeout(1)
            with contextlib.suppress(OSError):
                sock.sendto(b"\x23" + bytes(39) + os.urandom(8), (target, 123))
                answered += len(sock.recv(128)) == 48
    return answered
