# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary life: services that are gone, monitors, strangers' answers, plugs without a cloud."""

import os
import subprocess

from case import check
from life import act
from life_udp import TARGETS, begin, both, finish

MONITORING = "/usr/lib/nagios/plugins"
CLOUDS = 22


@act("dead-service")
def dead_service(life):
    """Clients of one service, or two, that is gone: again and again, each time another port."""
    people = both(life, "dead-service") + [
        (life.far, pair, target) for one in life.strangers("dead-service", 6)
        for pair, target in zip(one, TARGETS["far"])]
    clients = [begin(life, where, "retry", source, target, port, 25, 100)
               for number, (where, source, target) in enumerate(people)
               for port in ((7777, 1883) if number % 2 else (7777,))]
    refused = sum(finish(one) for one in clients)
    check(refused == 25 * len(clients), f"{refused} refusals: a bad lab")
    return f"{len(people)} hosts met {refused} refusals"


@act("office")
def office(life):
    """A dozen clients in one /24, and in one /64, of services that are gone, one or two each."""
    clients = []
    for n in range(12):
        for source, target in zip((f"198.18.255.{20 + n}", f"2001:db8:c:ffff::{20 + n:x}"),
                                  TARGETS["far"]):
            life.who[source] = "office"
            ports = (7777, 1883) if n % 3 == 0 else (7777,) if n % 3 == 1 else (2049,)
            clients += [begin(life, life.far, "retry", source, target, port, 8, 200)
                        for port in ports]
    refused = sum(finish(one) for one in clients)
    check(refused == 8 * len(clients), f"{refused} refusals: a bad lab")
    return f"{refused} refusals"


@act("dead-behind-wall")
def dead_behind_wall(life):
    """The same where a firewall drops what is not served."""
    life.device.nft("table inet wall { chain input { type filter hook input priority 0; "
                    "tcp dport { 7777, 1883 } drop; }; }")
    try:
        people = both(life, "dead-behind-wall")
        clients = [begin(life, where, "retry", source, target, port, 8, 100)
                   for where, source, target in people for port in (7777, 1883)]
        refused = sum(finish(one) for one in clients)
    finally:
        life.device.run(["nft", "delete", "table", "inet", "wall"])
    check(refused == 8 * len(clients), f"{refused} failures: a bad lab")
    return f"{refused} times no answer"


@act("mounts-gone")
def mounts_gone(life):
    """Clients of a share, a mailbox and a broker that the device has no more."""
    done = 0
    for where, source, target in both(life, "mounts-gone"):
        for port in 2049, 993:
            done += life.do(where, "retry", source, target, port, 6, 50)
    for where, source, target in both(life, "mounts-gone"):
        for port in 445, 139:
            done += life.do(where, "retry", source, target, port, 6, 50)
    return f"{done} refusals"


@act("monitors", MONITORING + "/check_tcp")
def monitors(life):
    """Two monitors check what the device serves, and one port that is closed."""
    states = {}
    for where, source, target in both(life, "monitors") + both(life, "monitors"):
        family = "-6" if ":" in target else "-4"
        for argv in (["check_tcp", family, "-H", target, "-p", "22"],
                     ["check_tcp", family, "-H", target, "-p", "80"],
                     ["check_tcp", family, "-H", target, "-p", "443"],
                     ["check_http", family, "-H", target], ["check_ssh", family, target],
                     ["check_ping", family, "-H", target, "-w", "100,50%", "-c", "500,90%",
                      "-p", "2"]):
            done = subprocess.run(where.inside([os.path.join(MONITORING, argv[0]), *argv[1:]]),
                                  capture_output=True, check=False, timeout=30)
            states[done.returncode] = states.get(done.returncode, 0) + 1
        life.do(where, "ask", source, target, 161, 3, 100)
    check(states.get(0, 0) >= 16 and states.get(2, 0) >= 8, f"{states}: a bad lab")
    return f"{states.get(0)} checks well, {states.get(2)} critical"


@act("backscatter")
def backscatter(life):
    """Answers to what somebody else sends in the device's name, from two hundred hosts."""
    sent, strangers = 0, life.strangers("backscatter", 200)
    for family, target in enumerate(TARGETS["far"]):
        sent += life.do(life.far, "backscatter", target, *(one[family] for one in strangers))
    return f"{sent} hosts answered"


@act("reboot")
def reboot(life):
    """The device restarted and has forgotten its connections; its clients have not."""
    done = 0
    for where, source, target in both(life, "reboot"):
        done += life.do(where, "unplug", target, source, 40000, 80, 1883)
    return f"{done} old connections"


def clouds(family):
    prefix = ("203.0.113.{}", "2001:db8:dead::{}")[family]
    return [prefix.format(n + 1) for n in range(CLOUDS)]


@act("plug-without-cloud")
def plug(life):
    """The device is set up while its cloud is away: 22 first contacts, none answered."""
    for family, source in enumerate(("10.7.0.1", "2001:db8:7::1")):
        life.do(life.device, "contacts", source, 443, *clouds(family))
    return f"{2 * CLOUDS} contacts without an answer"


@act("plug-behind-gateway", behind=True)
def plug_behind(life):
    """The same plug behind a base unit that forwards for it."""
    for family, source in enumerate(("172.30.0.2", "fd30::2")):
        life.do(life.network.container, "contacts", source, 443, *clouds(family))
    return f"{2 * CLOUDS} contacts without an answer"
