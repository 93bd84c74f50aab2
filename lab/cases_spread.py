# SPDX-License-Identifier: GPL-2.0-or-later
"""Scans shared by many addresses: a /64 that rotates, a /24 that divides the work, strangers."""

import ipaddress
import random
import subprocess
import time

import case
import events
import net
import tools
from case import Skip, check
from cases_scan import QUIET, ScanLab

MAX_GROUP_FAILED = 7  # contacts in vain, of three peers with up to three each
FIND_S = 20
PEERS = 30  # of a campaign
CAMPAIGN_PORTS = (8081, 7547, 5000)


def routed(lab, addresses):
    """Gives the far attacker these addresses, which the router finds there."""
    family = ipaddress.ip_address(addresses[0]).version
    far, _address, target = lab.network.new_attacker("far", family)
    length = 32 if family == 4 else 128
    far.ip(*(f"addr add {a}/{length} dev eth0{'' if family == 4 else ' nodad'}"
             for a in addresses))
    lab.network.router.ip(*(f"route replace {a}/{length} dev eth1" for a in addresses))
    return far, target


def probe(attacker, address, target, ports, raw):
    """One run of a real tool from one address."""
    family = ipaddress.ip_address(address).version
    if raw:
        attacker.run(tools.nmap(family, "-sS", target,
                                extra=("-Pn", "-S", address, "-e", "eth0", "-p",
                                       ",".join(map(str, ports)))))
        return
    for port in ports:
        process = attacker.popen(["curl", "-s", "--max-time", "2", "--interface", address,
                                  f"http://{f'[{target}]' if family == 6 else target}:{port}/"])
        process.wait()


def starts(lab, scope, first=0):
    return [e for e in lab.sensor.events()[first:]
            if e.finding.get("scope") == scope and e.finding.get("phase") == "start"]


def ended(lab, start):
    """The closing event of a finding."""
    return lab.sensor.wait_event(
        lambda e: e.finding.get("finding") == start.finding["finding"]
        and e.finding.get("phase") == "end", 60, "the group's end")


def accused(lab, addresses, first):
    """Members that are told of by themselves."""
    return [e for e in starts(lab, "host", first) if any(e.is_peer(a) for a in addresses)]


def spread(lab, say, addresses, each, raw, scope):
    """Every address makes its few probes; the start event of the group, and its end."""
    if not raw and tools.missing("curl"):
        raise Skip("curl is not installed")
    first = len(lab.sensor.events())
    attacker, target = routed(lab, addresses)
    tool = "nmap -sS -S" if raw else "curl --interface"
    say(f"{len(addresses)} addresses, {addresses[0]} and so on, ask by {tool} for "
        f"{each if isinstance(each, int) else len(each)} ports each")
    for n, address in enumerate(addresses):
        ports = each if not isinstance(each, int) else range(1000 + n * each, 1000 + (n + 1) * each)
        probe(attacker, address, target, ports, raw)
    net.wait_for(lambda: starts(lab, scope, first), FIND_S, f"a finding of scope {scope}")
    found = starts(lab, scope, first)
    check(len(found) == 1, f"{len(found)} findings: {[str(e) for e in found]}")
    end = ended(lab, found[0])
    lab.check_client()
    check(not (errors := events.schema_errors(lab.sensor.events()[first:])), f"{errors[:3]}")
    return found[0], end, accused(lab, addresses, first)


def told(start, end):
    return (f"{start}, {start.finding['peers']} peers; at its end {end.peer}, "
            f"{end.finding['peers']} peers, {end.finding['failed']} failed")


def prefix_case(family, raw, each):
    def run(lab, say):
        lab.prefixes = getattr(lab, "prefixes", 0) + 1
        if family == 6:
            site = ipaddress.ip_network(f"2001:db8:a:{lab.prefixes:x}::/64")
            addresses = [str(site[random.getrandbits(64)]) for _ in range(12)]
        else:
            site = ipaddress.ip_network(("203.0.113.0/24", "192.0.2.0/24", "198.18.7.0/24",
                                         "198.19.7.0/24")[lab.prefixes - 1])
            addresses = [str(site[1 + n * 89 % 253]) for n in range(12)]
        start, end, alone = spread(lab, say, addresses, each, raw, "prefix")
        check(start.finding["failed"] <= MAX_GROUP_FAILED, f"late: {told(start, end)}")
        check(ipaddress.ip_network(end.peer) == site, f"not {site}: {told(start, end)}")
        check(not alone, f"members are accused by themselves: {[str(e) for e in alone]}")
        check(end.finding["failed"] >= 12 * each - 1, f"not all are counted: {told(start, end)}")
        return told(start, end)
    return run


