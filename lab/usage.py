# SPDX-License-Identifier: GPL-2.0-or-later
"""What processes use, by the kernel's own counts."""

import os
import re


def tasks(pids):
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                yield pid, task
        except FileNotFoundError:
            continue


def cpu(pids):
    """(CPU seconds, voluntary switches) of all threads, from the scheduler's own count."""
    cpu_ns = switches = 0
    for pid, task in tasks(pids):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="utf-8") as file:
            cpu_ns += int(file.read().split()[0])
        with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as file:
            switches += int(re.search(r"\nvoluntary_ctxt_switches:\t(\d+)", file.read()).group(1))
    return cpu_ns / 1e9, switches


def memory_kb(pids, what="Pss"):
    """A field of smaps_rollup, summed. Pss also moves with what other programs map of the C library;
    Pss_Anon is the processes' own."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += int(re.search(rf"^{what}:\s+(\d+)", file.read(), re.MULTILINE).group(1))
    return total
