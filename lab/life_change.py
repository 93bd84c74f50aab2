# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary life: addresses that change, containers, and a sensor that begins in the midst of it."""

import contextlib
import subprocess
import sys
import time

import device
import net
from case import check
from life import act
from life_udp import TARGETS, begin, both, bound, finish

PUBLISHED = tuple(range(9301, 9313))


@contextlib.contextmanager
def published(life):
    """A container behind the device serves a dozen ports, to which the device passes them on."""
    ports = ", ".join(map(str, PUBLISHED))
    life.device.nft(f"""
table inet published {{
    chain prerouting {{
        type nat hook prerouting priority -100;
        iif eth0 tcp dport {{ {ports} }} dnat ip to 172.30.0.2
        iif eth0 tcp dport {{ {ports} }} dnat ip6 to fd30::2
    }}
}}
""")
    server = life.start(life.network.container, [
        sys.executable, "-B", device.HERE + "/servers.py", "tcp", *PUBLISHED], "container")
    try:
        net.wait_for(lambda: device.listening(life.network.container, 6, PUBLISHED[-1]), 5,
                     "the container")
        yield
    finally:
        life.device.run(["nft", "delete", "table", "inet", "published"])
        life.end(server)


def connect_late(life, where, target):
    """Opens all published ports at once; the container hears only the SYNs that are repeated."""
    life.network.container.nft("table inet asleep { chain input { type filter hook input priority "
                               "0; tcp flags & (syn | ack) == syn drop; }; }")
    user = where.popen([sys.executable, "-B", device.HERE + "/users.py", "connect", target,
                        *PUBLISHED], stdout=subprocess.PIPE, text=True)
    time.sleep(0.7)
    life.network.container.run(["nft", "delete", "table", "inet", "asleep"])
    return finish(user)


@act("container-published")
def container(life):
    """
    A container's ports, reached through the device (DNAT), answer late. Where the device forwards
    for some interfaces alone, IPv4 alone can do that.
    """
    one_by_one = "net.ipv4.conf.eth0.forwarding", "net.ipv4.conf.eth1.forwarding"
    for key in one_by_one:
        life.device.sysctl(key, 1)
    done = 0
    try:
        with published(life):
            for where, _source, target in both(life, "container-published"):
                if life.forwards or ":" not in target:
                    done += connect_late(life, where, target)
    finally:
        if not life.forwards:
            for key in one_by_one:
                life.device.sysctl(key, 0)
    wanted = len(PUBLISHED) * (4 if life.forwards else 2)
    check(done == wanted, f"{done} of {wanted} published ports answered: a bad lab")
    return f"{done} connections to a container's ports"


@act("redirected")
def redirected(life):
    """Ports that the device redirects to a service of its own."""
    ports, done = range(9401, 9409), 0
    life.device.nft(f"""
table inet redirected {{
    chain prerouting {{
        type nat hook prerouting priority -100;
        tcp dport {{ {', '.join(map(str, ports))} }} redirect to :80
    }}
}}
""")
    try:
        for where, _source, target in both(life, "redirected"):
            opened = where.run([sys.executable, "-B", device.HERE + "/users.py", "connect", target,
                                *ports])
            done += int(opened.split()[-1])
    finally:
        life.device.run(["nft", "delete", "table", "inet", "redirected"])
    check(done == 4 * len(ports), f"{done} redirected ports answered: a bad lab")
    return f"{done} connections"


@act("address-changes")
def address_changes(life):
    """The device takes another address while clients use it; they go on with the old one."""
    clients = []
    for old in "10.7.0.21/24", "fd07::21/64":
        life.device.ip(f"addr add {old} dev eth0")
        for source in life.neighbour("address-changes"):
            if (":" in source) == (":" in old):
                clients.append(begin(life, life.near, "insist", 4, source, old.split("/")[0], 80,
                                     4))
    time.sleep(1.5)
    life.device.ip("addr del 10.7.0.21/24 dev eth0", "addr add 10.7.0.22/24 dev eth0",
                   "addr del fd07::21/64 dev eth0", "addr add fd07::22/64 dev eth0")
    pages = [finish(one) for one in clients]
    life.device.ip("addr del 10.7.0.22/24 dev eth0", "addr del fd07::22/64 dev eth0")
    check(all(pages), f"{pages} pages: a bad lab")
    return f"{sum(pages)} pages at the old address"


@act("sensor-begins")
def sensor_begins(life):
    """The sensor starts in the midst of connections, calls and questions, all of which end."""
    holds = [where.popen(life.habit("hold", source, target, port, 6, 4), stdout=subprocess.PIPE,
                         text=True)
             for where, source, target in both(life, "sensor-begins") for port in (80, 22)]
    v4, v6 = life.stranger("sensor-begins")
    ports = range(16600, 16606, 2)
    heard = [begin(life, life.device, "media_hear", own, 2500, *ports)
             for own in ("10.7.0.1", "2001:db8:7::1")]
    bound(life.device, ports[-1])
    sends = [begin(life, life.far, "media_send", source, target, 2800, *ports)
             for source, target in zip((v4, v6), TARGETS["far"])]
    time.sleep(1)
    sensor = life.watch()
    counts = [int(one.communicate(timeout=20)[0]) for one in holds]
    for one in sends + heard:
        finish(one)
    time.sleep(0.5)
    check(all(counts), f"{counts} connections: a bad lab")
    net.wait_for(lambda: sensor.process.poll() is None, 1, "the sensor")
    sensor.stop()
    return f"{sum(counts)} connections and {len(sends)} streams began before the sensor"


@act("groups-joined", alone=True)
def groups_joined(life):
    """The router asks who listens to which group (IGMP, MLD); the device joins and leaves."""
    life.network.switch.run(["ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "1",
                             "mcast_querier", "1", "mcast_query_interval", "100",
                             "mcast_startup_query_interval", "100"])
    try:
        for n in range(5):
            life.device.ip(f"addr add 239.1.2.{n} dev eth0 autojoin",
                           f"addr add ff05::7:{n} dev eth0 autojoin")
            time.sleep(0.3)
        for n in range(5):
            life.device.ip(f"addr del 239.1.2.{n} dev eth0", f"addr del ff05::7:{n} dev eth0")
    finally:
        life.network.switch.run(["ip", "link", "set", "br0", "type", "bridge", "mcast_snooping",
                                 "0", "mcast_querier", "0"])
    return "ten groups joined and left"
