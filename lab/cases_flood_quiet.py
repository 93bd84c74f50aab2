# SPDX-License-Identifier: GPL-2.0-or-later
"""
What moves as much as a flood and is none: each act of life_bulk.py in turn, one after the other on a
device that slept before, judged by the sensor and by replays; and scans, which are scans and no floods.
"""

import subprocess
import time

import case
import flood_run
import life
import life_bulk  # noqa: F401 pylint: disable=unused-import
import net
import tools
from case import check

SCAN_S = 4
GROUP = "flood-quiet"


@case.group(GROUP)
def shared_quiet():
    with net.Network() as network:
        shared = life.Life(network)
        shared.watch()
        yield shared


def scan_case(make):
    """A fast scan is a scan, and no flood, however fast it is."""
    def run(shared, say):
        source, target = shared.neighbour("scans")[0], "10.7.0.1"
        sensor = shared.sensors[0]
        before = len(sensor.events())
        process = shared.near.popen(make(shared, source, target), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        try:
            process.wait(SCAN_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(5)
        time.sleep(1.5)
        new = sensor.events()[before:]
        floods = [str(e) for e in new if flood_run.is_flood(e)]
        say(f"{source}: {len(new)} events")
        check(not floods, f"a scan is called a flood: {floods[:3]}")
        check(any(e.finding.get("kind") == "scan" for e in new), "the scan is not found")
        return f"{new[0]}"
    return run


def _nmap(*options):
    def make(_shared, source, target):
        return tools.nmap(4, "-T5", target, extra=("-S", source, "-e", "eth0", *options))
    return make


def _masscan(rate):
    def make(shared, source, target):
        return ["masscan", "--adapter", "eth0", "--adapter-ip", source, "--adapter-mac",
                shared.near.mac(), "--router-mac", shared.device.mac(), "-p", "1-65535", "--rate",
                rate, "--wait", "0", "--range", target]
    return make


SCANS = {"nmap": _nmap("-sS", "-p-"), "nmap-connect": _nmap("-sT", "-p", "1-20000"),
         "nmap-udp": _nmap("-sU", "-F", "--max-retries", "1"), "masscan-1000": _masscan(1000),
         "masscan-10000": _masscan(10000)}


def quiet_at_last(shared, say):
    """As life.quiet_at_last(), but scanners are accused of scanning."""
    sensor = shared.sensors[0]
    check(sensor.stop() == 0, "the sensor's exit code is not 0")
    say(sensor.log().splitlines()[-1])
    floods = [str(e) for e in sensor.events() if flood_run.is_flood(e)]
    check(not floods, f"floods: {floods[:4]}")
    return "no flood was seen"


def declare():
    for name, one in life.ACTS.items():
        if one.bulk:
            case.add(f"quiet-{name}", GROUP, life.act_case(name))
    for name, make in SCANS.items():
        case.add(f"quiet-scan-{name}", GROUP, scan_case(make))
    case.add("quiet-at-last", GROUP, quiet_at_last)


declare()
