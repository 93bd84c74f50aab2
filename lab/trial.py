# SPDX-License-Identifier: GPL-2.0-or-later
"""One attack on a fresh device that the sensor and its rivals watch at once."""

import subprocess
import time

import capture
import device
import net
import rivals
import rows

SETTLE_S = 0.3  # between the last of the watchers and the attack
GRACE_S = 9  # after the attack: psad looks every 5 s
BRIEF_GRACE_S = 2.5  # the sensor tells within a second
FLOOD_S = 3  # for a flood to be found, and for a busy machine to write it
SYN, RST, ACK = 0x02, 0x04, 0x10


class Verdict:
    """What one tool made of the attack. Times in Unix microseconds."""

    def __init__(self):
        self.found = False
        self.told = None  # when it said so
        self.packets = 0  # of the attack, in the device's capture, when it said so
        self.seconds = 0.0  # from the attack's first packet until it said so
        self.blamed = set()
        self.cpu_s = 0.0
        # The sensor's alone: what it had decided on, in the device's capture.
        self.contacts = self.decided_packets = 0
        self.event, self.events = None, []


def _is_alert(event):
    return event.data.get("event_type") == "alert" and event.finding.get("phase") == "start"


class Trial:
    """Runs `row`; verdicts by tool are in .verdicts, the sensor's under "Mimamori"."""

    def __init__(self, row, others, brief=False):
        self.row, self.brief = row, brief
        self.verdicts = {}
        self._told = {}  # id of an event: when it was seen in the file
        with net.Network() as network:
            self.network = network
            directory = net.directory()
            self.services = device.Services(network.device, directory)
            self.attacker, self.address, self.target = network.new_attacker(row.where, row.family)
            self.attackers = row.prepare(network, self.address)
            self.tcpdump = device.Tcpdump(network.device, directory)
            self.rivals, self.absent = [], []
            for rival in others:
                try:
                    self.rivals.append(rival(network.device, directory))
                except (RuntimeError, net.Timeout) as error:
                    self.absent.append(f"{rival.name} did not start: {error}")
            self.sensor = device.Sensor(network.device, directory)
            time.sleep(SETTLE_S)
            for rival in self.rivals:
                rival.begin()
            self._run()
            self._judge()
            for rival in self.rivals:
                rival.stop()
            self.tcpdump.stop()

    def _events(self):
        """Alerts so far, each noted when it was first seen."""
        for event in self.sensor.events():
            self._told.setdefault(id(event), time.time_ns() // 1000)
        return [event for event in self.sensor.events() if _is_alert(event)]

    def _sensor_found(self):
        return next((e for e in self._events() if self.row.accepts(e, self.attackers)), None)

    def _enough(self):
        found = self._sensor_found()  # and so notes when what was told
        if self.row.whole or not found:
            return False
        return self.brief or all(rival.alerts() for rival in self.rivals)

    def _run(self):
        cpu = self._sensor_cpu()
        commands = self.row.commands(self.network, self.address, self.target)
        process, ended = None, None
        deadline = time.monotonic() + self.row.limit_s
        try:
            while time.monotonic() < deadline and not self._enough():
                if process is None or process.poll() is not None:
                    if commands:
                        process = self.attacker.popen(commands.pop(0), stdout=subprocess.DEVNULL,
                                                      stderr=subprocess.DEVNULL)
                    elif ended is None:
                        ended = time.monotonic()
                    elif time.monotonic() > ended + (BRIEF_GRACE_S if self.brief else GRACE_S):
                        break
                time.sleep(0.01)
        finally:
            if process and process.poll() is None:
                process.terminate()
                process.wait()
        self._events()
        self.sensor_cpu_s = self._sensor_cpu() - cpu

    def _sensor_cpu(self):
        total = 0
        for pid in self.sensor.pids():
            with open(f"/proc/{pid}/schedstat", encoding="utf-8") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def _judge(self):
        time.sleep(0.2)
        packets = [p for p in self.tcpdump.until(time.time_ns() // 1000, 0.5)
                   if (p.src in self.attackers if self.attackers is not None
                       else p.src not in rows.STRANGERS_NOT and not p.src.startswith("fe80"))]
        self.packets = packets
        first = packets[0].t if packets else 0
        own = self.verdicts["Mimamori"] = Verdict()
        for rival in self.rivals:
            verdict = self.verdicts[rival.name] = Verdict()
            alerts = rival.alerts()
            verdict.cpu_s = rival.cpu()
            verdict.blamed = {alert.peer for alert in alerts}
            if alerts:
                self._told_at(verdict, alerts[0].t, first)
        own.cpu_s = self.sensor_cpu_s
        own.events = self._events()
        own.blamed = {event.peer for event in own.events}
        own.event = self._sensor_found()
        if own.event:
            self._told_at(own, self._told[id(own.event)], first)
            decided = capture.decided(packets, own.event)
            own.decided_packets = len(decided)
            own.contacts = self._contacts(decided)

    def _told_at(self, verdict, told, first):
        verdict.found, verdict.told = True, told
        verdict.packets = sum(p.t <= told for p in self.packets)
        verdict.seconds = max(0, told - first) / 1e6

    def _contacts(self, decided):
        """What the attack had tried in vain, counted as its row says."""
        if self.row.is_flood:
            return len(decided)
        if self.row.counts == "connections":
            return len({(p.sport, p.dport) for p in decided
                        if p.proto == capture.TCP and p.flags & (SYN | ACK) == SYN})
        if self.row.odd:
            return len({(p.dst, p.proto, p.dport, p.flags) for p in decided if not p.flags & RST
                        and not ((p.proto, p.dport) in device.SERVED and p.flags == SYN)})
        return len({(p.src if self.row.scope == "distributed" else "", p.dst, p.proto, p.dport)
                    for p in decided if p.proto in (capture.TCP, capture.UDP)
                    and (p.proto, p.dport) not in device.SERVED})

    def bar(self):
        """Why the sensor does not hold the row's bar, or None."""
        verdict = self.verdicts["Mimamori"]
        said = "; ".join(str(event) for event in verdict.events) or "no alert"
        if not self.packets:
            return "no packet of the attack is in the device's capture"
        if not verdict.found:
            return f"not found: {said}"
        if self.row.is_flood:
            others = [e for e in verdict.events if not self.row.accepts(e, self.attackers)]
            late = verdict.seconds > FLOOD_S
            return f"after {verdict.seconds:.1f} s: {said}" if late or others else None
        if verdict.contacts > self.row.max_contacts:
            return f"{verdict.contacts} {self.row.counts}, more than {self.row.max_contacts}: {said}"
        if self.row.scope == "decoys" and len(verdict.events) > 1:
            return f"more than one is accused: {said}"
        return None


def installed():
    """(rivals that can run here, why the others cannot)."""
    able = [rival for rival in rivals.ALL if not rival.missing()]
    return able, [f"{rival.name}: {' '.join(rival.missing())} not installed"
                  for rival in rivals.ALL if rival.missing()]
