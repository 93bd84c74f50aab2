# SPDX-License-Identifier: GPL-2.0-or-later
"""
The matrix on a capture's own clock: hours in seconds.

A kind's fast attack, as the device captured it while it was quiet, is taken apart into contacts, each
with its answers; these are set so far apart as a slow scanner has them. A dozen attackers are replayed at
once, each with its own offset, and bench/mkflood writes a flood around them into the sensor's pipe.
"""

import os
import random
import struct
import subprocess

import device
import events
import matrix_judge
import matrix_kinds
import net
from matrix_live import Cell
from matrix_oracle import contacts_until, in_vain

SPEEDS = {"5 s": 5, "15 s": 15, "300 s": 300, "1 h": 3600}
SERVED_STEPS = 5  # contacts of each attack that may be served, beside those in vain
ATTACKERS = 12  # in one replay
BEGIN_US = 1700000000 * 1000000
BURST_S = 1  # of flood before and after each packet, where all of it would take hours
SHORT_BURST_S = 0.2  # still tens of times what the tables hold
HOMES = ([f"{a}/32" for a in net.Network.device_addresses(4)]
         + [f"{a}/128" for a in net.Network.device_addresses(6)])
FLOODS = (("81", "refuse"), ("80", "accept"), ("random", "refuse"), ("random", "none"))


class Recording:
    """A fast attack, as contacts with all that belongs to them."""

    def __init__(self, attack, packets):
        self.attack = attack
        self.steps = self._steps(packets)

    def _steps(self, packets):
        """[[Seen]]: each list begins with the packet that makes a contact new."""
        steps, of_flow, of_key, known = [], {}, {}, set()
        by_connection = self.attack.kind.counts == "connections" or self.attack.kind.stay
        for one in packets:
            name = (one.flow if by_connection else None) or (self._whose(one), one.contact)
            if one.contact and name not in known:
                known.add(name)
                steps.append([])
                of_key[one.key] = steps[-1]
                if one.flow:
                    of_flow[one.flow] = steps[-1]
            step = of_flow.get(one.flow) or of_key.get(one.key) or (steps[-1] if steps else None)
            if step is not None:
                step.append(one)
        return steps

    def _whose(self, one):
        return None if self.attack.kind.scope == matrix_kinds.DECOYS else one.src

    def slowed(self, delay_s, offset_us):
        """The packets at their new times, in order."""
        out = []
        for number, step in enumerate(self.steps[:self._limit()]):
            at = BEGIN_US + offset_us + number * delay_s * 1000000
            for one in step:
                # Repeats after a second or two stay; a tool's own later packets are not waited for.
                late = min(one.t - step[0].t, delay_s * 1000000 - 1)
                out.append(one._replace(t=at + late))
        return out

    def _limit(self):
        kind = self.attack.kind
        if kind.stay:
            return len(self.steps)
        count = 0
        for number, step in enumerate(self.steps, 1):
            count += in_vain(step[0], kind)
            if count == kind.records or number == kind.records + SERVED_STEPS:
                return number
        return len(self.steps)


def write(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for one in packets:
            file.write(struct.pack("<IIII", one.t // 1000000, one.t % 1000000, len(one.frame),
                                   one.wire) + one.frame)


def _replay(path, load, burst_s, flood):
    """The events of a replay through a pipe. burst_s: 0, the flood runs through."""
    homes = [word for home in HOMES for word in ("--home", home)]
    argv = [device.sensor_path(), "replay", "--quiet", *homes]
    if not load:
        done = subprocess.run([*argv, path], capture_output=True, text=True, check=False)
        return _events(done.returncode, done.stdout, done.stderr)
    port, answer = flood
    maker = subprocess.Popen([device.bench_tool("mkflood"), "-r", str(load), "-d", "10.7.0.1",
                              "-d", "fd07::1", "-p", port, "-a", answer,
                              *(["-b", str(burst_s)] if burst_s else []), path],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             preexec_fn=net.die_with_parent)
    try:
        done = subprocess.run([*argv, "-"], stdin=maker.stdout, capture_output=True, text=True,
                              check=False)
    finally:
        maker.stdout.close()
        maker.terminate()
        maker.wait()
    return _events(done.returncode, done.stdout, done.stderr)


def _events(code, out, said):
    if code:
        raise RuntimeError(f"replay ended with {code}: {said}")
    return events.parse_lines(out)


def _batches(recordings):
    for at in range(0, len(recordings), ATTACKERS):
        yield recordings[at:at + ATTACKERS]


def run(recordings, speed, load, directory, burst_s):
    """
    The cells of one speed and load, for all recordings; and what was said of the innocent. burst_s:
    the flood is on only so long around each of the attacks' packets; 0, all the time.
    """
    delay_s, cells, wrong = SPEEDS[speed], [], []
    chance = random.Random(f"{speed} {load}")
    recordings = [r for r in recordings if not r.attack.kind.speeds or speed in r.attack.kind.speeds]
    for number, batch in enumerate(_batches(recordings)):
        slowed = [r.slowed(delay_s, chance.randrange(delay_s * 1000000)) for r in batch]
        packets = sorted((p for s in slowed for p in s), key=lambda p: p.t)
        if not packets:
            continue
        path = os.path.join(directory, "slow.pcap")
        write(path, packets)
        found = _replay(path, load, burst_s, FLOODS[number % len(FLOODS)])
        for recording, mine in zip(batch, slowed):
            cells.append(_judge(recording, mine, found, speed, load, burst_s))
        wrong += [f"replay, {speed}, {load}/s: {sentence}" for sentence in
                  matrix_judge.false_accusations(found, [r.attack for r in batch], bool(load))]
    return cells, wrong


def _judge(recording, packets, found, speed, load, burst_s):
    attack = recording.attack
    event, why = matrix_judge.right(found, attack)
    cell = Cell(attack.kind.name, attack.family, speed, load, true_flood=not (load and burst_s), found=event is not None)
    if not recording.steps:
        cell.why = "nothing was captured of it"
    elif not event:
        cell.why = f"{why} ({len({p.contact for p in packets if p.contact})} contacts)"
    else:
        cell.contacts = contacts_until(attack, packets, event)
        bar = matrix_kinds.slow_bar(attack.kind)
        if cell.contacts > bar:
            cell.why = f"more than {bar} {attack.kind.counts}"
    return cell
