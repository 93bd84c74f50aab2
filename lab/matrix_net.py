# SPDX-License-Identifier: GPL-2.0-or-later
"""
The matrix's network: net.py's, with many attackers beyond the router and a flood.

    attacker n ── 198.18.n.9, 2001:db8:a:n::9 ──┐
    attacker m ── 198.18.m.9, 2001:db8:a:m::9 ──┼── out0 (bridge) router ── switch ── device
    ...                                         ┘                          │
    flood (from 20.0.0.0–99.255.255.255, 2001:db8:f000::/36) ──────────────┘

Each attacker has a /24 and a /64 of its own, so that nobody is another's neighbour, and each attack an
address that no attack had before.
"""

import ipaddress
import subprocess
import sys
import time

import capture
import device
import net

GATEWAY = {4: "198.19.255.254", 6: "2001:db8:a:ffff::fe"}
MANY = 40  # attackers at once, beyond which the findings' default number of slots is too few
FIRST_NEAR = 30  # 10.7.0.30 and on: neighbours on the device's own link
FLOOD_PORTS = (80, "open"), (81, "closed"), ("random", "random")


MUTE = """
table ip mute {
    chain output {
        type filter hook output priority 0;
        tcp flags & rst == rst meta mark != 7 drop
    }
}
"""


class Attack:
    """Who attacks, from which addresses; what kinds' command lines need."""

    def __init__(self, kind, family, speed, namespace, address, network):
        self.kind, self.family, self.speed = kind, family, speed
        self.namespace, self.address, self.network = namespace, address, network
        self.helper = None  # the namespace of a bystander, who is the peer
        where = "near" if kind.near else "far"
        self.targets = network.device_addresses(family, where)
        self.target = self.targets[0]
        self.sources = kind.sources(self) if kind.sources else [address]

    @property
    def gateway_mac(self):
        return self.network.router.mac("out0")

    def start(self):
        return self.namespace.popen(self.kind.make(self), stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)

    def __str__(self):
        return f"{self.kind.name} v{self.family} {self.speed} by {self.address}"


class MatrixNetwork(net.Network):
    def __init__(self):
        self._attacks, self._near, self._made, self._namespaces = 0, 0, 0, []
        self._idle = {False: [], True: []}  # by "near"
        super().__init__()
        router = self.router
        router.ip("link add out0 type bridge mcast_snooping 0", "link set out0 up",
                  f"addr add {GATEWAY[4]}/15 dev out0", f"addr add {GATEWAY[6]}/64 dev out0 nodad",
                  "route add 2001:db8:a::/48 dev out0",
                  # Answers to forged addresses end here, without a word.
                  "route add blackhole 0.0.0.0/0", "route add blackhole ::/0")
        self.flood = net.Namespace("flood")
        net.cable(self.flood, "eth0", self.switch, "to-flood")
        self.switch.ip("link set to-flood master br0")

    def __exit__(self, *exc):
        for namespace in [*self._namespaces, self.flood]:
            namespace.remove()
        super().__exit__(*exc)

    def _namespace(self, near):
        if self._idle[near]:
            return self._idle[near].pop()
        self._made += 1
        n = self._made
        made = net.Namespace(f"a{n}")
        self._namespaces.append(made)
        bridge, label = (self.switch, "br0") if near else (self.router, "out0")
        net.cable(made, "eth0", bridge, f"at{n}")
        bridge.ip(f"link set at{n} master {label}")
        made.sysctl("net.ipv6.conf.all.dad_transmits", 0)
        return made

    def attack(self, kind, family, speed):
        """An attacker of a new address, ready to start(); given back by release()."""
        namespace, v4, v6 = self.addressed(kind.near)
        attack = Attack(kind, family, speed, namespace, v4 if family == 4 else v6, self)
        if kind.bystander:
            attack.helper, attack.address = self._bystander(kind.bystander)
            attack.sources = [attack.address]
        return attack

    def addressed(self, near):
        """(namespace, IPv4 address, IPv6 address), none of which was in use before."""
        namespace = self._namespace(near)
        namespace.ip("addr flush dev eth0 scope global")
        if near:
            self._near += 1
            n = FIRST_NEAR + self._near
            v4, v6 = f"10.7.0.{n}", f"fd07::5:{n}"
            namespace.ip(f"addr add {v4}/24 dev eth0", f"addr add {v6}/64 dev eth0 nodad")
        else:
            self._attacks += 1
            n = self._attacks
            v4 = f"198.{18 + n // 250}.{n % 250}.9"
            v6 = f"2001:db8:a:{n:x}::9"
            namespace.ip(f"addr add {v4}/32 dev eth0", f"addr add {v6}/128 dev eth0 nodad",
                         f"route replace {GATEWAY[4]} dev eth0",
                         f"route replace default via {GATEWAY[4]}",
                         f"route replace {GATEWAY[6]} dev eth0",
                         f"route replace default via {GATEWAY[6]} dev eth0")
        return namespace, v4, v6

    def _bystander(self, what):
        """A host that is abused, and its address. Its kernel is mute where it speaks for itself."""
        namespace, address, _v6 = self.addressed(False)
        if what == "idle":
            namespace.nft(MUTE)
        namespace.popen([sys.executable, "-B", device.HERE + "/bystanders.py", what, address])
        if what == "ftp":
            net.wait_for(lambda: device.listening(namespace, capture.TCP, 21), 10, "the FTP server")
        return namespace, address

    def release(self, attack):
        """Its namespace may serve another. A bystander's goes: it has a server and rules."""
        self._idle[attack.kind.near].append(attack.namespace)
        if attack.helper:
            attack.helper.remove()
            self._namespaces.remove(attack.helper)


class Flood:
    """
    Spoofed SYNs at a rate, until stopped. Two processes share it, one of each family where there are
    two: a frame goes all the way through the namespaces on its sender's time, too much for one core.
    """

    def __init__(self, network, rate, port, families):
        self.network, self.rate = network, rate
        self._tool = device.bench_tool("flood")
        targets = [network.device_addresses(f)[0] for f in (*families, *families)[:2]]
        mac = network.device.mac()
        self._processes = [network.flood.popen(
            [self._tool, "-i", "eth0", "-m", mac, "-d", target, "-p", port,
             "-r", rate // len(targets), "-n", 1 << 40,
             "-S", time.time_ns() % 1000003 + 2 * number],
            stdout=subprocess.DEVNULL) for number, target in enumerate(targets)]
        self._began = (time.monotonic(), self._sent())

    def _sent(self):
        """Frames that came out of the flood's end of its cable."""
        path = "/sys/class/net/to-flood/statistics/rx_packets"
        done = subprocess.run(["ip", "netns", "exec", self.network.switch.name, "cat", path],
                              capture_output=True, text=True, check=True)
        return int(done.stdout)

    def stop(self):
        """Ends it; the rate that it kept, per second."""
        seconds = time.monotonic() - self._began[0]
        sent = self._sent() - self._began[1]
        ended = [p.poll() for p in self._processes]
        for process in self._processes:
            process.terminate()
            process.wait()
        if any(code is not None for code in ended):
            raise RuntimeError(f"the flood ended by itself: {ended}")
        return sent / seconds


def covers(network, addresses):
    """Does the prefix hold all of the addresses?"""
    network = ipaddress.ip_network(network, strict=False)
    return all(ipaddress.ip_address(a) in network for a in addresses)


