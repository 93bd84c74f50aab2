# SPDX-License-Identifier: GPL-2.0-or-later
"""Scanners who hide who they are: decoys, other link addresses, idle hosts and servers that serve them."""

import itertools
import subprocess
import sys
import time

import capture
import case
import cases_scan
import device
import net
import tools
from case import check

SETTLE_S = 3.5  # after the scan: the sensor names the real one when the others had time to react
IDLE, FTP = "10.7.0.60", "10.7.0.61"
DEAD_4, DEAD_6 = ("10.7.0.240", "10.7.0.241"), ("fd07::240", "fd07::241")


class Bystander:
    """One more host of the LAN, which others abuse."""

    def __init__(self, network, kind, address):
        self.namespace = net.Namespace(kind)
        net.cable(self.namespace, "eth0", network.switch, f"to-{kind}")
        network.switch.ip(f"link set to-{kind} master br0")
        self.namespace.ip(f"addr add {address}/24 dev eth0")
        if kind == "idle":
            self.mute()
        self.namespace.popen([sys.executable, "-B", device.HERE + "/bystanders.py", kind, address])
        if kind == "ftp":
            net.wait_for(lambda: device.listening(self.namespace, capture.TCP, 21), 10,
                         "the FTP server")

    def mute(self):
        """Its own kernel would answer as well, and with other identification numbers."""
        self.namespace.nft("""
table ip mute {
    chain output {
        type filter hook output priority 0;
        tcp flags & rst == rst meta mark != 7 drop
    }
}
""")


def _new_events(lab, before):
    """Events of findings that are younger than `before`."""
    known = {e.finding.get("finding") for e in before}
    return [e for e in lab.sensor.events() if e.finding.get("finding") not in known]


def _scan(lab, say, attacker, argv):
    """Runs a scan to its end; the events it made."""
    before = list(lab.sensor.events())
    say(" ".join(map(str, argv)))
    process = attacker.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    check(process.returncode == 0, f"{argv[0]} ended with {process.returncode}: {output[-300:]}")
    time.sleep(SETTLE_S)
    return _new_events(lab, before), output


def _all_ended(lab):
    ended = {e.finding["finding"] for e in lab.sensor.events() if e.finding["phase"] == "end"}
    return all(e.finding["finding"] in ended for e in lab.sensor.events())


def _one_finding(lab, found, address, technique, decoys):
    """Of all that was said, exactly one finding: about decoys, and soon."""
    said = "; ".join(map(str, found)) or "nothing"
    start = next((e for e in found if e.finding["phase"] == "start"), None)
    check(start, f"no start event: {said}")
    check(len({e.finding["finding"] for e in found}) == 1, f"more than one finding: {said}")
    for event in found:
        check(event.finding["scope"] == "decoys", f"accused by itself: {event}")
        check(event.finding["technique"] == technique, f"not {technique}: {event}")
        if "real" not in event.finding:
            check(event.data["src_ip"] in ("0.0.0.0", "::"), f"names a forged address: {event}")
    packets = lab.tcpdump.until(start.t + 20000)
    failed = capture.failed_contacts(packets, address, lab.own, lab.served(), start)
    check(1 <= len(failed) <= cases_scan.MAX_FAILED, f"{len(failed)} failed contacts: {start}")
    # Copies on their way may be more than had come when the first event was told.
    last = found[-1].finding
    check(2 <= start.finding["peers"] and last["peers"] <= decoys + 1,
          f"{last['peers']} addresses, not {decoys + 1}: {said}")
    lab.check_client()
    lab.check_events()
    return start, last, len(failed)


def decoys_case(where, family, option, technique, decoys, extra=(), named=None):
    """`named`: whether its end has to tell the real address, or must not; None: it need not."""
    def run(lab, say):
        attacker, address, _target = lab.network.new_attacker(where, family)
        target = lab.network.device_addresses(family, where)[0]
        if lab.client.address[family] in decoys:  # the same ones as before: the same finding
            net.wait_for(lambda: _all_ended(lab), 40, "the scans before to end")
        argv = tools.nmap(family, option, target, extra=("-D", decoys, *extra))
        found, _output = _scan(lab, say, attacker, argv)
        count = sum(int(d[4:] or 1) if d.startswith("RND") else d != "ME"
                    for d in decoys.replace("RND,", "RND:1,").split(","))
        start, last, failed = _one_finding(lab, found, address, technique, count)
        real = last.get("real")
        check(real in (None, address), f"names {real}, but {address} is it")
        if named is not None:
            check(bool(real) == named, f"the real one is {'not ' if named else ''}named: {last}")
        return f"{start}; {failed} failed contacts; real: {real}"
    return run


def two_scanners_case(family):
    """Two at once, from either side, with a decoy in common: two findings."""
    def run(lab, say):
        near, near_address, _ = lab.network.new_attacker("near", family)
        far, far_address, _ = lab.network.new_attacker("far", family)
        net.wait_for(lambda: _all_ended(lab), 40, "the scans before to end")
        before = list(lab.sensor.events())
        common = lab.client.address[family]
        dead = (DEAD_4, DEAD_6)[family == 6]
        running = []
        for attacker, where in (near, "near"), (far, "far"):
            target = lab.network.device_addresses(family, where)[0]
            decoys = f"ME,{common},{dead[where == 'far']}"
            running.append(attacker.popen(tools.nmap(family, "-sS", target, extra=(
                "-D", decoys, "--max-rate", "200")), stdout=subprocess.DEVNULL))
        for process in running:
            process.wait(60)
        time.sleep(SETTLE_S)
        found = _new_events(lab, before)
        starts = [e for e in found if e.finding["phase"] == "start"]
        said = "; ".join(map(str, found))
        check(len(starts) == 2 and len({e.finding["finding"] for e in found}) == 2,
              f"not two findings: {said}")
        check(all(e.finding["scope"] == "decoys" for e in found), f"not decoys: {said}")
        reals = {e.finding.get("real") for e in found} - {None}
        check(reals <= {near_address, far_address}, f"named {reals}")
        lab.check_client()
        lab.check_events()
        say(f"{near_address} and {far_address} scan at once")
        return f"two findings, {reals or 'none'} named"
    return run


