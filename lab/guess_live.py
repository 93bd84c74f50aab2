# SPDX-License-Identifier: GPL-2.0-or-later
"""Guessing live: every tool at every server, all at the same time, each from an address of its own."""

import collections
import dataclasses
import subprocess
import time

import capture
import device
import guess_judge
import guess_net
import guess_tools
import logins
import net

STAGGER_S, TOOL_S, GROUP_S, NEVER_S, SETTLE_S = 0.3, 110, 180, 15, 3
SINGLES = 11  # tries of one run each, which are slowed down later
TRIES_AT_ONCE = 4
RIGHT_AT = 20  # the right password's place among the wrong ones
BARRED = ("ssh", "telnet", "ftp")  # the services of the bar; of the others, who is found is told
NEVER = {("ncrack", logins.DROPBEAR): "no cipher in common: no password is ever tried"}
SERVER = {logins.SSH: "sshd", logins.DROPBEAR: "dropbear", logins.TELNET: "busybox login",
          logins.LOGIN_TELNET: "login (PAM)", logins.FTP: "vsftpd", logins.HTTP: "nginx",
          logins.BUSYBOX_HTTP: "busybox httpd", logins.MQTT: "mosquitto", logins.RTSP: "digests.py"}
# SINGLE: a run of the tool for each word, so a connection each. ROTATE: likewise, each from the next of ten
# addresses of a /64. SPRAY: thirty peers, two words each. NAT: behind one address with someone at work.
WRONG, RIGHT, SINGLE, ROTATE, SPRAY, NAT = "wrong", "right", "single", "rotate", "spray", "nat"
Group = collections.namedtuple("Group", "peers rounds tries scopes bar")
GROUPS = {ROTATE: Group(10, 3, 1, ("prefix",), guess_judge.FAST_BAR),
          SPRAY: Group(30, 1, 2, ("distributed", "prefix"), guess_judge.SPRAY_BAR)}


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
    tries: int = None  # that the event itself counts
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

    def measure(self, events, tried, addresses, steps=()):
        """Whether and when it was found; the event, if it was. Where it was not, `why` says what was."""
        tried = guess_judge.tries(self.tool, self.service, tried, steps)
        scopes = GROUPS[self.words].scopes if self.words in GROUPS else ("host",)
        event, self.why = guess_judge.first(events, addresses, self.service, scopes)
        self.connections = len(tried)
        self.outcome = guess_judge.outcome(events, addresses)
        self.found, self.why = event is not None, self.why or ""
        self.lit = self.service in guess_judge.LIT
        if event:
            self.ended = sum(one.has_ended(event.t) for one in tried)
            self.signs = sum(one.signs(event.t) for one in tried)
            self.tries = event.finding.get("attempts")
            self.seconds = max(0, event.t - tried[0].t) / 1e6
        return event

    def __str__(self):
        told = (f"found after {self.ended} ended, {self.signs} signs, {self.tries} tries, "
                f"{self.seconds:.1f} s, "
                f"{self.outcome}" if self.found else "not found")
        return (f"{self.tool} at {SERVER[self.port]} v{self.family}, {self.words}, {self.speed}, "
                f"{self.sensor}: {told} of {self.connections} connections"
                + (f": {self.why}" if self.why else ""))


