# SPDX-License-Identifier: GPL-2.0-or-later
"""
Service and OS detection, on ports that are open and closed, and packets cut in pieces; beside them
monitors and health checks that connect, and leave, for as long as the cases last.
"""

import subprocess
import sys
import time

import case
import net
import tools
from case import check
from cases_scan import ScanLab

OPEN = "22,23,80"
FIND_S = 5
MAX_CONTACTS = 10  # of service detection
MAX_FAILED = 5
QUIET = {"quiet": "5s"}

# What monitors and balancers do: connect and leave, break off, ask the shortest question there is.
MONITOR = r"""
import socket, struct, sys, time
address, family = sys.argv[1], socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
ASK = {80: [b"", b"OPTIONS / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"], 22: [b""], 23: [b""]}
while True:
    for port, questions in ASK.items():
        for question in questions:
            for abort in False, True:
                with socket.socket(family) as sock:
                    if abort:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.settimeout(2)
                    sock.connect((address, port))
                    sock.sendall(question)
                    if question:
                        sock.recv(4096)
    time.sleep(1)
"""


def events_about(lab, address):
    return [e for e in lab.sensor.events() if e.about(address)]


def starts(lab, address):
    return [e for e in events_about(lab, address)
            if e.data.get("event_type") == "alert" and e.finding.get("phase") == "start"]


def tool_case(family, option, extra, wanted, max_contacts, marks=(), where="near"):
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        argv = tools.nmap(family, option, target, extra=extra)
        say(f"{' '.join(map(str, argv))} from {address}")
        began = time.monotonic()
        attacker.run(argv)
        seconds = time.monotonic() - began
        try:
            net.wait_for(lambda: any(e.finding.get("technique") == wanted
                                     for e in starts(lab, address)), FIND_S, wanted)
        except net.Timeout:
            pass
        found = starts(lab, address)
        told = "; ".join(f"{e} {e.finding.get('port_sample')} {e.finding.get('outcomes')}" for e in found) or f"nothing: {events_about(lab, address)}"
        check(any(e.finding.get("technique") == wanted for e in found),
              f"no start event of technique {wanted}: {told}")
        check(found[0].finding["failed"] <= max_contacts,
              f"more than {max_contacts} contacts: {told}")
        for mark in marks:
            check(any(mark in e.finding["fingerprint"] for e in found),
                  f"without the mark {mark}: {[e.finding['fingerprint'] for e in found]}")
        check(all(e.is_peer(address) for e in found), f"another peer: {told}")
        lab.check_client()
        lab.check_events()
        return f"{told}; the tool took {seconds:.1f} s"
    return run


def monitors_case(family):
    def run(lab, say):
        time.sleep(5)
        lab.check_client()
        mine = [str(e) for e in events_about(lab, lab.monitor)]
        check(lab.watcher.poll() is None, "the monitor has ended")
        check(not mine, f"a monitor is accused: {mine}")
        say(f"since the start of the group {lab.monitor} connects to {OPEN} twelve times a second")
        return f"no event about {lab.monitor}"
    return run


def person_case(family):
    """Tries three services within a minute, and ssh where there is none."""
    def run(lab, say):
        person, address, target = lab.network.new_attacker("near", family)
        url = f"http://[{target}]/" if family == 6 else f"http://{target}/"
        say(f"{address} opens {url}, connects to 22 and 23, and tries 2222 and 8080")
        person.run(["busybox", "wget", "-q", "-O", "/dev/null", url])
        for port in 22, 23, 2222, 8080:
            run_quietly(person, ["busybox", "timeout", "1", "busybox", "nc", target, port])
        time.sleep(12)
        mine = [str(e) for e in events_about(lab, address)]
        check(not mine, f"a person is accused: {mine}")
        return "no event"
    return run


def run_quietly(namespace, argv):
    namespace.popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL).wait()


def shared_lab(family):
    def shared():
        with net.Network() as network:
            lab = ScanLab(network, family, sections={"scan": QUIET})
            lab.monitor = lab.client.address[family]
            lab.watcher = network.client.popen(
                [sys.executable, "-c", MONITOR, network.device_addresses(family)[0]],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            yield lab
    return shared


def declare():
    for family in 4, 6:
        name = f"service-{family}"
        case.group(name)(shared_lab(family))
        case.add(f"person-{family}", name, person_case(family))
        ports = ("-p", OPEN)
        for where, suffix in ("near", ""), ("far", "-far"):
            case.add(f"version{suffix}-{family}", name,
                     tool_case(family, "-sV", ports, "version", MAX_CONTACTS, where=where))
            case.add(f"version-connect{suffix}-{family}", name,
                     tool_case(family, "-sV", ("-sT", "-Pn", *ports), "version", MAX_CONTACTS,
                               where=where))
            case.add(f"os{suffix}-{family}", name,
                     tool_case(family, "-O", ("-p", "22,80"), "os", MAX_FAILED, ("nmap-os",),
                               where))
        case.add(f"monitors-{family}", name, monitors_case(family), after_others=True)
        if family == 6:
            # Nmap cuts no IPv6; and whoever scans again from a neighbouring address is a group.
            continue
        tiny = ("nmap-raw", "tiny-fragments")
        case.add(f"fragments-{family}", name,
                 tool_case(family, "-f", ("-sS", "-p", "21,25,110"), "syn", MAX_FAILED, tiny,
                           "far"))
        case.add(f"fragments-mtu-{family}", name,
                 tool_case(family, "-sS", ("--mtu", "8", "-p", "21,25,110"), "syn", MAX_FAILED,
                           tiny, "far"))
        case.add(f"fragments-fin-{family}", name,
                 tool_case(family, "-f", ("-sF", "-p", "21,25,110,143"), "fin", MAX_FAILED,
                           ("tiny-fragments",), "far"))
        case.add(f"three-syn-{family}", name,
                 tool_case(family, "-sS", ("-p", "8001-8003"), "syn", MAX_FAILED, ("nmap-raw",),
                           "far"))
        case.add(f"three-connect-{family}", name,
                 tool_case(family, "-sT", ("-p", "21,2323,5555"), "connect", MAX_FAILED,
                           where="far"))


declare()
