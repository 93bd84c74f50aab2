# SPDX-License-Identifier: GPL-2.0-or-later
"""
The benign hours of the soak: only ordinary life, some acts beside each other, without an end. Every
alert and every notice is wrong. Each hour the device begins to forward, or ceases to, and its captures
come again as days of replay.
"""

import os
import random
import time

import cases_ordinary
import device
import life
import net

AT_ONCE = 3
PART_S = 3600
DAY_GAP_S, DAY_TIMES, DAY_CAPTURES = 900, 4, 24


class Benign:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.acts = self.undone = self.parts = 0
        self.wrong = []

    def _round(self, lab):
        """Some acts beside each other; the capture of it."""
        names = self.random.sample([n for n, one in life.ACTS.items()
                                    if lab.forwards or not one.behind], AT_ONCE)
        tcpdump = device.Tcpdump(lab.device, net.directory())
        try:
            said = life.together(lab, names, AT_ONCE)
        finally:
            tcpdump.stop()
        self.acts += len(said)
        self.undone += sum(not isinstance(what, str) for what in said.values())
        return tcpdump.capture.path

    def part(self, seconds, say):
        """One network for so long, with its sensors."""
        self.parts += 1
        with net.Network() as network:
            lab = life.Life(network, forwards=self.parts % 2 == 0)
            if lab.forwards:
                cases_ordinary.watch_gateway(lab)
            else:
                lab.watch()
            until, told = time.monotonic() + seconds, 0
            while time.monotonic() < until:
                lab.captures.append(self._round(lab))
                if len(lab.captures) > DAY_CAPTURES:
                    os.unlink(lab.captures.pop(0))
                for sentence in lab.accused()[told:]:
                    told += 1
                    self.wrong.append(sentence)
                    say(f"wrong: {sentence}")
                time.sleep(self.random.uniform(0, 5))
            self.wrong += self._end(lab, told, say)

    def _end(self, lab, told, say):
        codes = [sensor.stop() for sensor in lab.sensors]
        wrong = lab.accused()[told:] + [f"exit code {code}" for code in codes if code]
        if not lab.forwards:  # a gateway's capture shows its own addresses and those behind it
            wrong += life.replayed(lab, "-", (lab.captures, DAY_GAP_S, DAY_TIMES))
        for sentence in wrong:
            say(f"wrong: {sentence}")
        return wrong

    def line(self):
        return (f"{self.parts} networks, {self.acts} acts, {self.undone} of them not done, "
                f"wrong: {len(self.wrong)}")


def run(hours, seed):
    """The exit code."""
    benign, until = Benign(seed), time.monotonic() + hours * 3600
    print(f"benign life, seed {seed}", flush=True)
    while (left := until - time.monotonic()) > 1:
        benign.part(min(PART_S, left, max(60, hours * 1800)), lambda text: print(text, flush=True))
        print(benign.line(), flush=True)
    return 1 if benign.wrong or benign.undone > benign.acts // 4 else 0
