# SPDX-License-Identifier: GPL-2.0-or-later
"""
The benign client: everything here is ordinary, and nothing of it may become an event.

`client.py DEVICE... -- KEY STATUS` talks to the device's addresses until it is killed and keeps
counts of what worked in the file STATUS, as JSON. It loads pages one by one and twenty at a time,
logs in over ssh with a key, looks at the ssh banner and leaves as a monitor does, pings, asks a
DNS-like UDP service, retries one dead service every second, and discovers the LAN as any PC does.
"""

import collections
import concurrent.futures
import json
import os
import socket
import subprocess
import sys
import threading
import time

COUNTS = collections.Counter()
DEAD_PORT = 7777
LAN_TCP = (445, 139, 5357, 631, 9100)
LAN_UDP = (137, 1900, 3702, 5353)


def http_get(device):
    with socket.create_connection((device, 80), 5) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\nHost: device\r\n\r\n")
        data = b""
        while chunk := sock.recv(4096):
            data += chunk
    if not data.startswith(b"HTTP/1.1 200"):
        raise OSError("no page")


def one_page(device):
    http_get(device)


def parallel_pages(device):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        for done in [pool.submit(http_get, device) for _ in range(20)]:
            done.result()


def monitor(device):
    with socket.create_connection((device, 22), 5) as sock:
        if not sock.recv(64).startswith(b"SSH-"):
            raise OSError("no banner")


def ssh_login(device, key):
    subprocess.run(["ssh", "-F", "none", "-i", key, "-o", "BatchMode=yes",
                    "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                    "-o", "ConnectTimeout=5", f"root@{device}", "true"],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True, timeout=15)


def udp_question(device):
    family = socket.AF_INET6 if ":" in device else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.connect((device, 53))
        sock.send(b"question")
        if sock.recv(64) != b"question":
            raise OSError("no answer")


def dead_service(device):
    try:
        socket.create_connection((device, DEAD_PORT), 0.9).close()
    except (ConnectionRefusedError, TimeoutError):
        return
    raise OSError("the dead service lives")


def lan_discovery(device):
    family = socket.AF_INET6 if ":" in device else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        for port in LAN_UDP:
            sock.sendto(b"M-SEARCH * HTTP/1.1\r\n\r\n", (device, port))
        index = socket.if_nametoindex("eth0")
        groups = ((("ff02::c", 1900, 0, index), ("ff02::fb", 5353, 0, index))
                  if family == socket.AF_INET6 else
                  (("239.255.255.250", 1900), ("224.0.0.251", 5353), ("224.0.0.252", 5355)))
        for group in groups:
            sock.sendto(b"M-SEARCH * HTTP/1.1\r\n\r\n", group)
    for port in LAN_TCP:
        try:
            socket.create_connection((device, port), 0.5).close()
        except OSError:
            pass


def forever(name, every_s, act, *args):
    while True:
        started = time.monotonic()
        try:
            act(*args)
            COUNTS[name] += 1
        except (OSError, subprocess.SubprocessError) as error:
            COUNTS["failed_" + name] += 1
            COUNTS["why: " + str(error)[:60]] += 1
        time.sleep(max(0.05, every_s - (time.monotonic() - started)))


def main():
    split = sys.argv.index("--")
    devices, (key, status) = sys.argv[1:split], sys.argv[split + 1:]
    for device in devices:
        subprocess.Popen(["busybox", "ping", "-q", device], stdout=subprocess.DEVNULL)
        for name, every_s, act, *args in (
                ("page", 0.5, one_page), ("parallel", 3, parallel_pages), ("monitor", 2, monitor),
                ("ssh", 4, ssh_login, key), ("udp", 0.5, udp_question),
                ("dead", 1, dead_service), ("lan", 5, lan_discovery)):
            threading.Thread(target=forever, args=(name, every_s, act, device, *args),
                             daemon=True).start()
    while True:
        time.sleep(0.1)
        with open(status + ".new", "w", encoding="utf-8") as file:
            json.dump(dict(COUNTS), file)
        os.rename(status + ".new", status)


if __name__ == "__main__":
    main()
