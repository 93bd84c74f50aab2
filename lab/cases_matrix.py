# SPDX-License-Identifier: GPL-2.0-or-later
"""
The matrix's short form: every kind fast; some slow and live; some fast in 100,000 spoofed SYN/s; every
kind on its capture's own clock, alone and in bursts of flood. `lab/matrix` is the whole.
"""

import case
import matrix_kinds
import matrix_live
import matrix_run
import matrix_slow
from case import Skip, check

SLOW = ("syn", "connect", "fin", "udp")
IN_FLOOD = ("syn", "connect", "fin", "udp", "sctp-init", "decoys")
LEAST_RATE = 0.2
CLOCKS = ("300 s", "1 h")


class MatrixLab:
    """What one case leaves for the next: the attacks that were recorded."""

    def __init__(self):
        self.recordings = []

    @staticmethod
    def plan(**changes):
        plan = {"kinds": list(matrix_kinds.KINDS), "speeds": [], "loads": [], "families": [4, 6],
                "slow_kinds": SLOW, "burst_s": matrix_slow.SHORT_BURST_S}
        made = matrix_run.Plan(**{**plan, **changes})
        if reason := matrix_run.missing(made):
            raise Skip(reason)
        return made


@case.group("matrix")
def shared_lab():
    yield MatrixLab()


def verdict(cells, wrong):
    bad = [str(c) for c in cells if not c.good] + wrong
    check(not bad, f"{len(bad)} wrong of {len(cells)} cells: {'; '.join(bad)}")
    most = max(c.contacts for c in cells)
    return f"{len(cells)} cells, each found after at most {most} contacts"


def live(lab, say, load, **changes):
    def quietly(text):
        if not getattr(text, "good", True):
            say(text)
    plan = lab.plan(loads=[load], **changes)
    cells, wrong, done, recorded = matrix_run.live(plan, load, quietly)
    lab.recordings += recorded
    if done.kept:
        say("floods kept " + ", ".join(f"{rate:.0f}/s" for rate in done.kept))
    # A busy machine is no fault of the sensor's: `lab/matrix` insists on the whole rate.
    check(all(rate > load * LEAST_RATE for rate in done.kept), "; ".join(done.slack))
    return verdict(cells, wrong)


@case.case("matrix-quiet", "matrix", limit_s=600)
def quiet_case(lab, say):
    """Every kind fast, one after another; some at one probe in 5 s, all at once."""
    return live(lab, say, matrix_live.QUIET, speeds=[matrix_kinds.FAST, matrix_kinds.S5])


@case.case("matrix-flood", "matrix", limit_s=300)
def flood_case(lab, say):
    """Fast scans while 100,000 forged SYNs arrive every second."""
    return live(lab, say, matrix_live.HEAVY, speeds=[matrix_kinds.FAST], kinds=IN_FLOOD)


def clock_case(load):
    def run(lab, say):
        if not lab.recordings:
            raise Skip("matrix-quiet, run before in the same group, records what is replayed here")
        return verdict(*matrix_run.replay(lab.plan(speeds=CLOCKS, loads=[load]), lab.recordings,
                                          load, say))
    return run


case.add("matrix-clock", "matrix", clock_case(matrix_live.QUIET))
case.add("matrix-clock-flood", "matrix", clock_case(matrix_live.HEAVY), limit_s=300)
