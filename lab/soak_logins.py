# SPDX-License-Identifier: GPL-2.0-or-later
"""
The hours of those who log in: each habit of login_habits*.py goes on all the time, and nobody of them may
be accused. Beside them, from strangers' addresses, one guesser at a time tries a password per 20 s or a
minute, alive and with the system's log, at each of ssh, telnet and ftp; each has to be found.
"""

import itertools
import sys
import time

import cases_login
import guess_live
import guess_net
import guess_run
import logins

PAUSES_S = (20, 60)
PORTS = (logins.SSH, logins.DROPBEAR, logins.TELNET, logins.FTP)


class Slow:
    """One slow guesser after another."""

    def __init__(self, lab, until):
        self.lab, self.until = lab, until
        self.cells, self.addresses = [], []

    def run(self):
        plan = itertools.product((4, 6), PORTS, PAUSES_S)
        for family, port, pause_s in plan:
            if time.monotonic() + pause_s * (guess_live.SINGLES + 1) > self.until:
                continue
            guess = guess_live.Guess(self.lab, "hydra", port, family, guess_live.SINGLE)
            guess.pause_s = pause_s
            self.addresses += guess.addresses
            guess.run()
            for sensor in self.lab.sensors:
                cell = guess.judge(self.lab.tcpdump.capture.path, sensor)
                cell.speed = f"{pause_s} s"
                self.cells.append(cell)
                print(cell, flush=True)


def run(hours):
    """The exit code."""
    if guess_run.missing():
        print(f"soak: not installed: {', '.join(guess_run.missing())}", file=sys.stderr)
        return 77
    seconds = hours * 3600
    with guess_net.LoginNetwork() as network:
        quiet = cases_login.Quiet(network)
        slow = Slow(quiet.lab, time.monotonic() + seconds)
        said = guess_net.side_by_side({"slow": slow.run, "people": lambda: quiet.live(seconds)})
        bad = [f"{name}: {what}" for name, what in said["people"].items() if isinstance(what, Exception)]
        bad += [f"slow guessers: {said['slow']}"] if said["slow"] else []
        codes = [sensor.stop() for sensor in quiet.lab.sensors.values()]
        accused = quiet.accused(slow.addresses)
        for what in [*accused, *bad, *(f"{c}" for c in slow.cells if not c.good)]:
            print(f"wrong: {what}")
        print(f"{hours:g} h: {sum(w for w in said['people'].values() if isinstance(w, int))} acts of "
              f"{len(said['people'])} habits, {len(accused)} accused; {len(slow.cells)} slow guessers, "
              f"{sum(c.found for c in slow.cells)} found")
        return 1 if accused or bad or any(codes) or not all(c.good for c in slow.cells) else 0
