# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary life: how phones, PCs and televisions find each other, and get their addresses."""

import os
import time

import device
import net
from case import check
from life import act
from life_udp import begin, bound, finish

BROADCAST = "10.7.0.255"
# What tells its neighbours of itself: NetBIOS, Spotify, Dropbox, Steam, Plex, LIFX, Tuya, Syncthing,
# KDE Connect, WS-Discovery, printers of Canon and Epson, Art-Net, Roon, Ubiquiti, MikroTik.
SHOUTED = (137, 138, 57621, 17500, 27036, 32412, 32414, 56700, 6666, 6667, 21027, 1716, 3702, 8612,
           3289, 6454, 9003, 10001, 5678)
MULTICAST = (("239.255.255.250", 1900), ("224.0.0.251", 5353), ("224.0.0.252", 5355),
             ("239.255.255.250", 3702), ("239.192.0.0", 3838))


@act("discovery-shouted")
def shouted(life):
    """Broadcasts and multicasts of a household's programs."""
    count = 0
    for _ in range(4):
        v4, v6 = life.neighbour("discovery-shouted")
        count += life.do(life.near, "shout", v4, BROADCAST, *SHOUTED)
        count += life.do(life.near, "shout", v4, "255.255.255.255", *SHOUTED)
        for group, port in MULTICAST:
            count += life.do(life.near, "tell", v4, group, port, port)
        for group, port in ("ff02::fb", 5353), ("ff02::c", 1900), ("ff02::1:3", 5355):
            count += life.do(life.near, "tell", v6, f"{group}%eth0", port)
    return f"{count} packets"


@act("discovery-asked")
def asked(life):
    """A PC's network map, a phone looking for players, a new printer's search: to the device."""
    kinds = {"pc": ((445, 139, 5357), (137, 3702, 5355)),
             "phone": ((8008, 8009), (1900, 5353)),
             "printing": ((631, 9100), (161, 5353))}
    count = 0
    for name, (tcp, udp) in kinds.items():
        for source, target in zip(life.neighbour(name), ("10.7.0.1", "fd07::1")):
            life.near.run(["busybox", "ping", "-c", "2", "-i", "0.2", "-I", source, target])
            for port in tcp:
                count += life.do(life.near, "retry", source, target, port, 2, 50)
            count += life.do(life.near, "tell", source, target, *udp, *udp)
    return f"{count} times nobody answered"


@act("upnp")
def upnp(life):
    """Searches by SSDP, answered from port 1900 to a new port each: the device asks, and answers."""
    servers = [begin(life, where, "ssdp_serve", address, 5) for where, address in (
        (life.near, life.neighbour("upnp")[0]), (life.near, life.neighbour("upnp")[0]),
        (life.device, "10.7.0.1"))]
    bound(life.near, 1900)
    bound(life.device, 1900)
    found = life.do(life.device, "ssdp_search", "10.7.0.11", 6)
    found += life.do(life.near, "ssdp_search", life.neighbour("upnp")[0], 6)
    served = sum(finish(one) for one in servers)
    check(found >= 12 and served >= found, f"{found} found, {served} answers: a bad lab")
    return f"{found} services were found"


@act("mdns", "avahi-daemon", "dig")
def mdns(life):
    """Avahi on the device and beside it; a resolver that asks one machine (RFC 6762 §5.1)."""
    life.neighbour("mdns")
    daemons = []
    for where, name in (life.device, "watched"), (life.near, "beside"):
        config = life.write(f"avahi-{name}.conf", f"""
[server]
host-name={name}
enable-dbus=no
allow-interfaces=eth0
disallow-other-stacks=no
[publish]
publish-workstation=yes
publish-hinfo=yes
""")
        # Its own pid file and socket: avahi-daemon knows only one place for them.
        daemons.append(life.start(where, [
            "unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run && mkdir -p /run/avahi-daemon '
            '&& exec avahi-daemon -f "$1" --no-chroot --no-drop-root --no-rlimits', "sh", config],
            "avahi"))
    try:
        net.wait_for(lambda: all(device.listening(where, 17, 5353)
                                 for where in (life.device, life.near)), 5, "avahi")
        time.sleep(4)
        out = life.near.run(["sh", "-c", "dig +short +time=1 +tries=3 -p 5353 @10.7.0.18 "
                             "watched.local; true"])
    finally:
        life.end(*daemons)
    check(out.startswith("10.7.0."), f"no answer of avahi: {out!r}: a bad lab")
    return f"watched.local is {out.split()[0]}"


@act("leases", "busybox")
def leases(life):
    """The router gives leases to the device and to others, and ends them."""
    life.write("leases", "")
    config = life.write("udhcpd.conf", f"""
start 10.7.0.200
end 10.7.0.240
interface eth0
lease_file {life.path('leases')}
pidfile {life.path('udhcpd.pid')}
option subnet 255.255.255.0
option router 10.7.0.254
option lease 60
""")
    script = life.write("lease", "#!/bin/sh\n")
    os.chmod(script, 0o755)
    server = life.start(life.router, ["busybox", "udhcpd", "-f", config], "udhcpd")
    clients, codes = [], []
    try:
        net.wait_for(lambda: device.listening(life.router, 17, 67), 5, "udhcpd")
        # The server asks by ARP for two seconds before it offers an address, one client after the other.
        for _ in range(2):
            clients = [life.start(where, ["busybox", "udhcpc", "-f", "-q", "-n", "-i", "eth0", "-t",
                                          "20", "-T", "1", "-A", "1", "-s", script], "udhcpc")
                       for where in (life.device, life.near)]
            codes += [one.wait(30) for one in clients]
    finally:
        life.end(server, *clients)
    check(codes == [0] * 4, f"{codes}: a bad lab")
    return f"{len(codes)} leases"


@act("privacy-addresses")
def privacy(life):
    """A phone changes its IPv6 address, and retries the same dead service from each."""
    refused, addresses = 0, []
    for number in range(6):
        address = f"fd07::{(0x8a3f + number * 7919) % 65536:x}:{0x1bad + number:x}:77:{number + 1:x}"
        addresses.append(address)
        life.who[address] = "privacy-addresses"
        life.near.ip(f"addr add {address}/64 dev eth0")
        net.wait_for(lambda a=address: "tentative" not in life.near.run(
            ["ip", "-6", "addr", "show", "to", a]), 5, "the address")
        refused += life.do(life.near, "retry", address, "fd07::1", 1883, 3, 20)
        life.do(life.near, "browse", address, "fd07::1", 80)
        life.near.ip(f"addr del {address}/64 dev eth0")
    check(refused == 18, f"{refused} refusals: a bad lab")
    return f"{len(addresses)} addresses"


@act("links-flap", alone=True)
def flaps(life):
    """Clients whose link goes down and up in the midst of their connections."""
    v4, v6 = life.neighbour("links-flap")
    clients = [begin(life, life.near, "insist", 6, source, target, 80, 3)
               for source, target in ((v4, "10.7.0.1"), (v6, "fd07::1"))]
    port = "to-near"
    for _ in range(3):
        time.sleep(1)
        life.network.switch.ip(f"link set {port} down")
        time.sleep(0.5)
        life.network.switch.ip(f"link set {port} up")
    pages = [finish(one) for one in clients]
    check(all(pages), f"{pages} pages: a bad lab")
    return f"{sum(pages)} pages in spite of it"