class Guess:
    """One guesser at work, or several of one mind (ROTATE, SPRAY)."""

    def __init__(self, lab, tool, port, family, words):
        self.lab, self.tool, self.port, self.family, self.words = lab, tool, port, family, words
        self.person = lab.network.person()
        self.addresses = [self.person.address[family]]
        if words in GROUPS:
            self.addresses = self.person.take(family, GROUPS[words].peers)
        self.output, self.pause_s = "", 0
        self.steps = []  # of SINGLE: when each run began, Unix microseconds

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
        limit_s = (GROUP_S if self.words in GROUPS else TOOL_S) + self.pause_s * SINGLES
        deadline = time.monotonic() + (NEVER_S if (self.tool, self.port) in NEVER else limit_s)
        if self.words in (WRONG, RIGHT, NAT):
            self.output = self.person.run(self.command(self._words(), TRIES_AT_ONCE),
                                          deadline - time.monotonic())[1]
            return
        group = GROUPS.get(self.words)
        for number in range(group.peers * group.rounds if group else SINGLES):
            if time.monotonic() > deadline or group and self._found():
                return
            if group:
                self.person.speak_from(self.family, self.addresses[number % group.peers])
            self.steps.append(time.time_ns() // 1000)
            tries = group.tries if group else 1
            words = [guess_tools.WRONG[(number * tries + n) % 30] for n in range(tries)]
            self.output = self.person.run(self.command(words, tries), 30)[1]
            time.sleep(max(0, self.pause_s - (time.time_ns() // 1000 - self.steps[-1]) / 1e6))

    def _found(self):
        return all(guess_judge.first(self.lab.events(name), self.addresses,
                                     guess_tools.SERVICE_OF[self.port], GROUPS[self.words].scopes)[0]
                   for name in self.lab.sensors)

    def judge(self, path, sensor):
        """Its cell, from the device's capture and a sensor's events."""
        cell = Cell(self.tool, self.port, self.family, self.words, sensor=sensor)
        tried = guess_judge.connections(path, self.addresses, {self.port})
        event = cell.measure(self.lab.events(sensor), tried, self.addresses, self.steps)
        if not tried:
            cell.why = f"no connection: {self.output.strip()[-200:]}"
        else:
            cell.why = self._why(cell, event)
        return cell

    def _why(self, cell, event):
        """What is wrong with it, if it has to be right."""
        if cell.outcome == "succeeded" and self.words not in (RIGHT, NAT):
            return "said to have succeeded"
        if not cell.barred:
            return ""
        if not event:
            return cell.why
        bar = guess_judge.SLOW_BAR if self.pause_s else guess_judge.FAST_BAR
        bar = GROUPS[self.words].bar if self.words in GROUPS else bar
        if cell.sensor == "log" and guess_judge.logged(self.lab.logins.auth_log, self.addresses):
            # A line of the log has whole seconds, and so has the event: its own count is what there is.
            bar -= guess_judge.LOG_BONUS
            tries = event.finding["attempts"]
            return f"{tries} tries, more than {bar}" if tries > bar else self._end_why(cell)
        if self.words == NAT:
            bar = guess_judge.NAT_BAR
        if cell.ended > bar:
            return f"{cell.ended} connections had ended, more than {bar}"
        return self._end_why(cell)

    def _end_why(self, cell):
        if self.words == RIGHT and cell.outcome != "succeeded" and logins.PASSWORD in self.output:
            return f"succeeded, but is told as {cell.outcome}"
        return ""


def plan(family, tools=None, ports=None, words=None):
    """(tool, port, words) of all that a family is tried with, the longest first."""
    whole = [(tool, port, kind) for kind in (SINGLE, WRONG, RIGHT)
             for tool, (_make, services) in guess_tools.TOOLS.items()
             for port, service in guess_tools.SERVICE_OF.items() if service in services
             if not (kind == SINGLE and service not in BARRED)
             and not (kind != WRONG and (tool, port) in NEVER)
             and not (kind == SINGLE and port == logins.LOGIN_TELNET)]
    groups = [("hydra", port, kind) for kind in ([SPRAY, ROTATE] if family == 6 else [SPRAY])
              for port in (logins.SSH, logins.TELNET, logins.FTP)]
    return [one for one in [*groups, ("hydra", logins.SSH, NAT), *whole]
            if (not tools or one[0] in tools) and (not ports or one[1] in ports)
            and (not words or one[2] in words)]


def short_plan(family):
    """Half of it, so that the two families together have all: every tool at every server in each."""
    planned = plan(family)
    pairs = list(dict.fromkeys((tool, port) for tool, port, _words in plan(4)))
    kinds = [SINGLE, WRONG, RIGHT, SPRAY, ROTATE, NAT]
    return [(tool, port, words) for tool, port, words in planned
            if (pairs.index((tool, port)) + kinds.index(words) + family // 2) % 2 == 0
            or words == ROTATE or (tool, port) in NEVER and family == 4]


def run(guesses):
    """All of it at the same time, until all that is to be said of it has been said."""
    said = guess_net.side_by_side(dict(enumerate(guess.run for guess in guesses)), STAGGER_S)
    time.sleep(SETTLE_S)
    for error in said.values():
        if error:
            raise error