def spoofed_mac_case(where, family):
    """Another link address changes nothing: the IP address is what is found."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        argv = tools.nmap(family, "-sS", target, extra=("-F", "--spoof-mac", "02:12:34:56:78:9a"))
        return cases_scan.attack(lab, say, attacker, argv, address, "syn")
    return run


@case.case("idle-4", "disguise-4")
def idle_case(lab, say):
    """To its victim it is a SYN scan by the idle host, whose address may be forged."""
    attacker, address, target = lab.network.new_attacker("near", 4)
    argv = tools.nmap(4, "-Pn", target, extra=("-p", "20-40,80", "-sI", f"{IDLE}:80"))
    say(f"from {address}")
    found, output = _scan(lab, say, attacker, argv)
    said = "; ".join(map(str, found)) or "nothing"
    check("open" in output, f"nmap found no idle host: {output[-300:]}")
    mine = [e for e in found if e.is_peer(IDLE)]
    check(mine and mine[0].finding["phase"] == "start", f"not found: {said}")
    check(len({e.finding["finding"] for e in found}) == 1, f"more than one finding: {said}")
    for event in mine:
        check(event.finding["technique"] == "syn", f"not a SYN scan: {event}")
        check(event.finding["spoofable"], f"said to be no forgery: {event}")
    packets = lab.tcpdump.until(mine[0].t + 20000)
    failed = capture.failed_contacts(packets, IDLE, lab.own, lab.served(), mine[0])
    check(len(failed) <= cases_scan.MAX_FAILED, f"{len(failed)} failed contacts: {said}")
    lab.check_client()
    lab.check_events()
    return f"{mine[0]}; {len(failed)} failed contacts, spoofable"


@case.case("ftp-bounce-4", "disguise-4")
def bounce_case(lab, say):
    """The FTP server is who connects."""
    attacker, _address, target = lab.network.new_attacker("near", 4)
    argv = tools.nmap(4, "-Pn", target, extra=("-p", "20-60", "-b", FTP))
    return cases_scan.attack(lab, say, attacker, argv, FTP, "connect")


def _shared(family):
    def shared():
        with net.Network() as network:
            lab = cases_scan.ScanLab(network, family, sections={"scan": cases_scan.QUIET})
            hosts = [Bystander(network, "idle", IDLE), Bystander(network, "ftp", FTP)]
            try:
                yield lab
            finally:
                for host in hosts:
                    host.namespace.remove()
    return shared


def declare():
    # From the ephemeral ports up UDP is not seen, so they would count as contacts for nothing.
    udp = ("-p", "1-150", "--max-retries", "0")
    live = {4: "10.7.0.3,10.7.0.254", 6: "fd07::3,fd07::fe"}
    for family in cases_scan.FAMILIES:
        group = f"disguise-{family}"
        case.group(group)(_shared(family))
        runs = itertools.count(1)

        def five(family=family, runs=runs):
            """Others for each run, or a run would go on with the finding of the one before."""
            run = next(runs)
            return "RND:5" if family == 4 else ",".join(f"2001:db8:{run + 0xff00:x}::{n}"
                                                        for n in range(1, 6))

        def add(name, *arguments, family=family, group=group, **keywords):
            case.add(f"{name}-{family}", group, decoys_case(*arguments, **keywords))

        for where, named in ("near", True), ("far", True):
            suffix = "" if where == "near" else "-far"
            add(f"decoys{suffix}", where, family, "-sS", "syn", five(), named=named)
            add(f"decoys-first{suffix}", where, family, "-sS", "syn", "ME," + five())
            add(f"decoys-last{suffix}", where, family, "-sS", "syn", five() + ",ME")
            add(f"decoys-closed{suffix}", where, family, "-sS", "syn", five(),
                extra=("-p", "8000-8100"), named=False)
            add(f"decoys-fin{suffix}", where, family, "-sF", "fin", five(), named=False)
            add(f"decoys-udp{suffix}", where, family, "-sU", "udp", five(), extra=udp,
                named=False)
        add("decoys-ack-far", "far", family, "-sA", "ack", five(), extra=("-F",), named=False)
        add("decoys-live", "near", family, "-sS", "syn", live[family] + ",ME", named=True)
        add("decoys-live-first", "near", family, "-sS", "syn", "ME," + live[family], named=True)
        add("decoys-live-udp", "near", family, "-sU", "udp", live[family] + ",ME", extra=udp,
            named=False)
        add("decoys-mac", "near", family, "-sS", "syn", live[family] + ",ME",
            extra=("--spoof-mac", "02:12:34:56:78:9a"), named=False)
        case.add(f"decoys-two-{family}", group, two_scanners_case(family))
        case.add(f"spoofed-mac-{family}", group, spoofed_mac_case("near", family))


declare()
