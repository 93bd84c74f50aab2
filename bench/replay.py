#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast a capture is replayed: one core, page cache, beside a bare libpcap reader."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab"))
sys.path.insert(0, os.path.join(ROOT, "bench"))

import device  # pylint: disable=wrong-import-position
from cost import tool  # pylint: disable=wrong-import-position

BAR = 4_000_000  # packets a second


def rate(argv, packets, runs, core):
    """Packets a second of `runs` runs, by wall time and by CPU time."""
    wall, cpu = [], []
    for _run in range(runs):
        before, started = os.times(), time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        wall.append(packets / (time.perf_counter() - started))
        after = os.times()
        cpu.append(packets / max(0.001, after.children_user + after.children_system
                                 - before.children_user - before.children_system))
    return wall, cpu


def main():
    parser = argparse.ArgumentParser(description="How fast a capture is replayed.")
    parser.add_argument("--packets", type=int, default=8000000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--home", action="append", default=[], help="as of the sensor")
    arguments = parser.parse_args()
    home = [word for prefix in arguments.home for word in ("--home", prefix)]
    with tempfile.TemporaryDirectory(prefix="mimamori-bench-") as directory:
        path = os.path.join(directory, "mix.pcap")
        made = json.loads(subprocess.check_output([tool("mkpcap"), path, str(arguments.packets)]))
        packets = made["packets"]
        print(f"{packets} packets, {made['probes'] * 100 // packets} % probes, "
              f"{os.path.getsize(path) >> 20} MiB")
        for name, argv in (("bare libpcap", [tool("readpcap"), path]),
                           ("mimamori-sensor replay",
                            [device.sensor_path(), "replay", "--quiet", *home, path])):
            wall, cpu = rate(argv, packets, arguments.runs, arguments.core)
            print(f"{name:24} median {statistics.median(wall) / 1e6:6.2f} M packets/s, "
                  f"best {max(wall) / 1e6:.2f}, worst {min(wall) / 1e6:.2f}; "
                  f"by CPU time {statistics.median(cpu) / 1e6:.2f}")
    print(f"the bar is {BAR / 1e6:g} M packets/s")
    return 0 if statistics.median(wall) >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
