# SPDX-License-Identifier: GPL-2.0-or-later
"""
What moves much: cameras, downloads, crowds. habits.py runs them, inside namespaces alone.

  serve_stream ADDRESS PORT MBIT BYTES S   datagrams to everyone who asked, as cameras and QUIC servers send
  take_stream FROM TO PORT EVERY S         asks, and answers every so many datagrams; prints how many came
  hear_stream ADDRESS PORT S               receives what others push; prints how many came
  push_stream FROM TO PORT MBIT BYTES S    sends unasked
  serve_bytes ADDRESS PORT MB S            sends so much to everyone who connects, by TCP
  take_bytes FROM TO PORT COUNT            so many downloads one after the other; prints the megabytes
  take_often FROM TO PORT EVERY_S S        one after so many seconds, again and again
  crowd PREFIX TO PORT COUNT S             COUNT clients of a /16 ask for a page within S seconds, each
                                           again after a second when it is refused; prints how many had it
  stay FROM TO PORT COUNT S                COUNT connections ask for a page each, and stay; prints how many did
  idle FROM TO PORT COUNT S                COUNT connections stay and never ask
  peer_serve ADDRESS PORT S                a peer that answers every datagram; prints how many came
  peer_ask PREFIX TO PORT PEERS RATE S     peers of a /16, each with so many datagrams a second, and answers
"""

import concurrent.futures
import ipaddress
import selectors
import contextlib
import socket
import time

TICK_S = 0.005
CHUNK = b"\0" * 65536
REQUEST = b"GET / HTTP/1.0\r\nHost: device\r\n\r\n"


def _bound(address, port=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((address, int(port)))
    return sock


def _paced(send, mbit, size, seconds):
    """Calls send() at the rate, until the time is up; how often."""
    per_s, sent = float(mbit) * 125000 / int(size), 0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < float(seconds):
        while sent < passed * per_s:
            send()
            sent += 1
        time.sleep(TICK_S)
    return sent


def serve_stream(address, port, mbit, size, seconds):
    payload, askers = b"\x80" * int(size), {}
    with _bound(address, port) as sock:
        sock.settimeout(10)
        askers[sock.recvfrom(2048)[1]] = True
        sock.setblocking(False)

        def send():
            for asker in askers:
                try:
                    sock.sendto(payload, asker)
                except (BlockingIOError, ConnectionError):
                    pass
            try:
                askers[sock.recvfrom(2048)[1]] = True
            except (BlockingIOError, ConnectionError):
                pass
        return _paced(send, mbit, size, seconds)


def take_stream(source, target, port, every, seconds):
    came, until = 0, time.monotonic() + float(seconds)
    with _bound(source) as sock:
        sock.connect((target, int(port)))
        sock.settimeout(0.5)
        sock.send(b"SETUP")
        while time.monotonic() < until:
            try:
                sock.recv(65536)
                came += 1
            except (TimeoutError, ConnectionError):
                if not came:  # nobody has heard it yet
                    with contextlib.suppress(ConnectionError):
                        sock.send(b"SETUP")
                continue
            if came % int(every) == 0:
                sock.send(b"report")
    return came


def hear_stream(address, port, seconds):
    came, until = 0, time.monotonic() + float(seconds)
    with _bound(address, port) as sock:
        sock.settimeout(0.2)
        while time.monotonic() < until:
            try:
                sock.recv(65536)
                came += 1
            except TimeoutError:
                pass
    return came


def push_stream(source, target, port, mbit, size, seconds):
    payload = b"\x80" * int(size)
    with _bound(source) as sock:
        sock.connect((target, int(port)))

        def send():
            try:
                sock.send(payload)
            except ConnectionError:
                pass
        return _paced(send, mbit, size, seconds)


def serve_bytes(address, port, megabytes, seconds):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    served, until = 0, time.monotonic() + float(seconds)
    with socket.create_server((address, int(port)), family=family, backlog=64) as server:
        server.settimeout(0.2)
        while time.monotonic() < until:
            try:
                connection = server.accept()[0]
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(20)
                for _ in range(int(megabytes) * (1 << 20) // len(CHUNK)):
                    connection.sendall(CHUNK)
            served += 1
    return served


def take_bytes(source, target, port, count):
    total = 0
    for _ in range(int(count)):
        with socket.create_connection((target, int(port)), 5, (source, 0)) as sock:
            while chunk := sock.recv(1 << 18):
                total += len(chunk)
    return total >> 20


def take_often(source, target, port, every_s, seconds):
    total, until = 0, time.monotonic() + float(seconds)
    while time.monotonic() < until:
        total += take_bytes(source, target, port, 1)
        time.sleep(float(every_s))
    return total


def _page(source, target, port):
    """As a client's program does whose server is just coming back: again after a second."""
    for _ in range(6):
        try:
            with socket.create_connection((target, int(port)), 3, (source, 0)) as sock:
                sock.sendall(REQUEST)
                if sock.recv(4096).startswith(b"HTTP/1.1 200"):
                    while sock.recv(4096):
                        pass
                    return 1
        except OSError:
            pass
        time.sleep(1)
    return 0


def _hosts(prefix, count):
    """So many addresses of an IPv4 /16, or of as many /64 of an IPv6 /48."""
    base = ipaddress.ip_network(prefix).network_address
    return [str(base + (n * 61 % 65000 + 256 if base.version == 4 else (n << 64) + 7 * n + 2))
            for n in range(1, int(count) + 1)]


def crowd(prefix, target, port, count, seconds):
    def late(number_and_host):
        number, host = number_and_host
        time.sleep(number % 50 / 50 * float(seconds))
        return _page(host, target, port)

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        return sum(pool.map(late, enumerate(_hosts(prefix, count))))


def stay(source, target, port, count, seconds, request=b"GET / HTTP/1.1\r\nHost: device\r\n\r\n"):
    socks = []
    for _ in range(int(count)):
        sock = socket.create_connection((target, int(port)), 5, (source, 0))
        socks.append(sock)
        if request:
            sock.sendall(request)
            sock.recv(4096)
    time.sleep(float(seconds))
    return len(socks)


def idle(source, target, port, count, seconds):
    return stay(source, target, port, count, seconds, None)


def peer_serve(address, port, seconds):
    came, until = 0, time.monotonic() + float(seconds)
    with _bound(address, port) as sock:
        sock.settimeout(0.2)
        while time.monotonic() < until:
            try:
                data, peer = sock.recvfrom(2048)
                sock.sendto(data, peer)
                came += 1
            except (TimeoutError, ConnectionError):
                pass
    return came


def peer_ask(prefix, target, port, peers, rate, seconds):
    selector, sockets, answered = selectors.DefaultSelector(), [], 0
    for host in _hosts(prefix, peers):
        sock = _bound(host)
        sock.connect((target, int(port)))
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        sockets.append(sock)
    began, sent = time.monotonic(), 0
    per_s = len(sockets) * float(rate)
    while (passed := time.monotonic() - began) < float(seconds):
        while sent < passed * per_s:
            sockets[sent % len(sockets)].send(b"d1:ad2:id20:" + b"x" * 200)
            sent += 1
        for key, _mask in selector.select(TICK_S):
            try:
                key.fileobj.recv(2048)
                answered += 1
            except OSError:
                pass
    return answered
