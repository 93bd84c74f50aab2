# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a guesser did, from the device's own capture, and whether an event is the right one about it.

A *sign* is a connection that ended, or a failure that could be read on the way: of one connection the
failures count, or its end if none could be read.
"""

import bisect
import re

import capture
import guess_tools
import matrix_oracle

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
FAST_BAR, SLOW_BAR, LOG_BONUS, SPRAY_BAR = 6, 8, 2, 20
NAT_BAR = 20  # the connections of who is at work behind the same address end, too
LIT = {  # what the device sends when a password was wrong
    "telnet": re.compile(rb"ncorrect"),
    "ftp": re.compile(rb"^530 ", re.M),
    "http": re.compile(rb"^HTTP/1\.[01] 401 "),
    "rtsp": re.compile(rb"^RTSP/1\.0 401 "),
    "mqtt": re.compile(rb"^\x20\x02.[\x01-\x05]", re.S),
}
TELNET_OPTION = re.compile(rb"\xff[\xfb-\xfe].", re.S)  # RFC 854


class Connection:
    """One TCP connection to the device; times in Unix microseconds."""

    def __init__(self, t, peer, port):
        self.t, self.peer, self.port = t, peer, port
        self.answered = False
        self.ended = None
        self.failures = []
        self.typed = 0  # bytes that the peer sent, telnet's options apart
        self.frames = []  # (t, frame, length on the wire)

    def signs(self, t):
        """How many signs it had given by then."""
        read = bisect.bisect_right(self.failures, t)
        return max(read, int(self.has_ended(t)))

    def has_ended(self, t):
        return self.ended is not None and self.ended <= t


def _payload(packet, frame):
    return frame[packet.at + (frame[packet.at + 12] >> 4) * 4:] if len(frame) > packet.at + 12 else b""


def connections(path, peers, ports=None):
    """The connections of these peers to these ports of the device, in order."""
    open_, found, peers = {}, [], set(peers)
    for t, frame, wire in matrix_oracle.records(path):
        packet = capture.parse(t, frame)
        if not packet or packet.proto != capture.TCP or packet.at is None:
            continue
        outward = packet.dst in peers
        if not outward and packet.src not in peers:
            continue
        key = ((packet.dst, packet.dport, packet.src, packet.sport) if outward
               else (packet.src, packet.sport, packet.dst, packet.dport))
        if ports is not None and key[3] not in ports:
            continue
        if not outward and packet.flags & (SYN | ACK) == SYN and (
                key not in open_ or open_[key].ended is not None):
            open_[key] = Connection(t, key[0], key[3])
            found.append(open_[key])
        if key in open_:
            _take(open_[key], packet, frame, wire, outward)
    return [one for one in found if one.answered]


def _take(one, packet, frame, wire, outward):
    one.frames.append((packet.t, frame, wire))
    one.answered |= outward and packet.flags & (SYN | ACK) == SYN | ACK
    if one.ended is None and packet.flags & (FIN | RST):
        one.ended = packet.t
    if not outward:
        one.typed += len(TELNET_OPTION.sub(b"", _payload(packet, frame)))
    lit = LIT.get(guess_tools.SERVICE_OF.get(one.port))
    if lit and outward:
        data = _payload(packet, frame)
        one.failures += [packet.t] * len(lit.findall(data))


def logged(path, peers):
    """How many failures of these peers the system's log tells of."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return sum(bool(re.search(r"Failed password|Bad password attempt|authentication failure", line))
                   and any(re.search(rf"{re.escape(p)}(?![\w.]|:[\da-f]*:)", line) for p in peers)
                   for line in file)


def tries(tool, service, tried, steps):
    """Those of the connections in which a password may have been tried; steps: when runs began."""
    if service == "telnet":
        return [one for one in tried if one.typed]
    if (tool, service) != ("hydra", "ssh"):
        return tried
    # Hydra begins each run with a connection that asks whether passwords are taken, and leaves.
    first = {}
    for one in tried:
        first.setdefault(bisect.bisect_right(steps, one.t), one)
    return [one for one in tried if one not in first.values()]


def about(event, addresses):
    """Is it a finding of guessing by one of them, alone or in a group?"""
    return (event.data.get("event_type") == "alert" and event.finding.get("kind") == "guess"
            and (any(event.about(a) for a in addresses)
                 or bool(set(addresses) & set(event.finding.get("peer_sample", ())))))


def first(events, addresses, service, scopes=("host",)):
    """(the event that opens the right finding, None), or (None, why there is none)."""
    mine = [e for e in events if about(e, addresses)]
    for event in mine:
        if (event.finding.get("phase") == "start" and event.finding.get("service") == service
                and event.finding.get("scope", "host") in scopes):
            return event, None
    said = "; ".join(dict.fromkeys(
        f"{e.finding.get('service')} {e.finding.get('scope', 'host')} {e.finding.get('phase')} "
        f"by {e.peer}" for e in mine))
    return None, said or "nothing is said of it"


def outcome(events, addresses):
    """The last that was said of how it went, or that one of them succeeded; None where nothing was."""
    said = [e for e in events if about(e, addresses)]
    for event in said:
        winner = event.finding.get("winner")
        if event.finding.get("outcome") == "succeeded" and (not winner or winner in addresses):
            return "succeeded"
    return said[-1].finding.get("outcome") if said else None
