# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary life: QUIC, calls, names, time, tunnels, ways."""

import subprocess

import device
import net
from case import check
from life import FAR, act

TARGETS = {"near": ("10.7.0.1", "fd07::1"), "far": ("10.7.0.1", "2001:db8:7::1")}


def both(life, name):
    """Everyone who acts: (namespace, own address, the device's) near and far, IPv4 and IPv6."""
    return ([(life.near, *pair) for pair in zip(life.neighbour(name), TARGETS["near"])]
            + [(life.far, *pair) for pair in zip(life.stranger(name), TARGETS["far"])])


def begin(life, where, verb, *arguments):
    """A habit that goes on; finish() waits for its number."""
    return where.popen(life.habit(verb, *arguments), stdout=subprocess.PIPE, text=True)


def finish(process, seconds=30):
    return int(process.communicate(timeout=seconds)[0].split()[-1])


def bound(where, port):
    net.wait_for(lambda: device.listening(where, 17, port), 5, f"UDP port {port}")


@act("quic-to-device")
def quic_to_device(life):
    """Downloads by QUIC from the device; clients change ports, and leave before the end."""
    servers = [begin(life, life.device, "quic_serve", address, 443, 5)
               for address in ("10.7.0.1", "fd07::1", "2001:db8:7::1")]
    bound(life.device, 443)
    clients = [begin(life, where, "quic_fetch", source, target, 443, 8)
               for where, source, target in both(life, "quic-to-device")]
    done = [finish(one) for one in clients]
    served = sum(finish(one) for one in servers)
    check(sum(done) and served >= 32, f"{done} downloads, {served} served: a bad lab")
    return f"{sum(done)} downloads"


@act("quic-from-device")
def quic_from_device(life):
    """The device downloads by QUIC: what is in flight at the end arrives at closed ports."""
    v4, v6 = life.stranger("quic-from-device")
    servers = [begin(life, life.far, "quic_serve", address, 443, 6) for address in (v4, v6)]
    bound(life.far, 443)
    done = [finish(one) for one in [
        begin(life, life.device, "quic_fetch", source, target, 443, 10)
        for source, target in (("10.7.0.1", v4), ("2001:db8:7::1", v6))]]
    served = sum(finish(one) for one in servers)
    check(all(done) and served == 20, f"{done} downloads, {served} served: a bad lab")
    return f"{sum(done)} downloads"


@act("calls")
def calls(life):
    """A media server sends on to a dozen ports after the device hung up."""
    said = []
    for server, own in zip(life.stranger("calls"), ("10.7.0.1", "2001:db8:7::1")):
        ports = range(16400, 16424, 2)
        hears = begin(life, life.device, "media_hear", own, 1600, *ports)
        bound(life.device, ports[-1])
        sent = life.do(life.far, "media_send", server, own, 3400, *ports)
        heard = finish(hears)
        check(heard == len(ports) and sent > 500, f"{heard} calls, {sent} packets: a bad lab")
        said.append(f"{heard} calls hung up from {server}")
    return ", ".join(said)


@act("calls-in-turn")
def calls_in_turn(life):
    """Calls one after the other; the media server sends on for a second after each."""
    sent, heard, servers = 0, 0, life.stranger("calls-in-turn")
    for port in range(16500, 16512, 2):
        ways = list(zip(servers, ("10.7.0.1", "2001:db8:7::1")))
        hears = [begin(life, life.device, "media_hear", own, 1600, port) for _server, own in ways]
        bound(life.device, port)
        sends = [begin(life, life.far, "media_send", server, own, 2600, port)
                 for server, own in ways]
        sent += sum(finish(one) for one in sends)
        heard += sum(finish(one) for one in hears)
    check(sent > 600 and heard == 12, f"{heard} calls, {sent} packets: a bad lab")
    return f"12 calls, {sent} packets"


