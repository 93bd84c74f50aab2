# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of real attacks and of real ordinary life, and captures that are damaged."""

import csv
import os
import re
import struct
import subprocess

import case
import device
import events
import net
from case import Skip, check
from days import plain_ethernet, spread

FLOODS = {"thc_rsmurf6": "icmp"}
DATA = os.path.join(os.path.dirname(device.ROOT), "shared", "data", "pcaps")
GAP_S, TIMES = 1800, 96
ADDRESS = re.compile(r"(?:\d+\.){3}\d+")


def replay(path, *arguments, data=None):
    """(exit code, events, what was said) of one replay."""
    done = subprocess.run([device.sensor_path(), "replay", *arguments, path], input=data,
                          capture_output=True, check=False, timeout=60)
    return (done.returncode, events.parse_lines(done.stdout.decode()),
            done.stderr.decode(errors="replace"))


def read_whole(path, *arguments):
    code, found, said = replay(path, *arguments)
    check(code == 0, f"exit {code}: {said}")
    check(not (errors := events.schema_errors(found)), f"not valid: {'; '.join(errors[:3])}")
    return found, said


def attack_case(path, attacker):
    def run(_shared, say):
        found, said = read_whole(path)
        say(f"attackers by the index: {attacker}; {said.splitlines()[-1] if said else ''}")
        for address in ADDRESS.findall(attacker):
            mine = [e for e in found if e.data["event_type"] == "alert" and e.is_peer(address)]
            near = [str(e) for e in found if e.about(address)]
            check(mine, f"no alert about {address}; about it: {near}; all: {[*map(str, found)]}")
        return str(mine[0])
    return run


def guess_case(path, attacker):
    """Password guessing, and no scan beside it."""
    def run(shared, say):
        attack_case(path, attacker)(shared, say)
        found, _said = read_whole(path)
        kinds = {e.data["mimamori"]["kind"] for e in found}
        check(kinds == {"guess"}, f"told as {sorted(kinds)}: {[*map(str, found[:4])]}")
        return str(found[-1])
    return run


def benign_case(path):
    def run(_shared, _say):
        found, said = read_whole(path)
        check(not found, f"accused: {[*map(str, found[:4])]}")
        return f"nothing was told; {said.splitlines()[-1] if said else ''}"
    return run


