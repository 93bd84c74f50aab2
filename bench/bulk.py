# SPDX-License-Identifier: GPL-2.0-or-later
"""Bulk traffic between the two ends of the bench's wire: ordinary, and floods that look like it."""

import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab"))

import device  # pylint: disable=wrong-import-position
import net  # pylint: disable=wrong-import-position
import usage  # pylint: disable=wrong-import-position

SECONDS = 10
IPERF = 5201
ECHO = 2200
HOST = "10.9.0.1"
PEER = "10.9.0.2"


def _iperf(server, client, address, *options):
    process = server.popen(["iperf3", "-s", "-1", "-B", address, "-p", IPERF],
                           stdout=subprocess.DEVNULL)
    try:
        net.wait_for(lambda: device.listening(server, 6, IPERF), 5, "iperf3")
        client.run(["iperf3", "-c", address, "-p", IPERF, *options])
    finally:
        process.kill()
        process.wait()


def download(wire):
    """100 MB at 100 Mbit/s over TCP."""
    _iperf(wire.sender, wire.device, PEER, "-R", "-n", "100M", "-b", "100M")


def stream(wire):
    """A UDP stream of 20 Mbit/s that comes in: 1,700 datagrams a second."""
    _iperf(wire.device, wire.sender, HOST, "-u", "-b", "20M", "-t", SECONDS, "-l", "1448")


def fast_stream(wire):
    """Likewise 200 Mbit/s."""
    _iperf(wire.device, wire.sender, HOST, "-u", "-b", "200M", "-t", SECONDS, "-l", "1448")


ECHOES = f"""
import socket
with socket.create_server(("{HOST}", {ECHO})) as server:
    peer = server.accept()[0]
    while data := peer.recv(1024):
        peer.sendall(data)
"""
KEYS = f"""
import socket, time
with socket.create_connection(("{HOST}", {ECHO})) as peer:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range({SECONDS * 5}):
        peer.sendall(b"k" * 36)
        peer.recv(1024)
        time.sleep(0.2)
"""


def session(wire):
    """As of ssh: five keys a second, each echoed."""
    server = wire.device.popen([sys.executable, "-c", ECHOES])
    try:
        net.wait_for(lambda: device.listening(wire.device, 6, ECHO), 5, "the echo server")
        wire.sender.run([sys.executable, "-c", KEYS])
    finally:
        server.kill()
        server.wait()


def silence(_wire):
    """Nothing."""
    time.sleep(SECONDS)


def _flood(kind, port, rate=100000, count=200000):
    def send(wire):
        wire.sender.run([device.bench_tool("flood"), "-i", "eth0", "-m", wire.device.mac(), "-k", kind,
                         "-d", HOST, "-p", port, "-n", count, "-r", rate])
    send.__name__ = f"{kind} flood of port {port}, {rate}/s"
    return send


ACTS = (silence, session, download, stream, fast_stream, _flood("ack", 80), _flood("udp", 40000),
        _flood("udp", 40000, 300, 1500))


def measure(wire, act, one_in):
    """A row: what the sensor costs meanwhile, and until it is quiet again. one_in 0: no samples."""
    wire.sender.run(["nft", "flush", "ruleset"])  # what the device acknowledges has to arrive
    sensor = device.Sensor(wire.device, net.directory(),
                           sections={"sensor": {"source": "packet"}, "flood": {"sample_first": one_in}})
    try:
        time.sleep(1)
        cpu0, wake0 = usage.cpu(sensor.pids())
        before, began = wire.received(), time.monotonic()
        act(wire)
        seconds, packets = time.monotonic() - began, wire.received() - before
        time.sleep(4)
        cpu1, wake1 = usage.cpu(sensor.pids())
    finally:
        sensor.stop()
    log = sensor.log()
    return {"traffic": act.__name__, "sample_first": one_in, "packets": packets,
            "seconds": round(seconds, 1), "cpu_ms": round((cpu1 - cpu0) * 1000, 2),
            "wakeups": wake1 - wake0, "samples": _count(log, "of them samples"),
            "lost": _count(log, "packets lost")}


def _count(log, what):
    return next((int(line.split()[0]) for line in log.splitlines() if what in line), 0)


def rows(wire):
    return [measure(wire, act, one_in) for act in ACTS for one_in in (0, 16)]