@act("dns-served", "dnsmasq", "dig")
def dns_served(life):
    """The device answers names for others: dozens of clients, hundreds of questions."""
    hosts = life.write("hosts", "".join(f"192.0.2.{n % 250} host{n}.example\n" for n in range(300)))
    names = life.write("names", "".join(f"host{n}.example A\n" for n in range(60)))
    server = life.start(life.device, [
        "dnsmasq", "-d", "-C", "/dev/null", "-u", "root", "-R", "-h", "-H", hosts, "-p", 5300,
        "--bind-interfaces", "--listen-address=10.7.0.1,fd07::1,2001:db8:7::1"], "dnsmasq")
    bound(life.device, 5300)
    answered = 0
    try:
        for where, source, target in both(life, "dns-served") + [
                (life.far, s[0], "10.7.0.1") for s in life.strangers("dns-served", 6)]:
            out = where.run(["dig", "-b", source, "-p", 5300, f"@{target}", "+short", "-f", names])
            answered += len(out.split())
            where.run(["dig", "+tcp", "-b", source, "-p", 5300, f"@{target}", "host1.example"])
    finally:
        life.end(server)
    check(answered == 600, f"{answered} answers: a bad lab")
    return f"{answered} answers"


@act("dns-late", "dig")
def dns_late(life):
    """A slow name server answers the device when nobody waits any more."""
    said = []
    for server, own in zip(life.stranger("dns-late"), ("10.7.0.1", "2001:db8:7::1")):
        answers = begin(life, life.far, "late", server, 53, 20, 400)
        bound(life.far, 53)
        heard = life.do(life.device, "ask", own, server, 53, 20, 100)
        said.append((finish(answers), heard))
    check(all(sent == 20 and not heard for sent, heard in said), f"{said}: a bad lab")
    return "40 answers came too late"


@act("time")
def network_time(life):
    """NTP: the device asks a server, from port 123 too, and serves its neighbours."""
    v4, v6 = life.stranger("time")
    servers = [begin(life, where, "sntp_serve", address, 6)
               for where, address in ((life.far, v4), (life.far, v6), (life.device, "10.7.0.11"),
                                      (life.device, "fd07::11"))]
    bound(life.far, 123)
    bound(life.device, 123)
    done = [life.do(life.device, "sntp", "10.7.0.1", v4, 6),
            life.do(life.device, "sntp", "2001:db8:7::1", v6, 6)]
    done += [life.do(life.near, "sntp", source, target, 6)
             for source, target in zip(life.neighbour("time"), ("10.7.0.11", "fd07::11"))]
    life.end(*servers)
    check(done == [6] * 4, f"{done} answers: a bad lab")
    return "24 answers"


@act("ways", "traceroute", "mtr")
def ways(life):
    """traceroute by UDP, ICMP and TCP, and mtr, to the device and from it."""
    (f4, f6), hops = life.stranger("ways"), 0
    for where, source, target in ((life.far, f4, "10.7.0.1"), (life.far, f6, "2001:db8:7::1"),
                                  (life.device, "10.7.0.1", f4)):
        for option in (), ("-I",), ("-T", "-p", "80"), ("-U",):
            out = where.run(["traceroute", "-n", "-w", "1", "-q", "3", "-m", "4", "-s", source,
                             *option, target])
            hops += out.count(" ms")
        for option in (), ("-u",), ("-T",):
            where.run(["mtr", "-n", "-r", "-c", "4", "-i", "0.2", "-G", "1", *option, "-a", source,
                       target])
    check(hops > 30, f"{hops} answers: a bad lab")
    return f"{hops} answers on the way"


@act("tunnels")
def tunnels(life):
    """VPN clients knock for a server that is gone, from one port and from many."""
    sent = 0
    for where, source, target in both(life, "tunnels"):
        for port in 51820, 1194:
            life.do(where, "ask", source, target, port, 6, 100)
            sent += life.do(where, "tell", source, target, *[port] * 8)
    return f"{sent} knocks besides those that asked"


@act("path-mtu", "busybox")
def path_mtu(life):
    """Messages about packets too big, large pings, and unreachable hosts behind the router."""
    sent = sum(life.do(life.far, "too_big", target, source)
               for source, target in zip(life.stranger("path-mtu"), TARGETS["far"]))
    for target in "10.7.0.1", "2001:db8:7::1":
        life.far.run(["busybox", "ping", "-c", "2", "-s", "4000", target])
    life.do(life.device, "contacts", "any", 443, "198.51.100.77", "2001:db8:9::77")
    return f"{sent} messages; asked {FAR[0]}'s absent neighbours"
