# SPDX-License-Identifier: GPL-2.0-or-later
"""The attackers' tools, as command lines."""

import shutil

# Nmap's scan types: option, the technique an event must name, how the ports are given.
NMAP = {
    "syn": ("-sS", "syn", ()),
    "connect": ("-sT", "connect", ()),
    "fin": ("-sF", "fin", ()),
    "null": ("-sN", "null", ()),
    "xmas": ("-sX", "xmas", ()),
    "ack": ("-sA", "ack", ()),
    "window": ("-sW", "ack", ()),
    "maimon": ("-sM", "maimon", ()),
    "udp": ("-sU", "udp", ("--top-ports", "100", "--max-retries", "0")),
    "udp-default": ("-sU", "udp", ()),
}


def missing(*names):
    """The tools of these that are not installed."""
    return [name for name in names if not shutil.which(name)]


def nmap(family, option, *targets, extra=()):
    return ["nmap", *(["-6"] if family == 6 else []), "-n", option, *extra, *targets]


def masscan(attacker, family, address, target, router_mac):
    """The first thousand ports at a thousand packets a second."""
    interface = ["--adapter", "eth0", "--adapter-mac", attacker.mac()]
    return ["masscan", *interface, "--adapter-ip", address,
            "--router-mac-ipv6" if family == 6 else "--router-mac", router_mac,
            "-p", "1-1000", "--rate", "1000", "--wait", "0", "--range", target]
