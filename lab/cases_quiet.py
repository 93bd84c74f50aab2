# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that forwards, where closed ports are known late; and scans that hide behind what is
ordinary: source ports of services, other scanners, late answers."""

import contextlib
import subprocess
import sys
import time

import case
import cases_scan
import device
import net
import tools
from case import Skip, check

# Of the container, TCP, each accepting late; and UDP. The sensor learns published ports: each case
# takes its own.
SLOW = tuple(range(8000, 8060))
UDP_ON_A_GATEWAY = 60  # failed contacts
SLOW_MS = 80
CALLS = tuple(range(10000, 10040))
AT_ONCE = {"connect": 10, "ask": 8}
FLOODS = (80, "open"), (81, "closed"), ("random", "random")
USERS = device.HERE + "/users.py"
NO_CONTACTS_BAR = 10000  # found in time is what counts


def publish(namespace):
    """The container's ports by DNAT, as Docker does."""
    tcp, udp = (", ".join(map(str, ports)) for ports in (SLOW, CALLS))
    for key in "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding":
        namespace.sysctl(key, 1)
    namespace.nft(f"""
table inet publish {{
    chain prerouting {{
        type nat hook prerouting priority -100;
        iif eth0 tcp dport {{ {tcp} }} dnat ip to 172.30.0.2
        iif eth0 tcp dport {{ {tcp} }} dnat ip6 to fd30::2
        iif eth0 udp dport {{ {udp} }} dnat ip to 172.30.0.2
        iif eth0 udp dport {{ {udp} }} dnat ip6 to fd30::2
    }}
}}
""")


def mute(namespace):
    """No RST of the kernel's where servers.py answers in its place."""
    namespace.nft("table inet mute { chain output { type filter hook output priority 0; "
                  "tcp flags & rst == rst drop; }; }")


def _forwards(family):
    """The device forwards to a container whose ports it publishes, without a firewall."""
    def shared():
        with net.Network() as network:
            publish(network.device)
            mute(network.container)
            servers = [sys.executable, "-B", device.HERE + "/servers.py"]
            network.container.popen([*servers, "slow", SLOW_MS, *SLOW])
            network.container.popen([*servers, "udp", *CALLS])
            for port in CALLS:
                net.wait_for(lambda port=port: device.listening(network.container, 17, port), 10,
                             "the container")
            lab = cases_scan.ScanLab(network, family, sections={"scan": cases_scan.QUIET})
            lab.published = set(SLOW)
            yield lab
    return shared


def _unaccused(lab, address, what):
    """A suspicion becomes a notice only when it ends: waits for that."""
    time.sleep(8)
    mine = [str(e) for e in lab.sensor.events() if e.about(address)]
    check(not mine, f"{what} is accused: {mine}")
    lab.check_client()
    return f"no event about {address}"


def _slice(verb, number):
    ports, count = SLOW if verb == "connect" else CALLS, AT_ONCE[verb]
    return ports[number * count:(number + 1) * count]


def published_case(verb, number, where, family):
    ports = _slice(verb, number)

    def run(lab, say):
        user, address, target = lab.network.new_attacker(where, family)
        done = int(user.run([sys.executable, "-B", USERS, verb, target, *ports]))
        say(f"{address}: {verb} {len(ports)} published ports of {target}, {done} answered")
        check(done == len(ports), f"{done} of {len(ports)} published ports answered: a bad lab")
        return _unaccused(lab, address, "a user of published ports")
    return run


def waking_case(family):
    """The container wakes after the first SYNs: it answers those that are repeated a second on."""
    def run(lab, say):
        here, ports = lab.network.device, _slice("connect", 2 + len(FLOODS))
        user, address, target = lab.network.new_attacker("near", family)
        here.nft("table inet asleep { chain forward { type filter hook forward priority 0; "
                 "tcp flags & (syn | ack) == syn drop; }; }")
        process = user.popen([sys.executable, "-B", USERS, "connect", target, *ports],
                             stdout=subprocess.PIPE, text=True)
        time.sleep(0.6)
        here.run(["nft", "delete", "table", "inet", "asleep"])
        done = int(process.communicate(timeout=10)[0])
        say(f"{address}: {done} published ports answered the second SYN")
        check(done == len(ports), f"{done} of {len(ports)} published ports answered: a bad lab")
        return _unaccused(lab, address, "a user of a waking container")
    return run


def published_flood_case(flooded, verb, number, family):
    """Spoofed SYNs fill the sensor's tables and have it shed answers: still no user is accused."""
    ports = _slice(verb, number)

    def run(lab, say):
        flood = device.bench_tool("flood")
        if not flood:
            raise Skip("bench/flood is not built")
        mac = lab.network.device.mac()
        user, address, target = lab.network.new_attacker("far", family)
        process = lab.network.near.popen([flood, "-i", "eth0", "-m", mac, "-d", target,
                                          "-p", flooded, "-n", 100000, "-r", 20000],
                                         stdout=subprocess.DEVNULL)
        try:
            time.sleep(1)
            done = int(user.run([sys.executable, "-B", USERS, verb, target, *ports]))
            flooding = process.poll() is None
        finally:
            process.terminate()
            process.wait()
        say(f"{address}: {verb} {len(ports)} published ports, {done} answered, in a flood")
        check(flooding and done == len(ports), f"flooding: {flooding}, {done} answered: a bad lab")
        return _unaccused(lab, address, "a user of published ports in a flood")
    return run


