# SPDX-License-Identifier: GPL-2.0-or-later
"""Scans by real tools: each is found in time, named rightly, and the benign client is not."""

import re
import subprocess
import sys
import time

import capture
import case
import device
import events
import net
import tools
from case import Fail, Skip, check

MAX_FAILED = 5  # failed first contacts when a fast scan is found
FIND_S = 20


class ScanLab:
    """The topology, everything in it running, and what a verdict needs."""

    def __init__(self, network, family, sections=None, arguments=()):
        self.network, self.family = network, family
        self.directory = net.directory()
        self.own = set(network.device_addresses(4) + network.device_addresses(6))
        self.services = device.Services(network.device, self.directory)
        self.tcpdump = device.Tcpdump(network.device, self.directory)
        self.client = device.Client(network, self.services, self.directory,
                                    ["10.7.0.1" if family == 4 else "fd07::1"])
        self.sensor = device.Sensor(network.device, self.directory, sections=sections,
                                    arguments=arguments)
        self.client.wait_working()
        self.seen = 0
        self.published = set()
        self.said = set()

    def served(self):
        return device.SERVED | {(capture.TCP, port) for port in self.published}

    def check_client(self):
        """No event may be about the client, at any time so far."""
        address = self.client.address[self.family]
        for event in self.sensor.events():
            if event.about(address) and id(event) not in self.said:
                self.said.add(id(event))
                raise Fail(f"the benign client {address} is accused: {event}")

    def check_events(self):
        new, self.seen = self.sensor.events()[self.seen:], len(self.sensor.events())
        check(not (errors := events.schema_errors(new)), f"not valid by docs/eve.schema.json: "
              f"{'; '.join(errors[:3])}")

    def explain(self):
        last = "\n".join(self.sensor.log().splitlines()[-5:])
        return "\n".join(["last events:"] + [f"  {e.data['timestamp']} {e}"
                                             for e in self.sensor.events()[-5:]]
                         + ["the sensor's log:", last])


def attack(lab, say, attacker, argv, address, technique, max_failed=MAX_FAILED, find_s=FIND_S):
    """Runs argv in the attacker's namespace until the sensor finds it, then judges the event."""
    say(f"{' '.join(map(str, argv))} from {address}")
    process = attacker.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        event = find(lab, process, address, find_s)
    finally:
        process.terminate()
        output = process.communicate()[0]
        if process.returncode > 0:
            say(f"{argv[0]} ended with {process.returncode}: {output[-300:]}")
    return judge(lab, say, event, address, technique, max_failed)


