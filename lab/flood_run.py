# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs floods against a device, one after the other, and judges what the sensor says of each.

    neighbour   10.7.0.100+n, fd07::1:n      in near; forged addresses come from here, too
    bots        198.18.128.0/18, 2001:db8:c:b::/64   in far, whose kernel answers for all of them
    the forged  anywhere                     what is sent to them ends at the router

Each flood goes to another address of the device, so that an event tells which one it is about.
"""

import dataclasses
import itertools
import os
import threading
import time

import device
import flood_kinds
import flood_normal
import net

FOUND_S, CLOSED_S = 2, 10
CLEAR = 1.5  # times the rate below which nothing is a flood
LATE_S = 1  # that a busy machine may take to write what was found in time
JUDGE_S = 4  # after a flood's end, in which an event is still counted as one about it
BOTS6 = "2001:db8:c:b::/64"
FAR = "198.51.100.2", "2001:db8:9::2"
WALL = """
table inet wall {
    chain input {
        type filter hook input priority 0; policy accept;
        ct state invalid drop
    }
}
"""


@dataclasses.dataclass
class Cell:
    """One flood, and what came of it. Times in Unix seconds."""

    kind: flood_kinds.Kind
    family: int
    rate: int
    normal: str
    target: str
    source: str
    mac: str
    directory: str
    onset: float = 0
    end: float = 0
    sent: int = 0
    event: object = None  # that opened it
    found_s: float = None
    closed_s: float = None
    counted: int = None  # packets by the closing event
    below: bool = False  # not found, and not meant to be: it is too little for a flood
    wrong: list = dataclasses.field(default_factory=list)
    forged: str = "?"

    @property
    def name(self):
        return f"{self.kind.name} v{self.family}, {self.rate}/s, {self.normal}"

    def __str__(self):
        found = "below" if self.below else "not found" if self.found_s is None else f"found after {self.found_s:.1f} s"
        closed = "" if self.closed_s is None else f", closed after {self.closed_s:.1f} s"
        return (f"{self.name}: {found}{closed}, forged: {self.forged}, {self.sent} packets sent"
                + (f", {self.counted} told" if self.counted is not None else "")
                + (": " + "; ".join(self.wrong) if self.wrong else ""))


class Teller(threading.Thread):
    """Notes when each event came into the file."""

    def __init__(self, sensor):
        super().__init__(daemon=True)
        self.sensor, self.told, self._ended = sensor, [], threading.Event()
        self.start()

    def run(self):
        while not self._ended.wait(0.01):
            for event in self.sensor.events()[len(self.told):]:
                self.told.append((time.time(), event))

    def stop(self):
        self._ended.set()
        self.join()


class FloodLab:
    """A device with its normal load, and who floods it."""

    def __init__(self, network, family, normal, learn_s=0):
        self.network, self.family, self.normal = network, family, normal
        self.directory = net.directory()
        self._roads()
        self.services = device.Services(network.device, self.directory)
        network.new_attacker("near", family)
        self.load = flood_normal.Normal(self, normal)
        self.sensor = device.Sensor(network.device, self.directory)
        self.teller = Teller(self.sensor)
        self.load.wait_working()
        time.sleep(learn_s)
        self.cells = []
        self._victims = itertools.cycle(range(len(network.device_addresses(family, "near"))))
        self._wall = False

    def _roads(self):
        network = self.network
        network.router.ip("route add blackhole default", "route add blackhole ::/0",
                          "addr add 2001:db8:9::1/64 dev eth1 nodad",
                          f"route add {flood_kinds.BOTS} via {FAR[0]}",
                          f"route add {BOTS6} via {FAR[1]}")
        network.far.ip(f"addr add {FAR[0]}/24 dev eth0", f"addr add {FAR[1]}/64 dev eth0 nodad",
                       "route add default via 198.51.100.1", "route add default via 2001:db8:9::1",
                       f"route add local {flood_kinds.BOTS} dev lo",
                       f"route add local {BOTS6} dev lo")

    def _cell(self, kind, rate):
        addresses = self.network.device_addresses(self.family, kind.where)
        far = kind.where == "far"
        mac = self.network.router.mac("eth1") if far else self.network.device.mac()
        # Who floods many addresses in turn would be a scanner as well.
        source = self.network.new_attacker("near", self.family)[1] if kind.sources == "one" else ""
        return Cell(kind, self.family, rate, self.normal, addresses[next(self._victims)], source, mac,
                    self.directory)

    def _firewall(self, wanted):
        """Conntrack that knows no connection from its middle, as careful firewalls have it."""
        here = self.network.device
        if wanted == self._wall:
            return
        self._wall = wanted
        if wanted:
            here.nft(WALL)
            here.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
        else:
            here.run(["nft", "delete", "table", "inet", "wall"])

    def _sent(self, far):
        """Frames that came out of the sender's cable."""
        where, port = ((self.network.router, "eth1") if far else (self.network.switch, "to-near"))
        path = f"/sys/class/net/{port}/statistics/rx_packets"
        return int(where.run(["ip", "netns", "exec", where.name, "cat", path]))

    def opened(self, cell):
        """The event that opened it, if it is told by now."""
        return next(((told, e) for told, e in list(self.teller.told)
                     if cell.onset <= told <= (cell.end or told) + JUDGE_S and is_flood(e, "start")
                     and e.finding["technique"] == cell.kind.technique
                     and e.data.get("dest_ip") == cell.target), None)

    def _open(self):
        return open_floods([e for _told, e in list(self.teller.told)])

    def _let_close(self, kind):
        """Two floods of one technique are told apart only when the first is over."""
        until = time.time() + CLOSED_S + LATE_S
        while time.time() < until and any(e.finding["technique"] == kind.technique
                                          for e in self._open()):
            time.sleep(0.05)

    def run(self, kind, rate, seconds, until_found=False):
        """A flood of so many seconds; until_found: ended soon after it is found."""
        self._let_close(kind)
        cell = self._cell(kind, rate)
        self.cells.append(cell)
        self._firewall(kind.wall)
        sender = self.network.far if kind.where == "far" else self.network.near
        before = self._sent(kind.where == "far")
        argv = kind.argv(cell)
        with open(os.path.join(self.directory, "sender.log"), "wb") as log:
            cell.onset = time.time()
            process = sender.popen(argv, stdout=log, stderr=log)
        try:
            while time.time() < cell.onset + seconds and process.poll() is None:
                if until_found and self.opened(cell):
                    time.sleep(0.3)
                    break
                time.sleep(0.02)
        finally:
            early = process.poll()
            process.terminate()
            process.wait(5)
            cell.end = time.time()
        cell.sent = self._sent(kind.where == "far") - before
        if early is not None:
            cell.wrong.append(f"the sender ended with {early}: a bad lab")
        if self.sensor.process.poll() is not None:
            raise RuntimeError(f"the sensor ended: {self.sensor.log()}")
        return cell

    def judge(self, cell):
        """Fills in what is known of the cell's opening by now."""
        opened = self.opened(cell)
        self._others(cell)
        kept = cell.sent / max(0.1, cell.end - cell.onset)
        if not opened:
            cell.below = kept < CLEAR * cell.kind.least
            if not cell.below:
                cell.wrong.append(f"not found, at {kept:.0f}/s")
            return
        told, cell.event = opened
        cell.found_s = told - cell.onset
        cell.forged = forged(cell.event)
        if cell.event.t / 1e6 - cell.onset > FOUND_S or cell.found_s > FOUND_S + LATE_S:
            cell.wrong.append(f"found late: {cell.found_s:.1f} s")
        port = cell.event.data.get("dest_port", 0)
        if port != cell.kind.port:
            cell.wrong.append(f"port {port}, not {cell.kind.port}")
        if cell.kind.forged and cell.forged != cell.kind.forged:
            cell.wrong.append(f"forged: {cell.forged}, not {cell.kind.forged}")
        service = cell.event.data.get("src_port")
        if cell.kind.service and service != cell.kind.sport:
            cell.wrong.append(f"service's port {service}, not {cell.kind.sport}")

    def _others(self, cell):
        """What was said beside it while it ran: nothing should be, but what is about it."""
        for told, event in list(self.teller.told):
            if not cell.onset <= told <= cell.end + 1 or event.finding.get("phase") != "start":
                continue
            if is_flood(event) and event.data.get("dest_ip") == cell.target \
                    and event.finding["technique"] == cell.kind.technique:
                continue
            if is_flood(event) and any(other is not cell and other.kind.technique
                                       == event.finding["technique"]
                                       and other.target == event.data.get("dest_ip")
                                       and told - other.end < JUDGE_S for other in self.cells):
                continue
            cell.wrong.append(f"also said: {event.finding['kind']}/{event.finding['technique']} of "
                              f"{event.data.get('dest_ip')} by {event.peer}")

    def close(self, cell):
        """Fills in how it was closed."""
        if not cell.event:
            return
        number = cell.event.finding["finding"]
        closing = next(((told, e) for told, e in self.teller.told if is_flood(e, "end")
                        and e.finding["finding"] == number), None)
        if not closing:
            cell.wrong.append("not closed")
            return
        cell.closed_s = closing[0] - cell.end
        cell.counted = closing[1].finding.get("packets")
        if cell.closed_s > CLOSED_S + LATE_S:
            cell.wrong.append(f"closed late: {cell.closed_s:.1f} s")
        if cell.closed_s < -1:
            cell.wrong.append(f"closed {-cell.closed_s:.1f} s too early")

    def wait_closed(self, seconds=CLOSED_S + 2 * LATE_S):
        """Until every flood that was found is closed, at most so long after the last one's end."""
        until = max((c.end for c in self.cells), default=0) + seconds
        while self._open() and time.time() < until:
            time.sleep(0.1)

    def explain(self):
        return "\n".join([f"  {e.data['timestamp']} {e.finding.get('phase')} {e}"
                          for _told, e in self.teller.told[-6:]]
                         + self.sensor.log().splitlines()[-4:])

    def stop_watching(self):
        """Ends the sensor; its exit code."""
        code = self.sensor.stop()
        self.teller.stop()
        return code

    def stop(self):
        """Likewise, and the normal load."""
        self.load.stop()
        return self.stop_watching()


def is_flood(event, phase=None):
    return event.finding.get("kind") == "flood" and phase in (None, event.finding.get("phase"))


def open_floods(events):
    """The events that opened floods which are not closed yet."""
    told = [e for e in events if is_flood(e)]
    ended = {e.finding["finding"] for e in told if e.finding["phase"] == "end"}
    return [e for e in told if e.finding["phase"] == "start" and e.finding["finding"] not in ended]


def forged(event):
    """Are its sources' addresses forged? "yes", "no" or "unknown"."""
    return event.finding.get("forged", "?")