@case.case("published-later", "life")
def published_later_case(lab, say):
    """The sensor runs already when the first container's ports are published."""
    here, container = lab.network.device, lab.network.container
    lab.start(sections={"scan": cases_scan.QUIET})
    mute(container)
    slow = container.popen([sys.executable, "-B", device.HERE + "/servers.py", "slow", SLOW_MS,
                            *_slice("connect", 0)])
    publish(here)
    user, address, target = lab.network.new_attacker("near", 4)
    try:
        done = int(user.run([sys.executable, "-B", USERS, "connect", target,
                             *_slice("connect", 0)]))
    finally:
        slow.terminate()
        for namespace, table in (here, "publish"), (container, "mute"):
            namespace.run(["nft", "delete", "table", "inet", table])
        here.sysctl("net.ipv4.ip_forward", 0)
        here.sysctl("net.ipv6.conf.all.forwarding", 0)
    say(f"{address}: {done} published ports answered")
    check(done == AT_ONCE["connect"], f"{done} published ports answered: a bad lab")
    time.sleep(8)
    mine = [str(e) for e in lab.sensor.events() if e.about(address)]
    check(not mine, f"a user of published ports is accused: {mine}")
    return f"no event about {address}"


def late_udp_case(where, family):
    """The device asks a service from sockets that are gone when the answers come."""
    def run(lab, say):
        server, address, _target = lab.network.new_attacker(where, family)
        process = server.popen([sys.executable, "-B", USERS, "late", 12, 3478],
                               stdout=subprocess.PIPE, text=True)
        net.wait_for(lambda: device.listening(server, 17, 3478), 5, "the server")
        lab.network.device.run([sys.executable, "-B", USERS, "forget", address, 3478, 12])
        answered = process.communicate(timeout=15)[0].strip()
        say(f"{address}:3478 answered {answered} questions of the device, late")
        check(answered == "12", f"{answered} answers were sent, not 12: a bad lab")
        return _unaccused(lab, address, "a server that answers late")
    return run


@contextlib.contextmanager
def _wall(lab):
    """Closed ports say nothing."""
    served = ", ".join(str(port) for proto, port in sorted(device.SERVED) if proto == 6)
    lab.network.device.nft(f"""
table inet guard {{
    chain input {{
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        tcp dport {{ {served} }} accept
        udp dport 53 accept
    }}
}}
""")
    try:
        yield
    finally:
        lab.network.device.run(["nft", "delete", "table", "inet", "guard"])


def forward_wall_case(where, family):
    """Neither listener nor refusal: a container could still answer, so it is waited for that."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        with _wall(lab):
            return cases_scan.attack(lab, say, attacker, tools.nmap(family, "-sS", target),
                                     address, "syn", max_failed=NO_CONTACTS_BAR, find_s=3)
    return run


def masked_case(option, technique, port, ports, where, family):
    """A scan from a service's port looks like that service's answers."""
    def run(lab, say):
        attacker, address, target = lab.network.new_attacker(where, family)
        argv = tools.nmap(family, option, target,
                          extra=("-g", port, "-p", ports, "--max-retries", "1"))
        return cases_scan.attack(lab, say, attacker, argv, address, technique)
    return run


def two_scanners_case(family):
    """Two scans at once beside the benign client: each is found as itself."""
    def run(lab, say):
        near, near_address, near_target = lab.network.new_attacker("near", family)
        far, far_address, far_target = lab.network.new_attacker("far", family)
        other = far.popen(tools.nmap(family, "-sF", far_target, extra=("-p", "1-200")),
                          stdout=subprocess.DEVNULL)
        try:
            found = cases_scan.attack(lab, say, near, tools.nmap(family, "-sS", near_target),
                                      near_address, "syn")
            event = cases_scan.find(lab, other, far_address, cases_scan.FIND_S)
            return found + "; " + cases_scan.judge(lab, say, event, far_address, "fin",
                                                   cases_scan.MAX_FAILED)
        finally:
            other.terminate()
            other.wait()
    return run


def declare():
    for family in cases_scan.FAMILIES:
        forwards, hidden = f"forwards-{family}", f"hidden-{family}"
        case.group(forwards)(_forwards(family))
        case.group(hidden)(cases_scan.shared_scans(family))
        for number, (where, suffix) in enumerate((("near", ""), ("far", "-far"))):
            name = f"{suffix}-{family}"
            case.add("published-slow" + name, forwards,
                     published_case("connect", number, where, family))
            case.add("published-udp" + name, forwards, published_case("ask", number, where, family))
            for kind in "syn", "connect", "fin":
                case.add(f"forwards-{kind}{name}", forwards,
                         cases_scan.nmap_case(kind, where, family))
            # There a UDP port is closed only once refused, and the first refusals wait for the
            # neighbour to be resolved: nmap sends a few dozen more meanwhile.
            case.add(f"forwards-udp{name}", forwards,
                     cases_scan.nmap_case("udp", where, family, UDP_ON_A_GATEWAY))
            case.add("forwards-wall" + name, forwards, forward_wall_case(where, family))
            case.add("late-udp" + name, hidden, late_udp_case(where, family))
            case.add("masked-ack" + name, hidden,
                     masked_case("-sA", "ack", 80, "3000-3040", where, family))
            case.add("masked-maimon" + name, hidden,
                     masked_case("-sM", "maimon", 80, "4000-4040", where, family))
            case.add("masked-udp" + name, hidden,
                     masked_case("-sU", "udp", 53, "3000-3040", where, family))
        for number, (flooded, suffix) in enumerate(FLOODS, 2):
            name = f"-in-flood-{suffix}-{family}"
            case.add("published-slow" + name, forwards,
                     published_flood_case(flooded, "connect", number, family))
            case.add("published-udp" + name, forwards,
                     published_flood_case(flooded, "ask", number, family))
        case.add(f"published-waking-{family}", forwards, waking_case(family))
        case.add(f"late-udp-forwards-{family}", forwards, late_udp_case("near", family))
        case.add(f"two-scanners-{family}", hidden, two_scanners_case(family))


declare()
