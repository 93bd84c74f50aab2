# SPDX-License-Identifier: GPL-2.0-or-later
"""
What people's programs do over TCP, inside a namespace. Each prints how often it worked.

  habits.py browse FROM TO PORT      a page: parallel connections, kept alive, some never used
  habits.py retry FROM TO PORT N MS  connects again and again, each time from another port
  habits.py hold FROM TO PORT N S    holds N connections open for S seconds
  habits.py insist S FROM TO PORT N  N clients fetch a page again and again for S seconds
  habits.py contacts FROM PORT TO... one connection to each, none of which answers

The verbs of habits_udp.py, habits_raw.py and habits_bulk.py are known here as well.
"""

import concurrent.futures
import contextlib
import random
import socket
import struct
import sys
import time

import habits_bulk
import habits_raw
import habits_udp

REQUEST = b"GET / HTTP/1.1\r\nHost: device\r\n\r\n"


def opened(source, target, port, timeout_s=3):
    return socket.create_connection((target, int(port)), timeout_s, (source, 0))


def _fetch(sock):
    sock.sendall(REQUEST)
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = sock.recv(4096)
        if not chunk:
            raise OSError("closed")
        head += chunk
    body = head.split(b"\r\n\r\n", 1)[1]
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                  if line.lower().startswith(b"content-length"))
    while len(body) < length:
        body += sock.recv(4096)


def _slam(sock):
    """Closes as browsers do that are in a hurry: RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _connection(source, target, port, number):
    sock = opened(source, target, port)
    if number % 5 == 3:  # a preconnect that nothing came to use
        time.sleep(random.uniform(0, 0.5))
        sock.close()
        return 1
    for _ in range(1 + number % 4):
        _fetch(sock)
        time.sleep(random.uniform(0, 0.2))
    if number % 5 == 4:
        sock.sendall(REQUEST)
        _slam(sock)  # the user went on to another page
    else:
        sock.close()
    return 1


def browse(source, target, port):
    done = 0
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        for batch in 6, 30, 12:
            jobs = [pool.submit(_connection, source, target, port, n) for n in range(batch)]
            done += sum(job.result() for job in jobs)
    return done


def retry(source, target, port, count, pause_ms):
    refused = 0
    for _ in range(int(count)):
        try:
            opened(source, target, port, 0.3).close()
        except OSError:
            refused += 1
        time.sleep(int(pause_ms) / 1000)
    return refused


def hold(source, target, port, count, seconds):
    socks = [opened(source, target, port) for _ in range(int(count))]
    time.sleep(float(seconds))
    alive = 0
    for number, sock in enumerate(socks):
        with contextlib.suppress(OSError):
            sock.sendall(REQUEST)
            alive += 1
        (_slam if number % 2 else socket.socket.close)(sock)
    return alive


def _insists(deadline, source, target, port):
    done = 0
    while time.monotonic() < deadline:
        try:
            with opened(source, target, port, 1) as sock:
                _fetch(sock)
                done += 1
        except OSError:
            pass
        time.sleep(0.05)
    return done


def insist(seconds, source, target, port, count):
    deadline = time.monotonic() + float(seconds)
    with concurrent.futures.ThreadPoolExecutor(int(count)) as pool:
        jobs = [pool.submit(_insists, deadline, source, target, port) for _ in range(int(count))]
        return sum(job.result() for job in jobs)


def contacts(source, port, *targets):
    socks = []
    for target in targets:
        sock = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET)
        if source != "any":
            sock.bind((source, 0))
        sock.setblocking(False)
        sock.connect_ex((target, int(port)))
        socks.append(sock)
        time.sleep(0.1)
    time.sleep(2)
    return sum(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 for sock in socks)


if __name__ == "__main__":
    VERBS = {**vars(habits_udp), **vars(habits_raw), **vars(habits_bulk), **globals()}
    print(VERBS[sys.argv[1]](*sys.argv[2:]))
