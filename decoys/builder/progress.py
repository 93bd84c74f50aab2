# SPDX-License-Identifier: GPL-2.0-or-later
"""What is being built, how far it is, and how long the rest will take."""

import json
import sys
import time
from pathlib import Path

EVERY_S = 20  # between two lines about the same step where nobody sees one line change
# Seconds of each stage on two idle cores, until this machine has shown its own.
EXPECTED_S = {"parts": 60, "compiler": 5, "kernel": 215, "busybox": 60, "dropbear": 45, "helpers": 2,
              "libraries": 1, "disk": 3, "debian": 500}


def span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


class Progress:
    def __init__(self, steps: list[tuple[str, str]], memory: Path) -> None:
        self.memory = memory
        try:
            self.known = {str(k): float(v) for k, v in json.loads(memory.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            self.known = {}
        self.left = {step: self.expected(step) for step in steps}
        self.total = sum(self.left.values()) or 1
        self.begun, self.spent_expected, self.spent = 0.0, 0.0, 0.0
        self.now: tuple[str, str] | None = None
        self.last = 0.0
        self.live = sys.stdout.isatty()

    def expected(self, step: tuple[str, str]) -> float:
        return self.known.get("-".join(step), EXPECTED_S.get(step[0], 10))

    def say(self, text: str) -> None:
        print(("\r\033[K" if self.live else "") + text, flush=True)

    def start(self, step: tuple[str, str]) -> None:
        self.now, self.begun, self.last = step, time.monotonic(), 0.0
        self.update(0.0, "begins")

    def seconds_left(self, fraction: float) -> float:
        """The expected rest, by how much slower or faster than expected this run has been."""
        passed = time.monotonic() - self.begun
        done = self.spent_expected + self.left.get(self.now, 0) * fraction
        pace = (self.spent + passed) / done if done > 30 else 1.0
        return (sum(self.left.values()) - self.left.get(self.now, 0) * fraction) * pace

    def update(self, fraction: float, what: str) -> None:
        fraction = min(max(fraction, 0.0), 1.0)
        if not self.live and self.last and time.monotonic() - self.last < EVERY_S:
            return
        self.last = time.monotonic()
        share = 1 - (sum(self.left.values()) - self.left.get(self.now, 0) * fraction) / self.total
        line = (f"[{share:4.0%}] {self.now[1]}: {self.now[0]} {what}, "
                f"about {span(self.seconds_left(fraction))} left")
        print(f"\r\033[K{line}" if self.live else line, end="" if self.live else "\n", flush=True)

    def done(self) -> None:
        took = time.monotonic() - self.begun
        self.spent += took
        self.spent_expected += self.left.pop(self.now, 0)
        self.known["-".join(self.now)] = round(took, 1)
        self.memory.write_text(json.dumps(self.known, indent=1, sort_keys=True))
        self.say(f"[{1 - sum(self.left.values()) / self.total:4.0%}] {self.now[1]}: "
                 f"{self.now[0]} done in {span(took)}")
