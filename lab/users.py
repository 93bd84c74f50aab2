# SPDX-License-Identifier: GPL-2.0-or-later
"""
What ordinary users do that a sensor could take for a scan:

  users.py connect ADDRESS PORT...   opens all ports at once; prints how many were
  users.py ask ADDRESS PORT...       asks UDP ports one by one; prints how many answered
  users.py late COUNT PORT           a server on a UDP port that answers COUNT questions, late
  users.py forget ADDRESS PORT COUNT asks a UDP port from COUNT sockets and waits for no answer
"""

import selectors
import socket
import sys
import time

WAIT_S = 5  # for an answer


def _socket(address, kind):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)


def connect(address, *ports):
    """As a browser does that opens a page of many services."""
    selector, opened = selectors.DefaultSelector(), 0
    for port in ports:
        sock = _socket(address, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex((address, int(port)))
        selector.register(sock, selectors.EVENT_WRITE)
    deadline = time.monotonic() + WAIT_S
    while selector.get_map() and time.monotonic() < deadline:
        for key, _mask in selector.select(0.1):
            opened += key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            selector.unregister(key.fileobj)
    return opened


def ask(address, *ports):
    answered = 0
    with _socket(address, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT_S)
        for port in ports:
            sock.sendto(b"question", (address, int(port)))
            answered += sock.recv(64) == b"question"
            time.sleep(0.1)
    return answered


def late(count, port):
    """Slower than who asks has patience; ICMP is limited in rate, so the answers are spread."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", int(port)))
        sock.settimeout(WAIT_S)
        questions = [sock.recvfrom(64) for _ in range(int(count))]
        time.sleep(0.5)
        for data, peer in questions:
            sock.sendto(data, peer)
            time.sleep(0.25)
    return len(questions)


def forget(address, port, count):
    for _ in range(int(count)):
        with _socket(address, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"question", (address, int(port)))
    return count


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
