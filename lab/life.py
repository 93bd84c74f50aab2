# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ordinary life: what happens to a device day by day, and must never become an event.

An *act* is a piece of it, some seconds long, told by a function of a Life; it returns a sentence
about what took place, and fails when nothing did. Everyone who acts has an address of their own:

    neighbours   10.7.0.100–250, fd07::2:n         in the namespace near
    strangers    198.18.0.0/16, 2001:db8:c::/48    in the namespace far, which answers for all of them

The device has its services (22, 23, 53/udp, 80), and runs clients of its own. What came of it all
is judged three times: by the sensor that ran, and by replays of the device's capture with and
without --home.
"""

import os
import shutil
import subprocess
import sys
import time

import device
import events
import net
import tools
from case import Skip, check

HABITS = os.path.join(device.HERE, "habits.py")
STRANGERS = "198.18.0.0/16", "2001:db8:c::/48"
FAR = "198.51.100.2", "2001:db8:9::2"
ACTS = {}  # name: (function, the programs it needs)


def act(name, *needs):
    """Declares a function of (life) as a piece of ordinary life."""
    def declare(function):
        ACTS[name] = (function, needs)
        return function
    return declare


def run_act(life, name):
    function, needs = ACTS[name]
    missing = tools.missing(*needs)
    if missing:
        raise Skip(f"{missing[0]} is not installed")
    try:
        return function(life)
    except RuntimeError as error:
        raise RuntimeError("..." + str(error)[-300:]) from None


class Life:
    def __init__(self, network, forwards=False):
        self.network, self.device = network, network.device
        self.near, self.far, self.router = network.near, network.far, network.router
        self.forwards = forwards
        self.directory = net.directory()
        self.own = network.device_addresses(4) + network.device_addresses(6)
        self._neighbours = self._strangers = 0
        self.who = {}  # address: the act that it belongs to
        self._roads()
        self.services = device.Services(self.device, self.directory)
        self.sensors = []

    def _roads(self):
        """One address of far answers for all strangers: nothing has to be resolved one by one."""
        self.router.ip("addr add 2001:db8:9::1/64 dev eth1 nodad",
                       f"route add {STRANGERS[0]} via {FAR[0]}",
                       f"route add {STRANGERS[1]} via {FAR[1]}")
        self.far.ip(f"addr add {FAR[0]}/24 dev eth0", f"addr add {FAR[1]}/64 dev eth0 nodad",
                    "route add default via 198.51.100.1", "route add default via 2001:db8:9::1",
                    *(f"route add local {prefix} dev lo" for prefix in STRANGERS))
        self.far.sysctl("net.ipv6.ip_nonlocal_bind", 1)  # or nobody could ask from such an address
        self.near.ip("addr add 10.7.0.99/24 dev eth0", "addr add fd07::2:99/64 dev eth0 nodad",
                     "route add default via 10.7.0.254", "route add default via fd07::fe")
        self.near.sysctl("net.ipv4.conf.all.send_redirects", 0)
        if self.forwards:
            for key in "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding":
                self.device.sysctl(key, 1)

    # --- who is there ---

    def neighbour(self, name):
        """A machine on the link that nobody has seen before: (IPv4, IPv6)."""
        self._neighbours = self._neighbours % 150 + 1
        v4, v6 = f"10.7.0.{100 + self._neighbours}", f"fd07::2:{self._neighbours}"
        self.near.ip(f"addr replace {v4}/24 dev eth0", f"addr replace {v6}/64 dev eth0 nodad")
        self.who.update({v4: name, v6: name})
        return v4, v6

    def strangers(self, name, count=1):
        """Machines far away, no two in one /24 or /64: [(IPv4, IPv6)]."""
        found = []
        for _ in range(count):
            n = self._strangers = self._strangers % 50000 + 1
            found.append((f"198.18.{n % 250}.{1 + n // 250}", f"2001:db8:c:{n:x}::{n % 89 + 2:x}"))
            self.who.update(dict.fromkeys(found[-1], name))
        return found

    def stranger(self, name):
        return self.strangers(name)[0]

    # --- what they do ---

    @staticmethod
    def habit(verb, *arguments):
        return [sys.executable, "-B", HABITS, verb, *map(str, arguments)]

    def do(self, where, verb, *arguments, seconds=40):
        """A habit, to its end; the number that it prints."""
        return int(where.run(self.habit(verb, *arguments), timeout=seconds).split()[-1])

    def start(self, where, argv, name="program"):
        """A program that runs until it is ended."""
        with open(os.path.join(self.directory, f"{name}.log"), "ab") as log:
            return where.popen(argv, stdout=log, stderr=log)

    @staticmethod
    def end(*processes):
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def path(self, *parts):
        path = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    # --- what is said about it ---

    def watch(self, **kwargs):
        """Starts a sensor in the device."""
        sensor = device.Sensor(self.device, net.directory(), **kwargs)
        self.sensors.append(sensor)
        return sensor

    def accused(self, name=None):
        """What the sensors have said, as sentences: about one act's people and those of none."""
        return [self.tell(event) for sensor in self.sensors for event in sensor.events()
                if not name or not self.belongs(event) or name in self.belongs(event)]

    def tell(self, event):
        return f"{', '.join(sorted(self.belongs(event))[:4]) or 'somebody'}: {event}"

    def belongs(self, event):
        """The acts whose people the event is about."""
        return {name for address, name in self.who.items() if event.about(address)}

    def explain(self):
        return "\n".join(f"{sensor.config}: " + "\n".join(sensor.log().splitlines()[-3:])
                         for sensor in self.sensors)


def replayed(life, path):
    """What replays of the capture say, with and without the device's addresses, as sentences."""
    home = [word for address in life.own
            for word in ("--home", address + ("/128" if ":" in address else "/32"))]
    said = []
    for arguments, how in ((home, "replay --home"), ([], "replay")):
        done = subprocess.run([device.sensor_path(), "replay", "--quiet", *arguments, path],
                              capture_output=True, check=False, timeout=60)
        check(done.returncode == 0, f"{how}: exit {done.returncode}: {done.stderr[-300:]}")
        said += [f"{how}: {life.tell(e)}" for e in events.parse_lines(done.stdout.decode())]
    return said


def captured(life, name):
    """Runs the act while the device captures; (what it said, the capture's path)."""
    tcpdump = device.Tcpdump(life.device, net.directory())
    try:
        said = run_act(life, name)
        time.sleep(0.3)
    finally:
        tcpdump.stop()
    return said, tcpdump.capture.path


def keep(path, name):
    """Where a capture is to be kept that led to a false finding; None when nobody wants it."""
    kept = os.environ.get("MIMAMORI_LAB_KEEP")
    return shutil.copy(path, os.path.join(kept, f"{name}.pcap")) if kept else None


def act_case(name):
    def run(life, say):
        before = len(life.accused(name))
        said, path = captured(life, name)
        say(said)
        wrong = life.accused(name)[before:] + replayed(life, path)
        if wrong:
            keep(path, name)
        check(not wrong, f"accused: {wrong[:4]}")
        return "nobody is accused"
    return run


def quiet_at_last(life, say):
    """Suspicions that came to nothing are told when they end: the sensors' end is the latest."""
    for sensor in life.sensors:
        code = sensor.stop()
        check(code == 0, f"the sensor's exit code is {code}")
        say(sensor.log().splitlines()[-1])
    wrong = life.accused()
    check(not wrong, f"accused: {wrong[:6]}")
    return "nobody was accused"
