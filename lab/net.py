# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lab's network: namespaces, named after the process that made them.

    near attacker ──┐                    ┌── router ─────────── far attacker
    10.7.0.100+n    │                    │   10.7.0.254         198.18.n.9
    fd07::1:n       │                    │   fd07::fe           2001:db8:9:n::9
                    ├── switch (bridge) ─┤
    client ─────────┘                    └── device ─────────── container
    10.7.0.3                                 10.7.0.1, .11–.18  172.30.0.2
    fd07::3                                  fd07::1, ::11–::18 fd30::2
                                             2001:db8:7::1, ::11–::18

The client and the near attacker are neighbours of the device (on-link); the far attacker comes
through the router. The container stands behind the device and is reached only where a case
publishes its ports with DNAT. Every case takes an attacker's address that no case had before.
"""

import atexit
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

PREFIX = "mimamori"
EXTRA_ADDRESSES = range(11, 19)  # 10.7.0.11 .. 10.7.0.18, fd07::11 .. fd07::18

_live_namespaces = []
_live_directories = []


class Timeout(Exception):
    """A condition did not come true in its time."""


def wait_for(condition, seconds, what, interval=0.02):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"{what}: not within {seconds:g} s")
        time.sleep(interval)


def die_with_parent():
    """In a child before exec: a lab that is killed outright leaves nothing running."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def command(argv, **kwargs):
    """Runs a tool that has to succeed; its output is the error's text when it does not."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, check=False, **kwargs)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout.strip()}")
    return done.stdout


class Namespace:
    """One network namespace."""

    def __init__(self, label):
        self.label = label
        self.name = f"{PREFIX}-{os.getpid()}-{label}"
        command(["ip", "netns", "add", self.name])
        _live_namespaces.append(self)
        self.ip("link set lo up")
        # Addresses are used at once: no waiting for duplicate address detection.
        for scope in "all", "default":
            self.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
            self.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)

    def inside(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--"] + [str(a) for a in argv]

    def run(self, argv, **kwargs):
        return command(self.inside(argv), **kwargs)

    def popen(self, argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("start_new_session", True)
        return subprocess.Popen(self.inside(argv), preexec_fn=die_with_parent, **kwargs)

    def ip(self, *lines):
        """Commands of ip(8), as one batch."""
        done = subprocess.run(["ip", "-netns", self.name, "-batch", "-"], text=True, check=False,
                              input="".join(line + "\n" for line in lines), capture_output=True)
        if done.returncode:
            raise RuntimeError(f"ip in {self.label}: {done.stderr.strip()}")

    def nft(self, rules):
        """Loads a ruleset."""
        done = subprocess.run(self.inside(["nft", "-f", "-"]), input=rules, text=True,
                              capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"nft in {self.label}: {done.stderr.strip()}")

    def sysctl(self, key, value):
        self.run(["sysctl", "-qw", f"{key}={value}"])

    def pids(self):
        done = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True,
                              check=False)
        return [int(pid) for pid in done.stdout.split()]

    def mac(self, interface="eth0"):
        out = self.run(["ip", "-o", "link", "show", "dev", interface])
        return re.search(r"link/ether (\S+)", out).group(1)

    def remove(self):
        _remove_namespace(self.name)
        if self in _live_namespaces:
            _live_namespaces.remove(self)


def _remove_namespace(name):
    for attempt in range(20):
        done = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True,
                              check=False)
        pids = done.stdout.split()
        if not pids:
            break
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGTERM if attempt < 5 else signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def cable(a, a_name, b, b_name):
    """A veth pair between two namespaces, both ends up."""
    command(["ip", "link", "add", "name", a_name, "netns", a.name, "type", "veth",
             "peer", "name", b_name, "netns", b.name])
    a.ip(f"link set {a_name} up")
    b.ip(f"link set {b_name} up")


def directory():
    """A temporary directory that goes with the process."""
    path = tempfile.mkdtemp(prefix=f"{PREFIX}-lab-{os.getpid()}-")
    os.chmod(path, 0o755)
    _live_directories.append(path)
    return path


def _remove_directory(path):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for mount in [line.split()[1] for line in mounts]:
            if mount.startswith(path):
                subprocess.run(["umount", "-l", mount], capture_output=True, check=False)
    shutil.rmtree(path, ignore_errors=True)


def sweep():
    """Removes what killed runs have left behind."""
    def dead(pid):
        return not os.path.exists(f"/proc/{pid}")

    names = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    for name in names:
        match = re.fullmatch(PREFIX + r"-(\d+)-\w+", name)
        if match and dead(match.group(1)):
            _remove_namespace(name)
    for entry in os.listdir(tempfile.gettempdir()):
        match = re.fullmatch(PREFIX + r"-lab-(\d+)-\w+", entry)
        if match and dead(match.group(1)):
            _remove_directory(os.path.join(tempfile.gettempdir(), entry))


def cleanup():
    """Removes everything that this process made. Safe to call twice."""
    while _live_namespaces:
        _live_namespaces[-1].remove()
    while _live_directories:
        _remove_directory(_live_directories.pop())


def install_cleanup():
    """Every way out of the process but SIGKILL runs cleanup(); sweep() covers that one."""
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and cleanup())

    def leave(number, _frame):
        raise SystemExit(128 + number)

    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(number, leave)
    sweep()


class Network:
    """The topology drawn above."""

    def __init__(self):
        self.switch = Namespace("switch")
        self.near = Namespace("near")
        self.client = Namespace("client")
        self.router = Namespace("router")
        self.far = Namespace("far")
        self.device = Namespace("device")
        self.container = Namespace("container")
        self._attackers = 0
        self._build()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        for namespace in (self.near, self.client, self.far, self.container, self.device,
                          self.router, self.switch):
            namespace.remove()

    def _build(self):
        self.switch.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")
        for namespace in self.near, self.client, self.router, self.device:
            port = f"to-{namespace.label}"
            cable(namespace, "eth0", self.switch, port)
            self.switch.ip(f"link set {port} master br0")
        cable(self.router, "eth1", self.far, "eth0")
        cable(self.device, "eth1", self.container, "eth0")

        self.address_device()
        self.device.ip("addr add 172.30.0.1/24 dev eth1", "addr add fd30::1/64 dev eth1 nodad")
        self.client.ip("addr add 10.7.0.3/24 dev eth0", "addr add fd07::3/64 dev eth0 nodad",
                       "route add default via 10.7.0.254", "route add default via fd07::fe")
        self.router.ip("addr add 10.7.0.254/24 dev eth0", "addr add fd07::fe/64 dev eth0 nodad",
                       "addr add 2001:db8:7::fe/64 dev eth0 nodad",
                       "addr add 198.51.100.1/24 dev eth1",
                       "route add 2001:db8:9::/48 dev eth1")
        self.container.ip("addr add 172.30.0.2/24 dev eth0", "addr add fd30::2/64 dev eth0 nodad",
                          "route add default via 172.30.0.1", "route add default via fd30::1")
        # Redirects would make the far attacker's first packets look different.
        for key in "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding":
            self.router.sysctl(key, 1)
        self.router.sysctl("net.ipv4.conf.all.send_redirects", 0)

    def address_device(self, interface="eth0"):
        """Gives the device its addresses and its way out."""
        self.device.ip(*(f"addr add {a}/24 dev {interface}" for a in self.device_addresses(4)),
                       *(f"addr add {a}/64 dev {interface} nodad"
                         for a in self.device_addresses(6)),
                       "route add default via 10.7.0.254", "route add default via fd07::fe")

    def replace_device_link(self):
        """The device's card is pulled and plugged in again: a new interface, the same MAC."""
        mac = self.device.mac()
        self.device.ip("link del eth0")
        cable(self.device, "eth0", self.switch, "to-device")
        self.device.ip(f"link set eth0 address {mac}")
        self.switch.ip("link set to-device master br0")
        self.address_device()

    @staticmethod
    def device_addresses(family, where=None):
        """All of them, or those that an attacker `where` can reach."""
        host = ["1"] + [str(n) for n in EXTRA_ADDRESSES]
        if family == 4:
            return [f"10.7.0.{n}" for n in host]
        local, public = ([f"{net}::{n}" for n in host] for net in ("fd07", "2001:db8:7"))
        return {"near": local, "far": public, None: local + public}[where]

    def restart_attackers(self, after):
        """Lets the first address come again after so many; for runs of hours."""
        if self._attackers >= after:
            self._attackers = 0

    def new_attacker(self, where, family):
        """Gives the near or far attacker an address of its own; (namespace, address, target)."""
        self._attackers += 1
        n = self._attackers
        if n > 150:
            raise RuntimeError("no attacker's address is left in this topology")
        if where == "near":
            v4, v6 = f"10.7.0.{100 + n}", f"fd07::1:{n}"
            # A machine of its own each: one link address for all would make them one that rotates.
            self.near.ip("addr flush dev eth0 scope global",
                         f"link set eth0 address 02:00:0a:07:00:{100 + n:02x}",
                         f"addr add {v4}/24 dev eth0", f"addr add {v6}/64 dev eth0 nodad")
            return (self.near, v4, "10.7.0.1") if family == 4 else (self.near, v6, "fd07::1")
        # Strangers come from networks of their own: several of one /24 may be a group.
        v4, v6 = f"198.18.{n}.9", f"2001:db8:9:{n:x}::9"
        self.router.ip(f"addr replace 198.18.{n}.1/24 dev eth1",
                       f"addr replace 2001:db8:9:{n:x}::1/64 dev eth1 nodad")
        self.far.ip("addr flush dev eth0 scope global", f"addr add {v4}/24 dev eth0",
                    f"route replace default via 198.18.{n}.1")
        self.far.ip(f"addr add {v6}/64 dev eth0 nodad",
                    f"route replace default via 2001:db8:9:{n:x}::1")
        return (self.far, v4, "10.7.0.1") if family == 4 else (self.far, v6, "2001:db8:7::1")
