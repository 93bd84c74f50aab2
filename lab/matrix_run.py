# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a plan of the matrix: loads one after another, then the recorded attacks on their own clock."""

import dataclasses
import shutil

import device
import matrix_kinds
import matrix_live
import matrix_net
import matrix_slow
import net

SLOTS = 256  # findings at a time where far more than the default's 48 attack at once


@dataclasses.dataclass
class Plan:
    kinds: list
    speeds: list
    loads: list
    families: list
    burst_s: float = matrix_slow.BURST_S  # of heavy floods in replays; 0: they run through
    light_burst_s: float = 0  # likewise of the lighter ones
    keep: str = None
    slow_kinds: list = None  # live; None: all of `kinds`

    def of_kinds(self):
        return [matrix_kinds.KINDS[name] for name in self.kinds]

    def live_slow(self):
        """(kind, family, speed) of the attacks that run at once."""
        return [(kind, family, speed) for speed in (matrix_kinds.S5, matrix_kinds.T1)
                if speed in self.speeds for kind in self.of_kinds()
                if self.slow_kinds is None or kind.name in self.slow_kinds
                if not kind.speeds or speed in kind.speeds
                for family in kind.families if family in self.families]

    def replays(self):
        return [speed for speed in matrix_slow.SPEEDS if speed in self.speeds]

    def bursts(self, load):
        return self.burst_s if load == matrix_live.HEAVY else self.light_burst_s


def missing(plan):
    """Why the plan cannot run here, or None."""
    tools = ["nmap", *(["masscan"] if "masscan" in plan.kinds else [])]
    absent = [tool for tool in tools if not shutil.which(tool)]
    absent += [f"bench/{tool}" for tool in ("flood", "mkflood") if not device.bench_tool(tool)]
    return f"not installed or built: {', '.join(absent)}" if absent else None


def _port(number):
    return matrix_net.FLOOD_PORTS[number % len(matrix_net.FLOOD_PORTS)]


def live(plan, load, say):
    """(cells, wrong, the Live with its floods' rates, recordings) of one load, live."""
    recordings, slow = [], plan.live_slow()
    needs_fast = matrix_kinds.FAST in plan.speeds or load == 0 and plan.replays()
    with matrix_net.MatrixNetwork() as network:
        lab = matrix_live.Live(network, load, say,
                               SLOTS if len(slow) > matrix_net.MANY else None)
        if needs_fast:
            for family in plan.families:
                port, word = _port(family)
                say(f"fast, v{family}" + (f", {load}/s to port {port} ({word})" if load else ""))
                lab.all_fast(plan.of_kinds(), family, port)
        if slow:
            port, word = _port(load // 1000)
            say("slow" + (f", {load}/s to port {port} ({word})" if load else ""))
            lab.all_slow(slow, port)
        oracle = lab.finish()
        if plan.keep:
            lab.keep_capture(plan.keep)
        if load == 0:
            recordings = [matrix_slow.Recording(a, oracle.packets(a.sources))
                          for a, _cell, _event in lab.attacks if a.speed == matrix_kinds.FAST]
    cells = [cell for _attack, cell, _event in lab.attacks
             if cell.speed != matrix_kinds.FAST or matrix_kinds.FAST in plan.speeds]
    return cells, lab.wrong, lab, recordings


def replay(plan, recordings, load, say):
    """(cells, wrong) of all the plan's speeds on the captures' own clocks."""
    cells, wrong, directory = [], [], net.directory()
    for speed in plan.replays():
        found, bad = matrix_slow.run(recordings, speed, load, directory, plan.bursts(load))
        cells, wrong = cells + found, wrong + bad
        say(f"replay, {speed}, {load}/s: {sum(c.good for c in found)} of {len(found)} as they should be")
    return cells, wrong


def run(plan, say):
    """(cells, what else went wrong, {load: rates that its floods kept}) of the whole plan."""
    cells, wrong, kept, recordings = [], [], {}, []
    is_live = set(plan.speeds) - set(matrix_slow.SPEEDS)
    for load in [0] + [n for n in plan.loads if n]:
        one = plan
        if load not in plan.loads:
            if not plan.replays():
                continue
            one = dataclasses.replace(plan, speeds=plan.replays())  # for their recordings alone
        elif load and not is_live:
            continue
        say(f"live, {load}/s")
        found, bad, lab, recorded = live(one, load, say)
        cells, wrong, recordings = cells + found, wrong + bad + lab.slack, recordings + recorded
        kept[load] = lab.kept
    for load in plan.loads:
        found, bad = replay(plan, recordings, load, say)
        cells, wrong = cells + found, wrong + bad
    return cells, wrong, kept
