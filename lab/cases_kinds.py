# SPDX-License-Identifier: GPL-2.0-or-later
"""Scans other than of TCP and UDP ports, odd flags, and what only looks like a scan."""

import re
import subprocess
import time

import case
import net
import tools
from case import Skip, check
from cases_scan import MAX_FAILED, QUIET, ScanLab, find

QUERIES = ("icmp", "icmp-query")  # a ping by several types is either


class Trace:
    """Everything but TCP and UDP that an attacker sends to the device, as tcpdump tells it."""

    def __init__(self, namespace, address, expression):
        self.process = namespace.popen(
            ["tcpdump", "-i", "eth0", "-n", "-l", "-tt", "-Q", "in", "--immediate-mode",
             f"src {address} and ({expression})"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(0.5)

    def lines(self):
        """(time in Unix microseconds, text) of each packet; ends the capture."""
        time.sleep(0.3)
        self.process.terminate()
        out = self.process.communicate()[0]
        found = re.findall(r"^(\d+)\.(\d{6}) (.*)$", out, re.MULTILINE)
        return [(int(s) * 1000000 + int(us), text) for s, us, text in found]


def run_attack(lab, say, argv, attacker, address, techniques, trace=None, max_failed=MAX_FAILED):
    """Runs argv until it is found; with a trace, counts its packets until then."""
    say(f"{' '.join(map(str, argv))} from {address}")
    watch = Trace(lab.network.device, address, trace) if trace else None
    process = attacker.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        event = find(lab, process, address, 40)
    finally:
        process.terminate()
        process.communicate()
    found = str(event)
    check(event.is_peer(address), f"the peer is not {address}: {found}")
    check(event.finding.get("technique") in techniques, f"not {techniques}: {found}")
    if watch:
        before = {text.split(": ", 1)[-1].split(",")[0] for t, text in watch.lines()
                  if t <= event.t}
        found += f"; {len(before)} different packets until then"
    check(event.finding["failed"] <= max_failed, f"more than {max_failed} contacts: {found}")
    lab.check_client()
    lab.check_events()
    return found


def sctp_case(option, technique, where, family):
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        return run_attack(lab, say, tools.nmap(family, option, target, extra=("-Pn",)), attacker,
                          address, (technique,), "ip proto 132 or ip6 proto 132")
    return run


def protocol_case(where, family):
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        return run_attack(lab, say, tools.nmap(family, "-sO", target, extra=("-Pn",)), attacker,
                          address, ("ip-protocol",))
    return run


def sweep_case(where, family):
    def run(lab, say):
        attacker, address, _target = lab.network.new_attacker(where, family)
        kinds = ("-PE", "-PP", "-PM") if family == 4 else ("-PE",)
        argv = tools.nmap(family, "-sn", *lab.network.device_addresses(family, where),
                          extra=("--send-ip", *kinds))
        return run_attack(lab, say, argv, attacker, address,
                          QUERIES if family == 4 else ("icmp",))
    return run


@case.case("icmp-two-types", "kinds-4")
def two_types_case(lab, say):
    """A timestamp and an address mask request: at least a notice."""
    attacker, address, target = lab.network.new_attacker("near", 4)
    argv = tools.nmap(4, "-sn", target, extra=("--send-ip", "-PP", "-PM"))
    say(f"{' '.join(argv)} from {address}")
    attacker.run(argv)
    event = lab.sensor.wait_event(lambda e: e.is_peer(address), 20, "a notice")
    lab.check_events()
    return str(event)


def monitor_case(family):
    """One address pinged again and again, by one ping or by many, is nothing."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker("near", family)
        say(f"{address} pings {target}: 40 times by one ping(8), by 12 of one packet each")
        attacker.run(["ping", "-q", "-i", "0.1", "-c", "40", target])
        for _again in range(12):
            attacker.run(["ping", "-q", "-c", "1", target])
        time.sleep(2)
        mine = [str(e) for e in lab.sensor.events() if e.about(address)]
        check(not mine, f"a ping is accused: {mine}")
        return "no event"
    return run


def link_case(family):
    """The whole link by ARP or neighbour solicitations."""
    def run(lab, say):
        attacker, address, _target = lab.network.new_attacker("near", family)
        targets = "10.7.0.0/24" if family == 4 else "fd07::2:0/120"
        argv = tools.nmap(family, "-sn", targets)
        return run_attack(lab, say, argv, attacker, address,
                          ("arp",) if family == 4 else ("neighbour",), max_failed=20)
    return run


def flags_case(flags, technique, family):
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker("near", family)
        argv = tools.nmap(family, "-sS", target, extra=("--scanflags", flags))
        return run_attack(lab, say, argv, attacker, address, (technique,))
    return run


@case.case("backscatter", "kinds-4", limit_s=60)
def backscatter_case(lab, say):
    """Answers of a service to floods with forged sources, as they reach the device."""
    if tools.missing("hping3", "nping"):
        raise Skip("hping3 or nping is not installed")
    attacker, address, target = lab.network.new_attacker("near", 4)
    say(f"{address} sends SYN/ACKs and RSTs of its port 80, and answers of UDP services")
    for flags in ("-SA", "-R", "-RA"):
        attacker.popen(["hping3", "-q", flags, "-s", "80", "-k", "-p", "++1", "-i", "u5000",
                        "-c", "200", target], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL).wait(30)
    for source in "11211", "389", "1900":
        attacker.run(["nping", "--udp", "-g", source, "-p", "1-60", "--rate", "100", "-c", "1",
                      "--data-length" if source != "1900" else "--data-string",
                      "900" if source != "1900" else "HTTP/1.1 200 OK", target])
    attacker.run(["nping", "--udp", "-g", "53", "-p", "1-60", "--rate", "100", "-c", "1", "--data",
                  "12348180000100010000000003777777076578616d706c6503636f6d0000010001", target])
    time.sleep(2)
    mine = [str(e) for e in lab.sensor.events() if e.about(address)]
    check(not mine, f"backscatter is accused: {mine}")
    return "no event"


FLAGS = {"synfin": ("SYNFIN", "custom"), "urg": ("URG", "custom"), "psh": ("PSH", "custom"),
         "urgpsh": ("URGPSH", "custom"), "synrst": ("SYNRST", "custom"),
         "finurg": ("FINURG", "custom"), "synack": ("SYNACK", "custom"),
         "synpsh": ("SYNPSH", "custom"), "finack": ("FINACK", "maimon"),
         "ackpsh": ("ACKPSH", "ack")}


def shared_kinds(family):
    def shared():
        with net.Network() as network:
            yield ScanLab(network, family, sections={"scan": QUIET})
    return shared


def declare():
    for family in (4, 6):
        group = f"kinds-{family}"
        case.group(group)(shared_kinds(family))
        for where, suffix in ("near", ""), ("far", "-far"):
            case.add(f"sctp-init{suffix}-{family}", group,
                     sctp_case("-sY", "sctp-init", where, family))
            case.add(f"sctp-cookie{suffix}-{family}", group,
                     sctp_case("-sZ", "sctp-cookie", where, family))
            case.add(f"protocols{suffix}-{family}", group, protocol_case(where, family))
            case.add(f"ping-sweep{suffix}-{family}", group, sweep_case(where, family))
        case.add(f"ping-monitor-{family}", group, monitor_case(family))
        case.add(f"link-sweep-{family}", group, link_case(family))
        for name, (flags, technique) in FLAGS.items():
            case.add(f"flags-{name}-{family}", group, flags_case(flags, technique, family))


declare()
