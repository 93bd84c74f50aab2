# SPDX-License-Identifier: GPL-2.0-or-later
"""
The matrix live: real tools against a device with its services, a benign client and a flood.

Fast attacks come one after another. Slow ones run all at the same time, each from addresses of its own,
so that they take the time of one.
"""

import dataclasses
import os
import shutil
import subprocess
import time

import device
import matrix_judge
import matrix_kinds
import matrix_net
import net
from matrix_oracle import Oracle, contacts_until

QUIET, HEAVY = 0, 100000
LOADS = (QUIET, 2000, HEAVY)
FIND_S = {QUIET: 25, 2000: 40, HEAVY: 90}
LINGER_S = 0.3  # of a fast tool that was found while quiet: its capture is slowed down later
SLOW_S = {matrix_kinds.S5: 60, matrix_kinds.T1: 180}
STAY_LINGER_S = 4  # likewise, of one that takes its time
STAY_S = 60  # of a kind that is found by its tool's end
SETTLE_S = 3.5  # after a tool's end: the longest wait for an answer, and the ring's block
RATE_KEPT = 0.9
NOT_ATTACKS = ("not host 10.7.0.3 and not host fd07::3 and not ether src {mac} "
               # answers to the flood's addresses
               "and not (ip and (dst net 16.0.0.0/4 or dst net 32.0.0.0/3 or dst net 64.0.0.0/3"
               " or dst net 96.0.0.0/6)) and not (ip6 and dst net 2001:db8:f000::/36)")


@dataclasses.dataclass
class Cell:
    """One field of the table."""

    kind: str
    family: int
    speed: str
    load: int
    contacts: int = None  # None: not found, or not counted yet
    found: bool = False
    why: str = ""  # it failed
    true_flood: bool = True  # all the time, not in bursts

    @property
    def good(self):
        return not self.why

    def __str__(self):
        after = f" after {self.contacts}" if self.contacts is not None else ""
        return (f"{self.kind} v{self.family}, {self.speed}, {self.load or 'no'} SYN/s: "
                + (f"found{after}" if self.found else "not found")
                + (f": {self.why}" if self.why else ""))


