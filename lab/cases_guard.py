# SPDX-License-Identifier: GPL-2.0-or-later
"""A heavy flood, a scan and password guessing at once: all three are found, at a flood's price."""

import shutil

import case
import device
import flood_guard
import logins
from case import Skip, check

RATE = 100000
CPU_BAR_S = 0.08  # of a core, for 200,000 packets
SECONDS = 8
LIMIT_S = 120


def cannot_run():
    """Why it cannot run here, or None."""
    missing = [tool for tool in ("nmap", "hydra") if not shutil.which(tool)] + logins.missing()
    missing += [f"bench/{tool}" for tool in ("flood",) if not device.bench_tool(tool)]
    return f"not installed or built: {', '.join(missing)}" if missing else None


@case.group("guard")
def _group():
    yield None


@case.case("guard", "guard", LIMIT_S)
def guard_case(_shared, say):
    """The rate that a busy machine keeps, and its CPU, are told; bench/guard.py has the bars."""
    if reason := cannot_run():
        raise Skip(reason)
    guard = flood_guard.Guard(RATE, SECONDS, say)
    say(", ".join(f"{name} {value}" for name, value in guard.numbers.items()))
    broken = guard.broken(2 * CPU_BAR_S)
    check(not broken, "; ".join(broken))
    return "all three are found"
