#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A flood of spoofed SYNs while Nmap scans and hydra guesses: what is found, and what it costs.

docs/measurements.md says how each number is measured. Exit 1 when a bar is not held.
"""

import argparse
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab"))

import cases_guard  # pylint: disable=wrong-import-position
import case  # pylint: disable=wrong-import-position
import flood_guard  # pylint: disable=wrong-import-position
import net  # pylint: disable=wrong-import-position


def main():
    parser = argparse.ArgumentParser(description="A flood, a scan and guessing at once.")
    parser.add_argument("--rate", type=int, default=cases_guard.RATE, help="SYNs a second")
    parser.add_argument("--seconds", type=int, default=20, help="that the flood lasts at least")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there too")
    arguments = parser.parse_args()
    if reason := case.cannot_run() or cases_guard.cannot_run():
        sys.exit(reason)
    net.install_cleanup()
    guard = flood_guard.Guard(arguments.rate, arguments.seconds, print)
    for name, value in guard.numbers.items():
        print(f"{name:<18} {value}")
    broken = guard.broken(cases_guard.CPU_BAR_S)
    for sentence in broken:
        print(f"BAR NOT HELD: {sentence}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(json.dumps(guard.numbers, indent=1) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
