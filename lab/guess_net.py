# SPDX-License-Identifier: GPL-2.0-or-later
"""
matrix_net.py's network with login servers (logins.py), and people who use them or guess at them,
each in a namespace of their own:

    strangers    198.18.n.9, 2001:db8:a:n::9, beyond the router
    neighbours   10.7.0.31 and on, fd07::5:n, on the device's link
"""

import os
import subprocess
import threading
import time

import device
import logins
import matrix_net
import net

PACKETS = "tcp or icmp or icmp6"  # of the capture: all that logins need
SNAP = 1600
SLOTS = 128  # findings, where far more than the default's 48 guess at once


def side_by_side(jobs, stagger_s=0):
    """
    {name: what its function returned, or the exception}, of a dict of functions, a thread each. An
    executor's lock is not safe beside threads that fork (Popen with a preexec_fn).
    """
    said = {}

    def one(name, function):
        try:
            said[name] = function()
        except Exception as error:  # pylint: disable=broad-except
            said[name] = error

    threads = [threading.Thread(target=one, args=job) for job in jobs.items()]
    for thread in threads:
        thread.start()
        time.sleep(stagger_s)
    for thread in threads:
        thread.join()
    return {name: said[name] for name in jobs}


class Person:
    """Someone with an address of their own in each family, and a home."""

    def __init__(self, network, namespace, v4, v6, near):
        self.network, self.namespace, self.near = network, namespace, near
        self.address = {4: v4, 6: v6}
        where = "near" if near else "far"
        self.target = {4: network.device_addresses(4)[0], 6: network.device_addresses(6, where)[0]}
        self.home = net.directory()

    def popen(self, argv, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.STDOUT)
        environment = {**os.environ, "HOME": self.home, "TERM": "vt100", **kwargs.pop("env", {})}
        return self.namespace.popen(argv, cwd=self.home, text=True, errors="replace",
                                    env=environment, **kwargs)

    def run(self, argv, seconds, **kwargs):
        """(exit code, output); a tool that takes longer is ended, with the code None."""
        process = self.popen(argv, **kwargs)
        try:
            output = process.communicate(timeout=seconds)[0]
            return process.returncode, output
        except subprocess.TimeoutExpired:
            process.kill()
            return None, process.communicate()[0]

    def take(self, family, count):
        """More addresses: of IPv6 in the same /64, of IPv4 each of a /24 of its own; all of them."""
        if family == 6:
            first = self.address[6].rsplit("::", 1)[0]
            mine = [f"{first}::{0x100 + n:x}" for n in range(count)]
        else:
            mine = [self.network.stranger_address() for _ in range(count)]
        self.namespace.ip(*(f"addr add {a}/{'128' if family == 6 else '32'} dev eth0"
                            + (" nodad" if family == 6 else "") for a in mine))
        return mine

    def speak_from(self, family, address):
        """From now on, its connections to anybody come from this address of its own."""
        gateway = matrix_net.GATEWAY[family]
        self.namespace.ip(f"route replace default via {gateway} dev eth0 src {address}")


class LoginNetwork(matrix_net.MatrixNetwork):
    key = None  # of one that the device's servers let in
    def person(self, near=False):
        return Person(self, *self.addressed(near), near)

    def stranger_address(self):
        self._attacks += 1
        return f"198.{18 + self._attacks // 250}.{self._attacks % 250}.9"


class Lab:
    """The device with its login servers, its capture, and sensors with and without its log."""

    def __init__(self, network, say=lambda text: None):
        self.network, self.say = network, say
        self.directory = net.directory()
        self.logins = logins.Logins(network.device, self.directory)
        network.key = self.logins.key
        self.tcpdump = device.Tcpdump(network.device, self.directory, expression=PACKETS, snap=SNAP)
        self.sensors = self._watch()

    def _watch(self):
        return {"alone": self._sensor("none"), "log": self._sensor(self.logins.auth_log)}

    def _sensor(self, logs):
        return device.Sensor(self.network.device, net.directory(), sections={
            "memory": {"findings": SLOTS}, "guess": {"logs": logs}})

    def events(self, sensor="alone"):
        return self.sensors[sensor].events()

    def explain(self):
        return "\n".join(f"{name}: " + "\n".join(sensor.log().splitlines()[-3:])
                         for name, sensor in self.sensors.items())
