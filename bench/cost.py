#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What watching costs, side by side in one run: the sensor, scanlogd, and a bare ring as the floor.

    sender ns (eth0 10.9.0.2, fd09::2) ── veth ── device ns (eth0 10.9.0.1, fd09::1)

docs/measurements.md says how each number is measured.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab"))

import bulk  # pylint: disable=wrong-import-position
import device  # pylint: disable=wrong-import-position
import net  # pylint: disable=wrong-import-position
import usage  # pylint: disable=wrong-import-position

BARS = {"cpu_s": 0.08, "wakeups": 600, "lost": 0, "pss_kb": 2048, "idle_wakeups": 0,
        "timers_per_s": 1.0}


def tool(name):
    return device.bench_tool(name) or sys.exit(f"bench/{name} is not built: make build")


class Wire:
    """Two namespaces and the cable. What the device sends to invented addresses goes nowhere."""

    def __init__(self):
        self.sender, self.device = net.Namespace("sender"), net.Namespace("device")
        net.cable(self.sender, "eth0", self.device, "eth0")
        self.sender.ip("addr add 10.9.0.2/24 dev eth0", "addr add fd09::2/64 dev eth0 nodad")
        mac = self.sender.mac()
        self.device.ip("addr add 10.9.0.1/24 dev eth0", "addr add fd09::1/64 dev eth0 nodad",
                       f"neigh add 10.9.0.2 lladdr {mac} dev eth0 nud permanent",
                       f"neigh add fd09::2 lladdr {mac} dev eth0 nud permanent",
                       "route add default via 10.9.0.2", "route add default via fd09::2")
        for namespace in self.sender, self.device:
            namespace.sysctl("net.ipv4.conf.all.rp_filter", 0)
        # Answers end at the sender's door instead of costing it time.
        self.sender.nft("""
table netdev quiet {
    chain in {
        type filter hook ingress device eth0 priority 0;
        tcp flags & (rst | ack) != 0 drop
    }
}
""")
        self.web = self.device.popen([sys.executable, "-B",
                                      os.path.join(ROOT, "lab", "servers.py"), "tcp", "80"])
        net.wait_for(lambda: device.listening(self.device, 6, 80), 5, "the server on port 80")

    def remove(self):
        self.sender.remove()
        self.device.remove()

    def flood(self, family, count, rate, port, source=None):
        argv = [tool("flood"), "-i", "eth0", "-m", self.device.mac(), "-n", count, "-r", rate,
                "-d", "10.9.0.1" if family == 4 else "fd09::1", "-p", port]
        before = self.received()
        sent = json.loads(self.sender.run(argv + (["-s", source] if source else [])))
        time.sleep(0.3)
        sent["delivered"] = self.received() - before
        return sent

    def received(self):
        """Packets that the device's interface took: what the kernel dropped before is not lost
        by any tool."""
        return int(self.device.run(["cat", "/proc/net/dev"]).split("eth0:")[1].split()[1])


class Watcher:
    """A program under measurement."""

    name = ""

    def __init__(self, wire):
        self.wire = wire

    def pids(self):
        raise NotImplementedError

    def stop(self):
        """Ends it; how many probes it saw and lost by its own count, None where it keeps none."""
        raise NotImplementedError


class SensorWatcher(Watcher):
    name = "mimamori-sensor"

    def __init__(self, wire):
        super().__init__(wire)
        self.sensor = device.Sensor(wire.device, net.directory(),
                                    sections={"sensor": {"source": "packet"}})

    def pids(self):
        return self.sensor.pids()

    def stop(self):
        self.sensor.stop()
        log = self.sensor.log()
        contacts = re.search(r"(\d+) first contacts", log)
        lost = re.search(r"(\d+) packets lost", log)
        return {"seen": int(contacts.group(1)) if contacts else None,
                "ring_lost": int(lost.group(1)) if lost else None}


class RingWatcher(Watcher):
    name = "bare ring"

    def __init__(self, wire):
        super().__init__(wire)
        self.process = wire.device.popen([tool("ring")], stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True)
        self.process.stderr.readline()

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        counts = json.loads(self.process.communicate()[0])
        return {"seen": counts["seen"], "ring_lost": counts["lost"]}