def days_case(path):
    """Ordinary life that comes again every half hour for days."""
    def run(_shared, say):
        with subprocess.Popen([device.sensor_path(), "replay", "--quiet", "-"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            spread([path], GAP_S, TIMES, process.stdin.write)
            out = process.communicate(timeout=60)[0]
        found = events.parse_lines(out.decode())
        say(f"{TIMES} times, {GAP_S} s apart")
        check(process.returncode == 0, f"exit {process.returncode}")
        check(not found, f"accused: {[*map(str, found[:4])]}")
        return "nothing was told"
    return run


def readable_case(path):
    """What this version has no verdict about is read to its end all the same."""
    def run(_shared, _say):
        found, _said = read_whole(path)
        return f"{len(found)} events: {[*map(str, found[:3])]}"
    return run


def flood_case(path, technique):
    """A flood is told as one, by its technique, and as nothing else."""
    def run(_shared, _say):
        found, _said = read_whole(path)
        told = [(e.finding["kind"], e.finding["technique"], e.finding["phase"]) for e in found]
        check(told == [("flood", technique, phase) for phase in ("start", "end")], f"{told}")
        return str(found[0])
    return run


def declare_data():
    index = os.path.join(DATA, "INDEX.tsv")
    if not os.path.exists(index):
        def absent(_shared, _say):
            raise Skip(f"{index} is absent")
        case.add("replay-data", "replay", absent)
        return
    with open(index, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        kind, name = row["file"].split("/")
        path = os.path.join(DATA, row["file"])
        stem = name.rsplit(".", 1)[0]
        if kind in ("scan", "malware"):
            run = attack_case(path, row["attacker"])
        elif stem in FLOODS:
            run = flood_case(path, FLOODS[stem])
        elif kind == "brute":
            run = guess_case(path, row["attacker"])
        elif kind == "benign" or stem.startswith("v6_"):
            run = benign_case(path)
        else:
            run = readable_case(path)
        case.add(f"replay-{kind}-{stem}", "replay", run)
        if run.__qualname__.startswith("benign") and plain_ethernet(path):
            case.add(f"replay-days-{stem}", "replay", days_case(path))


def ports_capture(count=10, order="<"):
    """A capture written by hand: one peer tries `count` ports, each refused."""
    out = [struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for n in range(count):
        for src, dst, sport, dport, flags in (
                (b"\xc6\x33\x64\x07", b"\xc0\x00\x02\x01", 40000, 1000 + n, 2),
                (b"\xc0\x00\x02\x01", b"\xc6\x33\x64\x07", 1000 + n, 40000, 0x14)):
            tcp = struct.pack(">HHIIBBHHH", sport, dport, 7, 0, 0x50, flags, 1024, 0, 0)
            packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, n, 0, 64, 6, 0, src, dst) + tcp
            out.append(struct.pack(order + "IIII", 1700000000 + n, n, len(packet), len(packet)))
            out.append(packet)
    return out


def _found(events_found):
    return any(e.is_peer("198.51.100.7") for e in events_found)


@case.case("replay-pipe", "replay")
def pipe_case(_shared, _say):
    """The capture on standard input, of both byte orders."""
    for order in "<", ">":
        code, found, said = replay("-", data=b"".join(ports_capture(order=order)))
        check(code == 0 and _found(found), f"byte order {order}: exit {code}, {said}")
    return str(found[0])


@case.case("replay-twice", "replay")
def twice_case(shared, _say):
    """One capture gives one result."""
    path = shared.write("twice.pcap", b"".join(ports_capture()))
    first, second = (replay(path, "--home", "192.0.2.1/32")[1] for _ in range(2))
    check([e.data for e in first] == [e.data for e in second], "two replays differ")
    check(_found(first), "the scan was not found")
    return f"{len(first)} events, alike in both"


def damaged_case(damage):
    """Everything before the damage counts; the damage is said."""
    def run(shared, _say):
        path = shared.write("damaged.pcap", damage(ports_capture()))
        code, found, said = replay(path)
        check(code > 0, f"exit {code} although the capture is damaged: {said}")
        check("damaged.pcap" in said, f"the message does not name the file: {said}")
        check(_found(found), f"what came before the damage was not judged: {said}")
        return said.splitlines()[0]
    return run


DAMAGES = {
    "cut-record": lambda parts: b"".join(parts)[:-7],
    "cut-header": lambda parts: b"".join(parts) + b"\x01\x02\x03",
    "huge-record": lambda parts: b"".join(parts) + struct.pack("<IIII", 1, 1, 1 << 31, 1 << 31),
    "garbage": lambda parts: b"".join(parts) + b"\xff" * 4096,
}


def unreadable_case(content):
    """Nothing to read is an error in one sentence."""
    def run(shared, _say):
        path = shared.write("unreadable.pcap", content) if content is not None else "/nonexistent"
        code, found, said = replay(path)
        check(code > 0 and not found, f"exit {code}, {len(found)} events: {said}")
        check(path in said or os.path.basename(path) in said, f"does not name the file: {said}")
        return said.splitlines()[0]
    return run


@case.case("replay-next-file", "replay")
def next_file_case(shared, _say):
    """A damaged file among several does not hide the others."""
    bad = shared.write("bad.pcap", b"no capture at all, by any means")
    good = shared.write("good.pcap", b"".join(ports_capture()))
    code, found, said = replay(bad, good)
    check(code > 0, f"exit {code} although a file could not be read")
    check(_found(found), f"the good file was not judged: {said}")
    return said.splitlines()[0]


class ReplayLab:
    def __init__(self):
        self.directory = net.directory()

    def write(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(content)
        return path


@case.group("replay")
def shared_lab():
    yield ReplayLab()


def declare():
    declare_data()
    for name, damage in DAMAGES.items():
        case.add(f"replay-{name}", "replay", damaged_case(damage))
    for name, content in (("empty", b""), ("text", b"hello\n" * 20), ("absent", None)):
        case.add(f"replay-{name}", "replay", unreadable_case(content))


declare()
