# SPDX-License-Identifier: GPL-2.0-or-later
"""
Floods of few packets: connections held open that ask slowly or never (slowhttptest's slowloris), and
handshakes that are begun and never finished until a backlog is full.
"""

import subprocess
import sys
import time

import case
import cases_flood
import device
import flood_kinds
import flood_run
import net
from case import check

HELD, HALF_OPEN = "held", "half-open"
HELD_S, HALF_OPEN_S = 45, 45  # to be found
CLOSED_S = 90  # of a slow flood, whose last connection may stay for long
CASE_S = 200
CONNECTIONS = 300
BACKLOG_PORT = 8099  # of 64 handshakes
SLOW = {  # command lines that hold connections to a host's port 80
    "headers": lambda source, target, host: [
        "slowhttptest", "-H", "-i", 8, "-x", 24, "-c", CONNECTIONS, "-r", 50, "-l", HELD_S + 10, "-u",
        f"http://{host}/"],
    "nothing": lambda source, target, host: [
        sys.executable, "-B", device.HERE + "/habits.py", "idle", source, target, device.HTTP,
        CONNECTIONS, HELD_S + 10],
}


def _group(family):
    def shared():
        with net.Network() as network:
            # A handshake is given up after 15 s instead of 63, so that the end comes sooner.
            network.device.sysctl("net.ipv4.tcp_synack_retries", 3)
            lab = flood_run.FloodLab(network, family, "client")
            network.device.popen([sys.executable, "-B", device.HERE + "/servers.py", "tcp",
                                  BACKLOG_PORT])
            net.wait_for(lambda: device.listening(network.device, 6, BACKLOG_PORT), 5, "the server")
            yield lab
            lab.stop()
    return shared


def _found(lab, technique, port, began, seconds):
    """The event that opens such a flood, in time; all others are wrong."""
    def look():
        return next((e for told, e in list(lab.teller.told) if told >= began
                     and flood_run.is_flood(e, "start") and e.finding["technique"] == technique), None)
    event = net.wait_for(look, seconds, f"a finding of {technique}")
    check(event.data.get("dest_port") == port, f"port {event.data.get('dest_port')}, not {port}")
    others = [str(e) for told, e in lab.teller.told if told >= began and e is not event
              and e.finding.get("phase") == "start"]
    check(not others, f"also said: {others[:3]}")
    return event


def _closed(lab, event, ended):
    number = event.finding["finding"]
    net.wait_for(lambda: any(flood_run.is_flood(e, "end") and e.finding["finding"] == number
                             for _told, e in list(lab.teller.told)), CLOSED_S, "its end")
    return f"{event}; closed {time.time() - ended:.0f} s after the end"


def held_case(make, family):
    def run(lab, say):
        cases_flood.needs("slowhttptest")
        attacker, address, target = lab.network.new_attacker("near", family)
        host = f"[{target}]" if family == 6 else target
        began = time.time()
        process = attacker.popen(make(address, target, host), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            event = _found(lab, HELD, device.HTTP, began, HELD_S)
        finally:
            process.terminate()
            process.wait(5)
        say(f"{address}: {event}, after {time.time() - began:.1f} s")
        check(event.is_peer(address), f"accused is {event.peer}, not {address}")
        return _closed(lab, event, time.time())
    return run


def half_open_case(source, rate, family):
    """SYNs from addresses that never answer: far too few for a flood of SYNs."""
    def run(lab, say):
        cases_flood.needs()
        target = lab.network.device_addresses(family, "near")[0]
        began = time.time()
        process = lab.network.near.popen(
            [device.bench_tool("flood"), "-i", "eth0", "-m", lab.network.device.mac(), "-d", target,
             "-p", BACKLOG_PORT, "-s", source, "-r", rate, "-n", rate * CASE_S,
             "-S", time.time_ns() % 1000003], stdout=subprocess.DEVNULL)
        try:
            event = _found(lab, HALF_OPEN, BACKLOG_PORT, began, HALF_OPEN_S)
        finally:
            process.terminate()
            process.wait(5)
        say(f"{event}, after {time.time() - began:.1f} s")
        return _closed(lab, event, time.time())
    return run


def declare():
    for family in (4, 6):
        group = f"flood-slow-{family}"
        case.group(group)(_group(family))
        for name, make in SLOW.items():
            case.add(f"slow-{name}-{family}", group, held_case(make, family), CASE_S)
        one = "203.0.113.77" if family == 4 else "2001:db8:bad::77"
        prefix = flood_kinds.PREFIX if family == 4 else flood_kinds.PREFIX6
        for name, source in ("one", one), ("prefix", prefix):
            case.add(f"half-open-{name}-{family}", group, half_open_case(source, 15, family), CASE_S)


declare()
