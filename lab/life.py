# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ordinary life: what happens to a device day by day, and must never become an event.

An *act* is a piece of it, some seconds long, told by a function of a Life; it returns a sentence
about what took place, and fails when nothing did. Everyone who acts has an address of their own:

    neighbours   10.7.0.100–250, fd07::2:n         in the namespace near
    strangers    198.18.0.0/16, 2001:db8:c::/48    in the namespace far, which answers for all of them
    the cloud    203.0.113.0/24, 2001:db8:dead::/48   where nobody answers

The device has its services (22, 23, 53/udp, 80), and runs clients of its own. What came of it all
is judged three times: by the sensor that ran, and by replays of the device's capture with and
without --home.
"""

import collections
import concurrent.futures
import os
import shutil
import subprocess
import sys
import threading
import time

import case
import device
import events
import net
import tools
from case import Skip, check
from days import spread

HABITS = os.path.join(device.HERE, "habits.py")
STRANGERS = "198.18.0.0/16", "2001:db8:c::/48"
CLOUD = "203.0.113.0/24", "2001:db8:dead::/48"
BEHIND = "172.30.0.0/24", "fd30::/64"  # the container's network, where the device forwards
FAR = "198.51.100.2", "2001:db8:9::2"
GAP_S, TIMES = 120, 12  # of a day's captures
ACTS = {}  # name: Act
Act = collections.namedtuple("Act", "name function needs behind alone bulk")


def act(name, *needs, behind=False, alone=False, bulk=False):
    """
    Declares a function of (life) as a piece of ordinary life. It needs these programs; it is of the
    network behind the device; it disturbs others, and has to have the network for itself; it moves so
    much that it could be taken for a flood.
    """
    def declare(function):
        ACTS[name] = Act(name, function, needs, behind, alone, bulk)
        return function
    return declare


def run_act(life, name):
    missing = tools.missing(*ACTS[name].needs)
    if missing:
        raise Skip(f"{missing[0]} is not installed")
    life.begin_act(name)
    try:
        return ACTS[name].function(life)
    except RuntimeError as error:
        raise RuntimeError("..." + str(error)[-300:]) from None


class Life:
    def __init__(self, network, forwards=False):
        self.network, self.device = network, network.device
        self.near, self.far, self.router = network.near, network.far, network.router
        self.forwards = forwards
        self.directory = net.directory()
        self.own = network.device_addresses(4) + network.device_addresses(6)
        self._residents, self._cast = {}, {}
        self._count = {"near": 0, "far": 0}
        self._lock = threading.Lock()
        self.who = {}  # address: the act that it belongs to
        self._roads()
        self.services = device.Services(self.device, self.directory)
        self.sensors, self.captures = [], []
        self.charged = set()  # sentences of accused() for which a case has failed already

    def _roads(self):
        """One address of far answers for all strangers: nothing has to be resolved one by one."""
        self.router.ip("addr add 2001:db8:9::1/64 dev eth1 nodad",
                       f"route add {STRANGERS[0]} via {FAR[0]}",
                       f"route add {STRANGERS[1]} via {FAR[1]}",
                       *(f"route add blackhole {prefix}" for prefix in CLOUD))
        self.far.ip(f"addr add {FAR[0]}/24 dev eth0", f"addr add {FAR[1]}/64 dev eth0 nodad",
                    "route add default via 198.51.100.1", "route add default via 2001:db8:9::1",
                    *(f"route add local {prefix} dev lo" for prefix in STRANGERS))
        self.far.sysctl("net.ipv6.ip_nonlocal_bind", 1)  # or nobody could ask from such an address
        self.near.ip("addr add 10.7.0.99/24 dev eth0", "addr add fd07::2:99/64 dev eth0 nodad",
                     "route add default via 10.7.0.254", "route add default via fd07::fe")
        self.near.sysctl("net.ipv4.conf.all.send_redirects", 0)
        # Each neighbour sends from a network card of its own, as machines do.
        self.near.nft("""
