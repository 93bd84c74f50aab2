# SPDX-License-Identifier: GPL-2.0-or-later
"""
A device that forwards for the network behind it, with scope = gateway.

    far attacker ── router ── eth0 [ device ] eth1 ── inside: 172.30.0.2 and .10–.29, fd30::2, ::10–::29
    198.51.100.n    10.7.0.254     172.30.0.1

The inside host serves TCP port 80 to the world and uses a server beyond the router itself.
"""

import sys
import time

import case
import device
import net
import tools
from case import check
from cases_kinds import run_attack
from cases_scan import QUIET, ScanLab

HOME = "172.30.0.0/24 fd30::/64"
HOST = {4: "172.30.0.2", 6: "fd30::2"}
SERVED, FAR_SERVED = 80, 8443
INSIDE = range(10, 30)


def inside(family):
    """The hosts behind the device; another hundred of their network are absent."""
    return [f"172.30.0.{n}" if family == 4 else f"fd30::{n}" for n in INSIDE]


class GatewayLab(ScanLab):
    def __init__(self, network, family):
        for where, argv in ((network.container, ("tcp", SERVED)), (network.far,
                                                                   ("tcp", FAR_SERVED))):
            where.popen([sys.executable, "-B", device.HERE + "/servers.py", *map(str, argv)])
        for key in "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding":
            network.device.sysctl(key, 1)
        network.router.ip("route add 172.30.0.0/24 via 10.7.0.1",
                          "route add fd30::/64 via fd07::1")
        network.container.ip(*(f"addr add {a}/{24 if family == 4 else '64'} dev eth0"
                               + ("" if family == 4 else " nodad") for a in inside(family)))
        super().__init__(network, family, arguments=("--scope", "gateway"),
                         sections={"scan": QUIET, "sensor": {"home": HOME}})
        for namespace, port in (network.container, SERVED), (network.far, FAR_SERVED):
            net.wait_for(lambda n=namespace, p=port: device.listening(n, 6, p), 10, "a server")


def scan_case(family, techniques, option, targets, *extra):
    def run(lab, say):
        attacker, address, _target = lab.network.new_attacker("far", family)
        argv = tools.nmap(family, option, *targets, extra=extra)
        return run_attack(lab, say, argv, attacker, address, techniques, max_failed=24)
    return run


def benign_case(family):
    """An inside client uses the world, and the world an inside server: nobody is accused."""
    def run(lab, say):
        user, address, _target = lab.network.new_attacker("far", family)
        host = HOST[family]
        say(f"{host} fetches 30 times from {address}, and {address} 30 times from {host}")
        before = len(lab.sensor.events())
        for _again in range(30):
            for who, whom, port in ((lab.network.container, address, FAR_SERVED),
                                    (user, host, SERVED)):
                out = who.run(["busybox", "timeout", "3", "busybox", "nc", whom, port])
                check("hello" in out, f"{whom} did not answer at port {port}")
        user.run(["ping", "-q", "-c", "5", "-i", "0.2", host])
        lab.network.container.run(["ping", "-q", "-c", "5", "-i", "0.2", address])
        time.sleep(5)
        new = [str(e) for e in lab.sensor.events()[before:]
               if e.about(address) or e.about(host)]
        check(not new, f"ordinary life is accused: {new}")
        lab.check_client()
        return "no event"
    return run


def shared_gateway(family):
    def shared():
        with net.Network() as network:
            yield GatewayLab(network, family)
    return shared


def declare():
    for family in (4, 6):
        group = f"gateway-{family}"
        case.group(group)(shared_gateway(family))
        hosts = inside(family)[:16]
        absent = [f"172.30.0.{n}" if family == 4 else f"fd30::{n:x}" for n in range(100, 116)]
        for name, run in {
                "behind": scan_case(family, ("syn",), "-sS", [HOST[family]], "-Pn"),
                "behind-connect": scan_case(family, ("connect",), "-sT", [HOST[family]], "-Pn"),
                "behind-udp": scan_case(family, ("udp",), "-sU", [HOST[family]], "-Pn",
                                        "--max-retries", "0"),
                "sweep-syn": scan_case(family, ("syn",), "-sS", hosts, "-Pn", "-p", "23"),
                "sweep-absent": scan_case(family, ("syn",), "-sS", absent, "-Pn", "-p", "23"),
                "sweep-ping": scan_case(family, ("icmp",), "-sn", hosts, "-PE"),
                "sweep-default": scan_case(family, ("icmp", "icmp-query", "syn", "ack"), "-sn",
                                           hosts)}.items():
            case.add(f"gateway-{name}-{family}", group, run)
        case.add(f"gateway-own-{family}", group, own_case(family))
        case.add(f"gateway-users-{family}", group, benign_case(family))


def own_case(family):
    """The device itself is watched as in host scope."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker("far", family)
        return run_attack(lab, say, tools.nmap(family, "-sS", target, extra=("-Pn",)), attacker,
                          address, ("syn",))
    return run


declare()
