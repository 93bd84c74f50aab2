# SPDX-License-Identifier: GPL-2.0-or-later
"""
Everyone who logs in as they should, at the same time, before sensors that have to stay silent: with
the system's log and without. Afterwards the device's capture is replayed, with and without --home.
"""

import functools
import os
import subprocess
import time

import case
import device
import events
import guess_net
import life
import login_habits
import login_habits_clear  # noqa: F401 pylint: disable=unused-import
import logins
import tools
from case import Skip, check

SECONDS = 300  # of it all; MIMAMORI_QUIET_S: of the soak
OVERTIME_S = 150  # what was begun is done
FAMILY_OF = {4: 6, 6: 4}


@case.group("guess-quiet")
def shared_quiet():
    with guess_net.LoginNetwork() as network:
        yield Quiet(network)


class Quiet:
    """People, half of them neighbours and half strangers, half of them over IPv6."""

    def __init__(self, network):
        self.lab = None if logins.missing() else guess_net.Lab(network)
        self.people = []  # (name, person, family)
        family = 4
        for number, name in enumerate(login_habits.HABITS):
            self.people.append((name, network.person(near=number % 2 == 0), family))
            family = FAMILY_OF[family] if number % 2 else family
        self.charged = set()  # sentences of accused() for which a case has failed already

    def explain(self):
        return self.lab.explain() if self.lab else ""

    def ready(self):
        if not self.lab:
            raise Skip(f"{', '.join(logins.missing())} not installed")

    def live(self, seconds):
        """Everyone does it for so long; {name: how often, or the exception}."""
        until = time.monotonic() + seconds
        return guess_net.side_by_side(
            {name: functools.partial(login_habits.HABITS[name].function, person, family, until)
             for name, person, family in self.people
             if not tools.missing(*login_habits.HABITS[name].needs)})

    def accused(self, guilty=()):
        """All that was said, but for what is about these addresses alone."""
        said = [(f"sensor {name}", e) for name in self.lab.sensors for e in self.lab.events(name)
                if not any(e.is_peer(address) for address in guilty)]
        return [f"{how}: {self.who(e)}: {e}" for how, e in said]

    def who(self, event):
        return ", ".join(name for name, person, _family in self.people
                         if any(event.about(a) for a in person.address.values())) or "somebody"


def _seconds():
    return int(os.environ.get("MIMAMORI_QUIET_S", SECONDS))


@case.case("guess-quiet", "guess-quiet", limit_s=_seconds() + OVERTIME_S)
def quiet_case(shared, say):
    """Nobody who logs in as they should is accused."""
    shared.ready()
    did = shared.live(_seconds())
    for name, what in did.items():
        say(f"{name}: {what}")
    wrong = shared.accused()
    for sentence in wrong:
        say(sentence)
    life.keep(shared.lab.tcpdump.capture.path, "guess-quiet")
    shared.charged.update(wrong)
    check(not wrong, f"{len(wrong)} events, first: {wrong[:3]}")
    bad = [name for name, what in did.items() if isinstance(what, Exception)]
    check(not bad, f"could not do what they do: {bad}")
    absent = [name for name in login_habits.HABITS if name not in did]
    if absent:
        raise Skip(f"programs of these are not installed: {', '.join(absent)}")
    return f"{len(did)} habits, {sum(did.values())} times, nobody is accused"


@case.case("guess-quiet-replay", "guess-quiet")
def replay_case(shared, _say):
    """The same from the device's capture."""
    shared.ready()
    path = shared.lab.tcpdump.capture.path
    home = [word for family in (4, 6) for a in shared.lab.network.device_addresses(family)
            for word in ("--home", f"{a}/{32 if family == 4 else 128}")]
    wrong = []
    for how, arguments in ("replay --home", home), ("replay", []):
        done = subprocess.run([device.sensor_path(), "replay", "--quiet", *arguments, path],
                              capture_output=True, text=True, timeout=80, check=False)
        check(done.returncode == 0, f"{how}: exit {done.returncode}: {done.stderr[-200:]}")
        wrong += [f"{how}: {shared.who(e)}: {e}" for e in events.parse_lines(done.stdout)]
    check(not wrong, f"{len(wrong)} events, first: {wrong[:3]}")
    return "nobody is accused"


@case.case("guess-quiet-at-last", "guess-quiet")
def last_case(shared, say):
    """Suspicions that came to nothing are told when they end: the sensors' end is the latest."""
    shared.ready()
    for name, sensor in shared.lab.sensors.items():
        code = sensor.stop()
        check(code == 0, f"the exit code of sensor {name} is {code}")
        say(sensor.log().splitlines()[-1])
    wrong = [said for said in shared.accused() if said not in shared.charged]
    check(not wrong, f"{len(wrong)} events, first: {wrong[:3]}")
    return "nobody was accused"