class ScanlogdWatcher(Watcher):
    name = "scanlogd"

    def __init__(self, wire):
        super().__init__(wire)
        os.makedirs("/run/scanlogd/empty", mode=0o755, exist_ok=True)  # its chroot
        before = set(wire.device.pids())
        wire.device.popen(["scanlogd"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).wait(5)
        self._pids = net.wait_for(lambda: [p for p in wire.device.pids() if p not in before], 5,
                                  "scanlogd to start")

    def pids(self):
        return self._pids

    def stop(self):
        """It counts nothing; the raw socket's drops are the kernel's count of what it missed."""
        lost = sum(int(row[-1]) for row in device.sockets(self.wire.device, "raw"))
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
        return {"seen": None, "ring_lost": lost}


def flood_cost(watcher_class, wire, family, count, rate, port, source):
    watcher = watcher_class(wire)
    try:
        time.sleep(0.5)
        cpu0, wake0 = usage.cpu(watcher.pids())
        sent = wire.flood(family, count, rate, port, source)
        time.sleep(1)
        cpu1, wake1 = usage.cpu(watcher.pids())
        row = {"watcher": watcher.name, "family": family, "port": port,
               "source": source or "random", "sent": sent["sent"],
               "delivered": sent["delivered"], "seconds": sent["seconds"],
               "cpu_s": round(cpu1 - cpu0, 4), "wakeups": wake1 - wake0}
    finally:
        row_end = watcher.stop()
    return {**row, **row_end}


def memory_cost(wire, count):
    """PSS before and after a flood at full speed."""
    watcher = SensorWatcher(wire)
    try:
        time.sleep(0.5)
        wire.flood(4, 20000, 20000, "random")  # every page of the ring is touched once
        before = usage.memory_kb(watcher.pids())
        own_before = usage.memory_kb(watcher.pids(), "Pss_Anon")
        sent = wire.flood(4, count * 4 // 5, 0, "random")["sent"]
        sent += wire.flood(6, count // 5, 0, "random")["sent"]
        time.sleep(1)
        return {"sent": sent, "pss_kb_before": before, "pss_kb_after": usage.memory_kb(watcher.pids()),
                "own_kb_before": own_before,
                "own_kb_after": usage.memory_kb(watcher.pids(), "Pss_Anon")}
    finally:
        watcher.stop()


class Timers:
    """
    Kernel timers of packet rings, or of others by the names of their functions, by tracefs. A timer belongs to the
    watcher whose process started it; others of the machine are not counted.
    """

    NAMES = re.compile(r"prb_retire|tpacket|packet_")
    LINE = re.compile(r"-(\d+)\s+\[.*(?:hr)?timer=(\S+) function=(\S+)")

    def __init__(self, names=NAMES):
        self.names = names
        self.root = next((p for p in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
                          if os.path.exists(p + "/events")), None)
        if not self.root:
            net.command(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"])
            self.root = "/sys/kernel/tracing"
        self.instance = f"{self.root}/instances/mimamori-{os.getpid()}"
        self.own = set()

    def __enter__(self):
        os.mkdir(self.instance)
        self._write("buffer_size_kb", "16384")
        self._enable("start", "1")
        return self

    def __exit__(self, *_exc):
        self._write("tracing_on", "0")
        os.rmdir(self.instance)

    def _write(self, name, text):
        with open(f"{self.instance}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def _enable(self, event, on):
        for kind in "timer", "hrtimer":
            self._write(f"events/timer/{kind}_{event}/enable", on)

    def _lines(self):
        with open(f"{self.instance}/trace", encoding="utf-8") as file:
            for line in file:
                match = self.LINE.search(line)
                if match and self.names.search(match.group(3)):
                    yield int(match.group(1)), match.group(2)

    def begin(self, pids):
        """Learns which timers these processes have started; counts from here on."""
        self.own = {timer for pid, timer in self._lines() if pid in pids}
        self._enable("start", "0")
        self._enable("expire_entry", "1")
        self._write("trace", "")

    def count(self):
        return sum(timer in self.own for _pid, timer in self._lines())


def idle_cost(watcher_class, wire, seconds):
    """Nothing happens for a while: wakeups of all its processes, and timers in its name."""
    with contextlib.ExitStack() as stack:
        try:
            timers = stack.enter_context(Timers())
        except (OSError, RuntimeError) as error:
            timers = None
            print(f"timers are not counted: {error}", file=sys.stderr)
        watcher = watcher_class(wire)
        time.sleep(5)
        if timers:
            timers.begin(set(watcher.pids()))
        began = time.monotonic()
        cpu0, wake0 = usage.cpu(watcher.pids())
        time.sleep(seconds)
        cpu1, wake1 = usage.cpu(watcher.pids())
        counted = timers.count() if timers else 0
        passed = time.monotonic() - began  # a busy machine is late
        row = {"watcher": watcher.name, "seconds": seconds, "cpu_s": round(cpu1 - cpu0, 6),
               "wakeups": wake1 - wake0, "pss_kb": usage.memory_kb(watcher.pids())}
        if timers:
            row.update(rings=len(timers.own), timers=counted,
                       timers_per_s=round(counted / passed, 3))
        watcher.stop()
    return row


def idle_rows(wire, watchers, seconds):
    return [idle_cost(watcher, wire, seconds) for watcher in watchers]


def with_wire(measure, *arguments):
    """A wire of its own: after a flood the kernel repeats its answers for a minute."""
    wire = Wire()
    try:
        return measure(wire, *arguments)
    finally:
        wire.remove()


def table(rows, columns):
    text = [[str(row.get(c, "")) if row.get(c) is not None else "?" for c in columns]
            for row in rows]
    widths = [max(len(r[i]) for r in [list(columns)] + text) for i in range(len(columns))]
    for line in [list(columns)] + text:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def flood_rows(wire, watchers, arguments):
    rows = []
    for family in (4, 6):
        for source, port in ((None, "80"), (None, "random"),
                             ("10.9.0.2" if family == 4 else "fd09::2", "random")):
            group = [flood_cost(w, wire, family, arguments.count, arguments.rate, port, source)
                     for w in watchers if not (family == 6 and w is ScanlogdWatcher)]
            floor = next(r["cpu_s"] for r in group if r["watcher"] == RingWatcher.name)
            for row in group:
                row["x_ring"] = round(row["cpu_s"] / floor, 1) if floor else None
                # One source sends some ports twice: first contacts are then no count of packets.
                whole = row["seen"] is not None and (row["watcher"] == RingWatcher.name
                                                     or row["source"] == "random")
                row["lost"] = row["sent"] - row["seen"] if whole else row["ring_lost"]
            rows += group
    return rows


def main():
    parser = argparse.ArgumentParser(description="What watching costs.")
    parser.add_argument("--count", type=int, default=200000, help="SYNs of a flood")
    parser.add_argument("--rate", type=int, default=100000, help="SYNs a second")
    parser.add_argument("--memory-count", type=int, default=5000000, help="SYNs before PSS is read")
    parser.add_argument("--idle-seconds", type=int, default=60)
    parser.add_argument("--only", choices=("flood", "bulk", "memory", "idle"))
    parser.add_argument("--json", metavar="FILE", help="write the numbers there too")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    net.install_cleanup()
    result = {"kernel": os.uname().release, "time": time.strftime("%FT%TZ", time.gmtime())}
    watchers = [SensorWatcher, RingWatcher] + ([ScanlogdWatcher] if shutil.which("scanlogd")
                                               else [])
    if arguments.only in (None, "flood"):
        result["flood"] = with_wire(flood_rows, watchers, arguments)
        print(f"{arguments.count} SYNs at {arguments.rate}/s (bar: {BARS['cpu_s']} s CPU, "
              f"{BARS['wakeups']} wakeups, none lost)")
        table(result["flood"], ("watcher", "family", "source", "port", "sent", "delivered", "seen",
                                "lost", "cpu_s", "x_ring", "wakeups"))
    if arguments.only in (None, "bulk"):
        result["bulk"] = with_wire(bulk.rows)
        print("\nbulk traffic, without samples and with them (bar: one wakeup a second)")
        table(result["bulk"], ("traffic", "sample_first", "packets", "seconds", "cpu_ms", "wakeups",
                               "samples", "lost"))
    if arguments.only in (None, "memory"):
        result["memory"] = with_wire(memory_cost, arguments.memory_count)
        print(f"\nPSS of all processes (bar: {BARS['pss_kb']} kB, not a byte more after the flood)")
        table([result["memory"]], ("sent", "pss_kb_before", "pss_kb_after", "own_kb_before", "own_kb_after"))
    if arguments.only in (None, "idle"):
        result["idle"] = with_wire(idle_rows, watchers, arguments.idle_seconds)
        print(f"\nidle (bar: {BARS['idle_wakeups']} wakeups, {BARS['timers_per_s']:g} timer/s)")
        table(result["idle"], ("watcher", "seconds", "cpu_s", "wakeups", "rings", "timers",
                               "timers_per_s", "pss_kb"))
    text = json.dumps(result, indent=1)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print("\n" + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