class Live:
    """A device under one load."""

    def __init__(self, network, load, say, slots=None):
        self.network, self.load, self.say = network, load, say
        self.directory = net.directory()
        if not load:
            # A slow scan of UDP ports, which its recording is to be, is refused every time.
            network.device.sysctl("net.ipv4.icmp_ratemask", 0)
            network.device.sysctl("net.ipv6.icmp.ratelimit", 0)
        self.services = device.Services(network.device, self.directory)
        self.tcpdump = device.Tcpdump(network.device, self.directory,
                                      expression=NOT_ATTACKS.format(mac=network.flood.mac()))
        self.client = device.Client(network, self.services, self.directory, ["10.7.0.1", "fd07::1"])
        sections = {"memory": {"findings": slots}} if slots else None
        self.sensor = device.Sensor(network.device, self.directory, sections=sections)
        self.client.wait_working()
        self.attacks = []  # (Attack, Cell, event or None)
        self.kept = []  # rates of floods
        self.slack = []  # of them, those too low
        self.wrong = []  # what no cell is to blame for

    def flood(self, port, families):
        return matrix_net.Flood(self.network, self.load, port, families) if self.load else None

    def end_flood(self, flood, what):
        if not flood:
            return
        kept = flood.stop()
        self.kept.append(kept)
        if kept < RATE_KEPT * self.load:
            self.slack.append(f"the flood of {self.load}/s during {what} kept only {kept:.0f}/s")

    def new(self, kind, family, speed):
        attack = self.network.attack(kind, family, speed)
        cell = Cell(kind.name, family, speed, self.load)
        self.attacks.append([attack, cell, None])
        return self.attacks[-1]

    def look(self, entry):
        """The event that is right, if there is one by now; else the cell says why not."""
        event, entry[1].why = matrix_judge.right(self.sensor.events(), entry[0])
        if event:
            entry[2], entry[1].why, entry[1].found = event, "", True
        if self.sensor.process.poll() is not None:
            raise RuntimeError(f"the sensor ended with {self.sensor.process.returncode}: "
                               f"{self.sensor.log()}")
        return event

    def fast(self, kind, family):
        entry = self.new(kind, family, matrix_kinds.FAST)
        attack = entry[0]
        process = attack.start()
        deadline, ended = time.monotonic() + FIND_S[self.load], None
        if kind.stay:
            deadline += STAY_S
        while not self.look(entry) and time.monotonic() < deadline:
            ended = ended or (process.poll() is not None and time.monotonic())
            if ended and time.monotonic() > ended + SETTLE_S:
                break
            time.sleep(0.02)
        self._linger(process, kind)
        self._end(attack, process, entry[1])

    def _linger(self, process, kind):
        if self.load:
            return
        try:
            process.wait(STAY_LINGER_S if kind.stay else LINGER_S)
        except subprocess.TimeoutExpired:
            pass

    def _end(self, attack, process, cell):
        early = process.poll()
        process.terminate()
        try:
            output = process.communicate(timeout=5)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()[0]
        if early and not cell.found:
            cell.why = f"the tool ended with {early}: {output.strip()[-200:]}"
        self.network.release(attack)

    def all_fast(self, kinds, family, port):
        flood = self.flood(port, (family,))
        for kind in kinds:
            if family in kind.families:
                self.fast(kind, family)
                self.say(self.attacks[-1][1])
        self.end_flood(flood, f"fast scans over IPv{family}")

    def all_slow(self, plan, port):
        """plan: (kind, family, speed) of each attack; they run at once."""
        flood = self.flood(port, (4, 6))
        entries = [self.new(*one) for one in plan]
        running = []
        for entry in entries:
            running.append((entry, entry[0].start(), time.monotonic()))
            time.sleep(0.05)
        self.say(f"{len(running)} slow attackers at once")
        while running:
            time.sleep(0.2)
            running = [one for one in running if not self._slow_done(*one)]
        self.end_flood(flood, "slow scans")

    def _slow_done(self, entry, process, began):
        """Found, given up, or ended (and looked at once more after a while)."""
        found = self.look(entry)
        if not found:
            limit = entry[0].kind.patience_s or SLOW_S[entry[0].speed]
            done = process.poll() is not None
            if done and not hasattr(process, "ended_at"):
                process.ended_at = time.monotonic()
            if time.monotonic() < began + limit and not (
                    done and time.monotonic() > process.ended_at + SETTLE_S):
                return False
        self._end(entry[0], process, entry[1])
        self.look(entry)
        self.say(entry[1] if not found else f"{entry[0]}: found after "
                 f"{time.monotonic() - began:.0f} s")
        return True

    def finish(self):
        """Counts contacts in the capture; what was said of the innocent is in `wrong`."""
        time.sleep(1.5)
        self.tcpdump.stop()
        dropped = [line for line in self.tcpdump.log().splitlines() if "dropped by kernel" in line]
        if dropped and not dropped[0].startswith("0 "):
            self.wrong.append(f"the oracle's own capture is not whole: {dropped[0]}")
        oracle = Oracle(self.tcpdump.capture.path)
        for attack, cell, event in self.attacks:
            self._count(oracle, attack, cell, event)
        self.wrong += matrix_judge.false_accusations(self.sensor.events(),
                                                     [a for a, _cell, _event in self.attacks],
                                                     bool(self.load))
        for address in self.client.address.values():
            self.wrong += [f"the benign client: {e}" for e in self.sensor.events()
                           if e.about(address)]
        return oracle

    def _count(self, oracle, attack, cell, event):
        packets = oracle.packets(attack.sources)
        if not event:
            tried = {p.contact for p in packets if p.contact}
            cell.why += f" ({len(tried)} contacts in the device's capture)"
            return
        cell.contacts = contacts_until(attack, packets, event)
        bar = attack.kind.bar
        if cell.speed != matrix_kinds.FAST:
            bar = matrix_kinds.slow_bar(attack.kind)
        if cell.contacts > bar:
            cell.why = f"more than {bar} {attack.kind.counts}"

    def keep_capture(self, directory):
        path = os.path.join(directory, f"live-{self.load}.pcap")
        shutil.copy(self.tcpdump.capture.path, path)
        return path
