#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""
One device with guessers at it, at most one for each service: more would be a crowd, and found as one.

usage: guess_lane.py FAMILY DIRECTORY TOOL:PORT:WORDS...

Prints the cells, a JSON line each, and lines {"wrong": ...} of what else is not as it should be. What
each guesser did is left in DIRECTORY as a capture, with the times at which its runs began. At every
service a neighbour is at work meanwhile (login_habits.py), who must not be accused.
"""

import collections
import dataclasses
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import guess_judge  # pylint: disable=wrong-import-position
import guess_live  # pylint: disable=wrong-import-position
import guess_net  # pylint: disable=wrong-import-position
import guess_tools  # pylint: disable=wrong-import-position
import login_habits  # pylint: disable=wrong-import-position
import login_habits_clear  # noqa: F401 pylint: disable=wrong-import-position,unused-import
import matrix_slow  # pylint: disable=wrong-import-position
import net  # pylint: disable=wrong-import-position

BESIDE = {"ssh": "sftp", "telnet": "telnet-work", "ftp": "ftp", "http": "browser", "mqtt": "mqtt",
          "rtsp": "digest"}
Frame = collections.namedtuple("Frame", "t frame wire")


class Beside:
    """Those at work beside the guessers."""

    def __init__(self, lab, guesses):
        self.until = [time.monotonic() + guess_live.GROUP_S]
        self.people, self.errors, self.threads = {}, [], []
        for guess in guesses:
            name = BESIDE[guess_tools.SERVICE_OF[guess.port]]
            mine = guess.person if guess.words == guess_live.NAT else lab.network.person(near=True)
            if mine is not guess.person:
                self.people[name] = mine
            self.threads.append(threading.Thread(target=self._work, args=(name, mine, guess.family)))
        for thread in self.threads:
            thread.start()

    def _work(self, name, person, family):
        while time.monotonic() < self.until[0]:
            try:
                login_habits.HABITS[name].function(person, family, time.monotonic() + 1)
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(f"{name}: {error}")
                return

    def stop(self):
        self.until[0] = 0
        for thread in self.threads:
            thread.join()

    def accused(self, lab):
        for how in lab.sensors:
            for event in lab.events(how):
                for name, person in self.people.items():
                    if any(guess_judge.about(event, [a]) or event.about(a)
                           and event.finding.get("scope", "host") == "host"
                           for a in person.address.values()):
                        yield f"{how}: {name} is accused: {event}"


def _keep(directory, guess, tried):
    name = f"{guess.tool}-{guess.port}-v{guess.family}-{guess.words}"
    frames = sorted((Frame(*f) for one in tried for f in one.frames), key=lambda f: f.t)
    matrix_slow.write(os.path.join(directory, name + ".pcap"), frames)
    with open(os.path.join(directory, name + ".steps"), "w", encoding="utf-8") as file:
        json.dump({"addresses": guess.addresses, "steps": guess.steps}, file)


def lane(family, directory, planned):
    with guess_net.LoginNetwork() as network:
        lab = guess_net.Lab(network)
        guesses = [guess_live.Guess(lab, tool, port, family, words) for tool, port, words in planned]
        beside = Beside(lab, guesses)
        try:
            guess_live.run(guesses)
        finally:
            beside.stop()
        path = lab.tcpdump.capture.path
        for guess in guesses:
            for sensor in lab.sensors:
                print(json.dumps(dataclasses.asdict(guess.judge(path, sensor))), flush=True)
            _keep(directory, guess, guess_judge.connections(path, guess.addresses, {guess.port}))
        for wrong in [*beside.accused(lab), *beside.errors]:
            print(json.dumps({"wrong": wrong}), flush=True)
        for name, sensor in lab.sensors.items():
            if sensor.stop():
                print(json.dumps({"wrong": f"sensor {name}: {sensor.log()[-300:]}"}), flush=True)


def main():
    net.install_cleanup()
    lane(int(sys.argv[1]), sys.argv[2],
         [(tool, int(port), words) for tool, port, words in (a.split(":") for a in sys.argv[3:])])


if __name__ == "__main__":
    main()