def find(lab, process, address, find_s):
    """The start event about address: while the tool runs, and two seconds on."""
    deadline, ended = time.monotonic() + find_s, None
    while True:
        for event in lab.sensor.events():
            if event.about(address) and event.finding.get("phase") == "start" \
                    and event.data.get("event_type") == "alert":
                return event
        check(lab.sensor.process.poll() is None,
              f"the sensor has ended with {lab.sensor.process.returncode}")
        if process.poll() is not None and ended is None:
            ended = time.monotonic()
        if time.monotonic() > deadline or (ended and time.monotonic() > ended + 2):
            packets = [p for p in lab.tcpdump.until(time.time_ns() // 1000, 1)
                       if p.src == address and p.proto in (capture.TCP, capture.UDP)]
            contacts = {(p.dst, p.proto, p.dport) for p in packets
                        if (p.proto, p.dport) not in lab.served()}
            heard = [str(e) for e in lab.sensor.events() if e.about(address)]
            raise Fail(f"no start event about {address}; the device's capture has {len(packets)} "
                       f"packets to {len(contacts)} contacts that do not serve; events: {heard}")
        time.sleep(0.01)


def judge(lab, say, event, address, technique, max_failed):
    packets = lab.tcpdump.until(event.t + 20000)
    failed = capture.failed_contacts(packets, address, lab.own, lab.served(), event)
    first = next((p.t for p in packets if p.src == address and p.proto in (6, 17)), event.t)
    found = (f"{event}; in the device's capture {len(failed)} failed contacts, "
             f"{(event.t - first) / 1000:.1f} ms after the first packet")
    finding = event.finding
    check(finding.get("kind") == "scan", f"not a scan: {found}")
    check(event.is_peer(address), f"the peer is {event.peer}, not {address}: {found}")
    check(finding.get("technique") == technique,
          f"the technique is {finding.get('technique')}, not {technique}: {found}")
    if len(failed) > max_failed:
        ports = " ".join(str(port) for _dst, _proto, port in failed[:20])
        named = [p.t for p in packets if p.src == address and p.t <= event.t
                 and (p.dst, p.sport, p.dport) == (event.data.get("dest_ip"),
                                                   event.data.get("src_port"),
                                                   event.data.get("dest_port"))]
        late = f"; the packet it names came {(event.t - named[0]) / 1000:.1f} ms before" if named else ""
        raise Fail(f"more than {max_failed} failed contacts (ports {ports}){late}: {found}")
    check(failed, f"found before any contact failed: {found}")
    lab.check_client()
    lab.check_events()
    return found


def nmap_case(kind, where, family, max_failed=MAX_FAILED):
    option, technique, extra = tools.NMAP[kind]

    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        return attack(lab, say, attacker, tools.nmap(family, option, target, extra=extra), address,
                      technique, max_failed)
    return run


def masscan_case(where, family):
    def run(lab, say):
        if tools.missing("masscan"):
            raise Skip("masscan is not installed")
        attacker, address, target = lab.network.new_attacker(where, family)
        mac = (lab.network.device.mac("eth0") if where == "near"
               else lab.network.router.mac("eth1"))
        return attack(lab, say, attacker, tools.masscan(attacker, family, address, target, mac),
                      address, "syn")
    return run


def horizontal_case(where, family):
    def run(lab, say):
        attacker, address, _target = lab.network.new_attacker(where, family)
        targets = lab.network.device_addresses(family, where)
        argv = tools.nmap(family, "-sS", *targets, extra=("-Pn", "-p", "8081"))
        return attack(lab, say, attacker, argv, address, "syn")
    return run


def discovery_case(family):
    """Nmap asks first who is there, beyond a router by pings above all: a finding of its own each."""
    def run(lab, say):
        attacker, address, _target = lab.network.new_attacker("far", family)
        targets = lab.network.device_addresses(family, "far")
        argv = tools.nmap(family, "-sS", *targets, extra=("-p", "8081"))
        say(f"{' '.join(argv)} from {address}")
        attacker.run(argv)

        def told():
            return [e for e in lab.sensor.events()
                    if e.about(address) and e.finding["phase"] == "start"]

        net.wait_for(lambda: len(told()) >= 2, FIND_S, "the two findings")
        found = told()
        check([e.finding["technique"] for e in found] == ["icmp", "syn"],
              f"not the pings and then the SYNs: {'; '.join(map(str, found))}")
        for event in found:
            check(event.is_peer(address) and event.finding["failed"] <= MAX_FAILED, f"late: {event}")
        lab.check_client()
        lab.check_events()
        return "; ".join(map(str, found))
    return run


def benign_case(family):
    def run(lab, say):
        before = lab.client.counts()
        time.sleep(10)
        after = lab.client.counts()
        for name in device.Client.NEEDED:
            check(after.get(name, 0) > before.get(name, 0), f"the client's {name} stood still")
        failed = {k: n for k, n in after.items() if k.startswith(("failed", "why"))}
        say(f"the client did {after}" if not failed else f"the client had failures: {failed}")
        lab.check_client()
        return (f"{after['page'] + 20 * after['parallel']} pages, {after['ssh']} logins, "
                f"{after['dead']} retries of a dead service, {after['monitor']} banner checks, "
                f"{after['lan']} LAN discoveries: no event about {lab.client.address[family]}")
    return run


def closed_case(family):
    """A finding that ends gives an event with totals."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker("near", family)
        attack(lab, say, attacker, tools.nmap(family, "-sS", target), address, "syn")
        end = lab.sensor.wait_event(
            lambda e: e.is_peer(address) and e.finding.get("phase") == "end", 60, "an end event")
        packets = lab.tcpdump.until(end.t, 1)
        contacts = {(p.dst, p.dport) for p in packets if p.src == address and p.proto == 6}
        lab.check_events()
        return f"{end}; the device's capture has {len(contacts)} contacts"
    return run


def shutdown_case(_family):
    """SIGTERM ends it with a summary and no lost packets."""
    def run(lab, say):
        code = lab.sensor.stop()
        lab.check_client()
        lab.check_events()
        say("\n".join(lab.sensor.log().splitlines()[-4:]))
        check(code == 0, f"exit {code} after SIGTERM")
        return f"exit 0 after SIGTERM, {len(lab.sensor.events())} events in all"
    return run


def shared_scans(family):
    def shared():
        with net.Network() as network:
            yield ScanLab(network, family, sections={"scan": QUIET})
    return shared


def wall_udp_case(where, family):
    """No refusal is sent, so UDP from the ephemeral ports up is beyond what `packet` can see, as it
    says at its start: the first 200 ports."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        argv = tools.nmap(family, "-sU", target, extra=("-p", "1-200", "--max-retries", "0"))
        return attack(lab, say, attacker, argv, address, "udp")
    return run


def wall_ack_case(where, family):
    """An ACK that nothing answers looks like a connection's data, which `packet` says at its start
    that it cannot see. This holds the limit to what is said; whoever lifts it changes the case."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        say(f"nmap -sA from {address}: every probe is dropped by the firewall, unanswered")
        attacker.run(tools.nmap(family, "-sA", target, extra=("-F", "--max-retries", "0")))
        found = [str(e) for e in lab.sensor.events() if e.about(address)]
        said = re.search("cannot see: (.*)", lab.sensor.log())
        check(found or (said and "plain data" in said.group(1)), "not found, and not said")
        return f"found: {found or 'nothing, as said: it cannot see ' + said.group(1)}"
    return run


def _firewall(family):
    """Closed ports say nothing: an nft policy drops what is not served."""
    def shared():
        with net.Network() as network:
            network.device.nft("""
table inet guard {
    chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport { 22, 23, 80 } tcp flags & (syn | ack | fin | rst) == syn accept
        udp dport 53 accept
    }
}
""")
            yield ScanLab(network, family)
    return shared


def _published(family):
    """The container's ports are published by DNAT, as Docker does."""
    def shared():
        with net.Network() as network:
            ports = ", ".join(map(str, device.PUBLISHED))
            for key in "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding":
                network.device.sysctl(key, 1)
            network.device.nft(f"""
table inet publish {{
    chain prerouting {{
        type nat hook prerouting priority -100;
        iif eth0 tcp dport {{ {ports} }} dnat ip to 172.30.0.2
        iif eth0 tcp dport {{ {ports} }} dnat ip6 to fd30::2
    }}
}}
""")
            network.container.popen([sys.executable, "-B", device.HERE + "/servers.py", "tcp",
                                     *device.PUBLISHED])
            for port in device.PUBLISHED:
                net.wait_for(lambda port=port: device.listening(network.container, 6, port), 10,
                             "the container")
            lab = ScanLab(network, family)
            lab.published = set(device.PUBLISHED)
            yield lab
    return shared