table netdev cards {
    map v4 { type ipv4_addr : ether_addr; }
    map v6 { type ipv6_addr : ether_addr; }
    chain out {
        type filter hook egress device eth0 priority 0;
        ether saddr set ip saddr map @v4
        ether saddr set arp saddr ip map @v4
        ether saddr set ip6 saddr map @v6
    }
}
""")
        if self.forwards:
            for key in "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding":
                self.device.sysctl(key, 1)
            for where in self.router, self.near:
                where.ip(f"route add {BEHIND[0]} via 10.7.0.1", f"route add {BEHIND[1]} via fd07::1")

    # --- who is there ---

    def begin_act(self, name):
        """Whoever acted in it before acts in it again: evidence adds up, as it does in life."""
        self._cast[name] = 0

    def _resident(self, name, kind, make):
        with self._lock:
            n = self._cast[name] = self._cast.get(name, 0) + 1
            if (name, kind, n) not in self._residents:
                self._count[kind] += 1
                self._residents[name, kind, n] = make(self._count[kind])
                self.who.update(dict.fromkeys(self._residents[name, kind, n], name))
        return self._residents[name, kind, n]

    def neighbour(self, name):
        """A machine on the link, in a part of its own in the act: (IPv4, IPv6)."""
        v4, v6 = self._resident(name, "near", lambda n: (f"10.7.0.{100 + n}", f"fd07::2:{n}"))
        self.near.ip(f"addr replace {v4}/24 dev eth0", f"addr replace {v6}/64 dev eth0 nodad")
        mac = "02:00:00:00:07:%02x" % int(v4.rsplit(".", 1)[1])
        self.near.nft(f"add element netdev cards v4 {{ {v4} : {mac} }}\n"
                      f"add element netdev cards v6 {{ {v6} : {mac} }}")
        return v4, v6

    def strangers(self, name, count=1):
        """Machines far away, no two in one /24 or /64: [(IPv4, IPv6)]."""
        return [self._resident(name, "far", lambda n: (f"198.18.{n % 250}.{1 + n // 250}",
                                                       f"2001:db8:c:{n:x}::{n % 89 + 2:x}"))
                for _ in range(count)]

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

    def charge(self, wrong):
        """Fails the case for what was said. quiet_at_last() does not charge another for the same."""
        self.charged.update(wrong)
        check(not wrong, f"accused: {wrong[:6]}")

    def tell(self, event):
        return f"{', '.join(sorted(self.belongs(event))[:4]) or 'somebody'}: {event}"

    def belongs(self, event):
        """The acts whose people the event is about."""
        return {name for address, name in self.who.items() if event.about(address)}

    def explain(self):
        return "\n".join(f"{sensor.config}: " + "\n".join(sensor.log().splitlines()[-3:])
                         for sensor in self.sensors)


def replayed(life, path, days=None):
    """
    What replays of a capture say, with and without the device's addresses, as sentences. With days
    (captures, seconds between them, how often they come), these come on standard input as "-".
    """
    home = [word for address in life.own
            for word in ("--home", address + ("/128" if ":" in address else "/32"))]
    said = []
    for arguments, how in ((home, "replay --home"), ([], "replay")):
        with subprocess.Popen([device.sensor_path(), "replay", "--quiet", *arguments, path],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as replay:
            if days:
                spread(*days, replay.stdin.write)
            out = replay.communicate(timeout=60)[0]
        check(replay.returncode == 0, f"{how}: exit {replay.returncode}")
        said += [f"{how}: {life.tell(e)}" for e in events.parse_lines(out.decode())]
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
        life.captures.append(path)
        say(said)
        wrong = life.accused(name)[before:] + replayed(life, path)
        if wrong:
            keep(path, name)
        life.charge(wrong)
        return "nobody is accused"
    return run


def together(life, names, at_once=4):
    """Runs acts beside each other; {act: what came of it}."""
    def one(name):
        try:
            return run_act(life, name)
        except (Skip, case.Fail, net.Timeout, RuntimeError, OSError, ValueError,
                subprocess.SubprocessError) as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        crowd = [name for name in names if not ACTS[name].alone]
        said = dict(zip(crowd, pool.map(one, crowd)))
    said.update((name, one(name)) for name in names if ACTS[name].alone)
    return said


def day_case(life, say):
    """All that was captured, act after act, comes again and again for a day."""
    wrong = replayed(life, "-", (life.captures, GAP_S, TIMES))
    say(f"{len(life.captures)} captures, {GAP_S} s apart, {TIMES} times")
    check(not wrong, f"accused: {wrong[:6]}")
    return "nobody is accused"


def quiet_at_last(life, say):
    """Suspicions that came to nothing are told when they end: the sensors' end is the latest."""
    for sensor in life.sensors:
        code = sensor.stop()
        check(code == 0, f"the sensor's exit code is {code}")
        say(sensor.log().splitlines()[-1])
    life.charge([said for said in life.accused() if said not in life.charged])
    return "nobody was accused"
