# SPDX-License-Identifier: GPL-2.0-or-later
"""Guessing live: every tool at every server, all at the same time, each from an address of its own."""

import concurrent.futures
import dataclasses
import os
import subprocess
import time

import capture
import device
import guess_judge
import guess_tools
import logins
import net

AT_ONCE, STAGGER_S, TOOL_S, NEVER_S, SETTLE_S = 20, 0.3, 110, 15, 3
SINGLES = 11  # tries of one run each, which are slowed down later
TRIES_AT_ONCE = 4
RIGHT_AT = 20  # the right password's place among the wrong ones
BARRED = ("ssh", "telnet", "ftp")  # the services of the bar; of the others, who is found is told
NEVER = {("ncrack", logins.DROPBEAR): "no cipher in common: no password is ever tried"}
SERVER = {logins.SSH: "sshd", logins.DROPBEAR: "dropbear", logins.TELNET: "busybox login",
          logins.LOGIN_TELNET: "login (PAM)", logins.FTP: "vsftpd", logins.HTTP: "nginx",
          logins.BUSYBOX_HTTP: "busybox httpd", logins.MQTT: "mosquitto", logins.RTSP: "digests.py"}
WRONG, RIGHT, SINGLE = "wrong", "right", "single"


@dataclasses.dataclass
class Cell:
    """One field of the table: a tool at a server, at a speed."""

    tool: str
    port: int
    family: int
    words: str  # WRONG, RIGHT; SINGLE: a run of the tool for each word
    speed: str = "fast"
    sensor: str = "alone"
    connections: int = 0  # in all
    ended: int = None  # of them, when it was found
    signs: int = None  # ended connections and failures read, when it was found
    seconds: float = None  # from the first packet
    outcome: str = None
    found: bool = False
    why: str = ""  # it is not as it should be
    lit: bool = False  # failures can be read on the way

    @property
    def service(self):
        return guess_tools.SERVICE_OF[self.port]

    @property
    def never(self):
        return NEVER.get((self.tool, self.port), "")

    @property
    def barred(self):
        return self.service in BARRED and not self.never

    @property
    def good(self):
        return not self.why

    def __str__(self):
        told = (f"found after {self.ended} ended, {self.signs} signs, {self.seconds:.1f} s, "
                f"{self.outcome}" if self.found else "not found")
        return (f"{self.tool} at {SERVER[self.port]} v{self.family}, {self.words}, {self.speed}, "
                f"{self.sensor}: {told} of {self.connections} connections"
                + (f": {self.why}" if self.why else ""))


class Guess:
    """One guesser at work."""

    def __init__(self, lab, tool, port, family, words):
        self.lab, self.tool, self.port, self.family, self.words = lab, tool, port, family, words
        self.person = lab.network.person()
        self.addresses = [self.person.address[family]]
        self.output = ""

    def _words(self):
        if self.words == RIGHT:
            return (*guess_tools.WRONG[:RIGHT_AT], logins.PASSWORD, *guess_tools.WRONG[RIGHT_AT:])
        return guess_tools.WRONG

    def command(self, words, at_once):
        path = guess_tools.word_list(self.person.home, "words", words)
        family, target = self.family, self.person.target[self.family]
        if self._relayed():
            family, target = 4, "127.0.0.1"
        return [str(word) for word in guess_tools.guess(self.tool, family, target, self.port, path,
                                                        at_once)]

    def _relayed(self):
        return self.family == 6 and self.tool in guess_tools.NO_IPV6

    def run(self):
        if not self._relayed():
            self._guess()
            return
        relay = self.person.popen(guess_tools.relay(self.person.target[6], self.port),
                                  stdout=subprocess.DEVNULL)
        try:
            net.wait_for(lambda: device.listening(self.person.namespace, capture.TCP, self.port), 5,
                         "the relay")
            self._guess()
        finally:
            relay.terminate()
            relay.wait()

    def _guess(self):
        if self.words != SINGLE:
            limit = NEVER_S if (self.tool, self.port) in NEVER else TOOL_S
            self.output = self.person.run(self.command(self._words(), TRIES_AT_ONCE), limit)[1]
            return
        deadline = time.monotonic() + TOOL_S
        for word in guess_tools.WRONG[:SINGLES]:
            if time.monotonic() < deadline:
                self.output = self.person.run(self.command([word], 1), 30)[1]

    def judge(self, path, sensor):
        """Its cell, from the device's capture and a sensor's events."""
        cell = Cell(self.tool, self.port, self.family, self.words, sensor=sensor,
                    lit=guess_tools.SERVICE_OF[self.port] in guess_judge.LIT)
        events = self.lab.events(sensor)
        tried = guess_judge.connections(path, self.addresses, {self.port})
        cell.connections = len(tried)
        cell.outcome = guess_judge.outcome(events, self.addresses)
        event, why = guess_judge.first(events, self.addresses, cell.service)
        if not tried:
            cell.why = f"no connection: {self.output.strip()[-200:]}"
            return cell
        if event:
            cell.found = True
            cell.ended = sum(one.has_ended(event.t) for one in tried)
            cell.signs = sum(one.signs(event.t) for one in tried)
            cell.seconds = (event.t - tried[0].t) / 1e6
        cell.why = self._why(cell, event, why)
        return cell

    def _why(self, cell, event, why):
        """What is wrong with it, if it has to be right."""
        if cell.outcome == "succeeded" and self.words != RIGHT:
            return "said to have succeeded"
        if not cell.barred:
            return ""
        if not event:
            return why
        bar = guess_judge.FAST_BAR
        if cell.sensor == "log":
            times = guess_judge.logged(self.lab.logins.auth_log + ".exact", self.addresses)
            if times:
                bar -= guess_judge.LOG_BONUS
                seen = max(cell.ended, sum(t <= event.t for t in times))
                return f"{seen} ended or logged, more than {bar}" if seen > bar else ""
        if cell.ended > bar:
            return f"{cell.ended} connections had ended, more than {bar}"
        if self.words == RIGHT and cell.outcome != "succeeded" and logins.PASSWORD in self.output:
            return f"succeeded, but is told as {cell.outcome}"
        return ""


def plan(tools=None, ports=None, words=(WRONG, RIGHT, SINGLE)):
    """(tool, port, words) of all that a family is tried with, the longest first."""
    return [(tool, port, kind) for kind in words for tool, (_make, services) in guess_tools.TOOLS.items()
            for port, service in guess_tools.SERVICE_OF.items() if service in services
            if (not tools or tool in tools) and (not ports or port in ports)
            if kind != SINGLE or service in BARRED and (tool, port) not in NEVER]


def run(lab, family, planned):
    """All of it, some at a time; the guesses, when all that is to be said of them has been said."""
    guesses = [Guess(lab, tool, port, family, words) for tool, port, words in planned]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = []
        for guess in guesses:
            jobs.append(pool.submit(guess.run))
            time.sleep(STAGGER_S)
        for job in jobs:
            job.result()
    time.sleep(SETTLE_S)
    return guesses


def capture_path(lab):
    """What the device has captured so far; tcpdump writes each packet at once."""
    return lab.tcpdump.capture.path


def keep(lab, name):
    """Keeps the capture where MIMAMORI_LAB_KEEP says."""
    kept = os.environ.get("MIMAMORI_LAB_KEEP")
    if kept:
        subprocess.run(["cp", capture_path(lab), os.path.join(kept, name + ".pcap")], check=True)