def published_case(where, family):
    def run(lab, say):
        user, address, target = lab.network.new_attacker(where, family)
        say(f"{address} uses {len(device.PUBLISHED)} published ports of {target}")
        for _again in range(3):
            for port in device.PUBLISHED:
                out = user.run(["busybox", "timeout", "3", "busybox", "nc", target, port])
                check("hello" in out, f"port {port} did not answer")
        time.sleep(1)
        mine = [str(e) for e in lab.sensor.events() if e.about(address)]
        check(not mine, f"a user of published ports is accused: {mine}")
        lab.check_client()
        return "no event"
    return run


QUIET = {"quiet": "5s"}  # a scan ends soon
FAMILIES = (4, 6)


def declare():
    for family in FAMILIES:
        scans, wall, published = (f"{name}-{family}" for name in ("scans", "firewall", "published"))
        case.group(scans)(shared_scans(family))
        case.group(wall)(_firewall(family))
        case.group(published)(_published(family))
        for where, suffix in ("near", ""), ("far", "-far"):
            for kind in tools.NMAP:
                case.add(f"{kind}{suffix}-{family}", scans, nmap_case(kind, where, family))
            case.add(f"masscan{suffix}-{family}", scans, masscan_case(where, family))
            case.add(f"horizontal{suffix}-{family}", scans, horizontal_case(where, family))
            for kind in "syn", "connect", "fin":
                case.add(f"wall-{kind}{suffix}-{family}", wall, nmap_case(kind, where, family))
            case.add(f"wall-udp{suffix}-{family}", wall, wall_udp_case(where, family))
            case.add(f"wall-ack{suffix}-{family}", wall, wall_ack_case(where, family))
            case.add(f"published-users{suffix}-{family}", published, published_case(where, family))
            case.add(f"published-scan{suffix}-{family}", published,
                     nmap_case("syn", where, family))
        case.add(f"discovery-far-{family}", scans, discovery_case(family))
        case.add(f"scan-ends-{family}", scans, closed_case(family))
        case.add(f"benign-{family}", scans, benign_case(family))
        case.add(f"shutdown-{family}", scans, shutdown_case(family), after_others=True)


declare()