def campaign_case(family, raw):
    def run(lab, say):
        base = 11 if raw else 14
        if family == 4:
            addresses = [f"{base + n * 7}.{n * 5 + 1}.{n + 3}.{n * 3 + 2}" for n in range(PEERS)]
        else:
            addresses = [f"{0x2400 + base + n * 16:x}:{n + 1:x}::{n + 9:x}" for n in range(PEERS)]
        start, end, alone = spread(lab, say, addresses, CAMPAIGN_PORTS, raw, "distributed")
        # Three raw probes are an alert by themselves, before there is a campaign.
        check(len(alone) <= (2 if raw else 0), f"accused: {[str(e) for e in alone]}")
        check(PEERS - 2 <= end.finding["peers"] <= PEERS + 2, f"the peers: {told(start, end)}")
        check(end.finding["failed"] == PEERS * 3, f"the contacts: {told(start, end)}")
        check(start.finding["failed"] <= 9, f"late: {told(start, end)}")
        return told(start, end)
    return run


def ten_case(family):
    """Ten scanners of one prefix at once, each with a hundred ports of its own: ten findings."""
    def run(lab, say):
        first = len(lab.sensor.events())
        addresses = [f"198.18.9.{n * 20 + 7}" if family == 4 else f"2001:db8:b:1::{n * 4097:x}"
                     for n in range(1, 11)]
        attacker, target = routed(lab, addresses)
        say(f"ten nmap -sS -F at once, from {addresses[0]} and so on")
        processes = [attacker.popen(tools.nmap(family, "-sS", target, extra=(
            "-Pn", "-F", "-S", a, "-e", "eth0")), stdout=subprocess.DEVNULL) for a in addresses]
        for process in processes:
            process.wait()
        # The last packets may wait for a second in the ring.
        net.wait_for(lambda: len(accused(lab, addresses, first)) == 10
                     or starts(lab, "prefix", first), FIND_S, "ten findings")
        time.sleep(1)
        alone, groups = accused(lab, addresses, first), starts(lab, "prefix", first)
        found = f"{len(alone)} single findings, {[str(e) for e in groups]}"
        check(len(alone) == 10 and not groups, found)
        return found
    return run


def neighbours_case(family):
    """A home's own computers, each after a dead service or two: persons, no group."""
    def run(lab, say):
        near, first = lab.network.near, len(lab.sensor.events())
        target = "10.7.0.1" if family == 4 else "fd07::1"
        addresses = [f"10.7.0.{60 + n}" if family == 4 else f"fd07::60:{n}" for n in range(10)]
        near.ip(*(f"link add pc{n} link eth0 type macvlan mode bridge" for n in range(10)),
                *(f"link set pc{n} up" for n in range(10)))
        try:
            near.ip(*(f"addr add {a}/{'32' if family == 4 else '128'} dev pc{n}"
                      f"{' nodad' if family == 6 else ''}" for n, a in enumerate(addresses)))
            for n, address in enumerate(addresses):
                near.ip(f"route replace {target} dev pc{n} src {address}")
                for port in 5000 + 2 * n, 5001 + 2 * n:
                    near.popen(["curl", "-s", "--max-time", "2", "--interface", address,
                                f"http://{f'[{target}]' if family == 6 else target}:{port}/"]
                               ).wait()
        finally:
            near.ip(*(f"link del pc{n}" for n in range(10)))
        say(f"10 computers of {addresses[0]} and so on, each with a link address of its own, "
            "20 dead services")
        time.sleep(1)
        new = [str(e) for e in lab.sensor.events()[first:]]
        check(not new, f"neighbours are accused: {new}")
        return "no event"
    return run


def _shared(family):
    def shared():
        with net.Network() as network:
            yield ScanLab(network, family, sections={"scan": QUIET})
    return shared


def declare():
    for family in 4, 6:
        group = f"spread-{family}"
        case.group(group)(_shared(family))
        name = "rotating" if family == 6 else "divided"
        for raw, how in (True, "raw"), (False, "connect"):
            for each in 1, 2:
                case.add(f"{name}-{how}-{each}-{family}", group, prefix_case(family, raw, each))
            case.add(f"strangers-{how}-{family}", group, campaign_case(family, raw))
        case.add(f"ten-at-once-{family}", group, ten_case(family))
        case.add(f"neighbours-{family}", group, neighbours_case(family))


declare()
