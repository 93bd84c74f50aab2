#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the BPF source costs, side by side in one run: the kernel's time per packet against a program that does
nothing and one that does the least, user space under a flood, when nothing happens, and when what happens is
ordinary; memory.

The kernel counts the time of its programs while kernel.bpf_stats_enabled is 1: it is set for the run, and
put back.
"""

import argparse
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lab"))

import cost  # pylint: disable=wrong-import-position
import device  # pylint: disable=wrong-import-position
import net  # pylint: disable=wrong-import-position
import usage  # pylint: disable=wrong-import-position

BARS = {"x_floor": 1.4, "x_empty": 2.0, "cpu_percent": 0.5, "wakeups": 0, "pss_kb": 1024,
        "maps_kb": 1536}
DOWNLOADS = 5
TIMERS = re.compile(r"timerfd|hrtimer_wakeup|process_timeout|posix_timer|it_real|prb_retire|tpacket")
STATS = "/proc/sys/kernel/bpf_stats_enabled"


def fdinfo(pids):
    """The BPF descriptors of processes, each by its id."""
    found = {}
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
            try:
                with open(path, encoding="ascii") as file:
                    fields = dict(re.findall(r"^(\w+):\s*(\S+)", file.read(), re.MULTILINE))
            except OSError:
                continue
            for kind in "prog", "map":
                if f"{kind}_id" in fields and "link_type" not in fields:
                    found[kind, fields[f"{kind}_id"]] = fields
    return found


def runs(pids):
    """How often programs ran, and for how many nanoseconds."""
    rows = [f for (kind, _id), f in fdinfo(pids).items() if kind == "prog"]
    return sum(int(f["run_cnt"]) for f in rows), sum(int(f["run_time_ns"]) for f in rows)


def maps_kb(pids):
    return sum(int(f["memlock"]) for (kind, _id), f in fdinfo(pids).items()
               if kind == "map") // 1024


def mapped_kb(pids):
    """Of PSS what is the maps', as a process has mapped them."""
    kb = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
            for part in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", file.read(), flags=re.MULTILINE):
                if "bpf-map" in part.partition("\n")[0]:
                    kb += int(re.search(r"^Pss:\s+(\d+)", part, re.MULTILINE).group(1))
    return kb


class Floor(cost.Watcher):
    def __init__(self, wire, name):
        super().__init__(wire)
        self.name = name
        self.process = wire.device.popen([cost.tool("floor"), "eth0", name],
                                         stderr=subprocess.PIPE, text=True)
        if self.process.stderr.readline() != "ready\n":
            raise RuntimeError(f"bench/floor {name}: {self.process.stderr.read()}")

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Bpf(cost.Watcher):
    name = "mimamori-sensor"

    def __init__(self, wire):
        super().__init__(wire)
        self.sensor = device.Sensor(wire.device, net.directory(),
                                    sections={"sensor": {"source": "bpf"}})

    def pids(self):
        return self.sensor.pids()

    def stop(self):
        self.sensor.stop()
        return self.sensor.log()


def watchers(wire):
    return (lambda: Floor(wire, "empty")), (lambda: Floor(wire, "floor")), (lambda: Bpf(wire))


def per_packet(make, send):
    watcher = make()
    try:
        time.sleep(0.5)
        before = runs(watcher.pids())
        send()
        after = runs(watcher.pids())
        count = after[0] - before[0]
        return {"watcher": watcher.name, "runs": count,
                "ns": round((after[1] - before[1]) / count, 1) if count else None}
    finally:
        watcher.stop()


def kernel_rows(arguments):
    """One wire for each row: what the device sends back is another program's run, so it is kept
    from answering."""
    rows = []
    for family, source in ((4, "10.9.0.2"), (4, None), (6, "fd09::2"), (6, None)):
        for index in range(3):
            wire = cost.Wire()
            try:
                quiet(wire)
                make = watchers(wire)[index]
                row = per_packet(make, lambda wire=wire, family=family, source=source: wire.flood(
                    family, arguments.count, arguments.rate, "80", source))
            finally:
                wire.remove()
            rows.append({"traffic": f"SYN v{family} {'one source' if source else 'random'}", **row})
    for first in range(0, len(rows), 3):
        empty, floor, own = rows[first:first + 3]
        own["x_empty"] = round(own["ns"] / empty["ns"], 2)
        own["x_floor"] = round(own["ns"] / floor["ns"], 2)
    return rows + download_rows()


def download_rows():
    """Both ways of it, packets as large as the wire takes them; turn by turn, since a machine has its moods."""
    turns = {0: [], 2: []}
    for index in (0, 2) * DOWNLOADS:
        wire = cost.Wire()
        try:
            for side in wire.device, wire.sender:
                side.ip("link set eth0 gso_max_segs 1")
            make = watchers(wire)[index]
            turns[index].append(per_packet(make, lambda wire=wire: download(wire, rate="500M")))
        finally:
            wire.remove()
    empty, own = (sorted(rows, key=lambda row: row["ns"])[DOWNLOADS // 2] for rows in turns.values())
    own["x_empty"] = round(own["ns"] / empty["ns"], 2)
    return [{"traffic": f"download, median of {DOWNLOADS}", **row} for row in (empty, own)]


def quiet(wire):
    """The device takes SYNs and drops them behind the programs: nothing is sent in answer."""
    wire.device.nft("""
table inet quiet {
    chain in {
        type filter hook prerouting priority raw;
        tcp flags & (syn | ack) == syn drop
    }
}
""")


def download(wire, megabytes=100, rate="100M"):
    wire.sender.run(["nft", "flush", "ruleset"])  # what the device acknowledges has to arrive
    server = wire.sender.popen(["iperf3", "-s", "-1", "-B", "10.9.0.2"], stdout=subprocess.DEVNULL)
    try:
        net.wait_for(lambda: device.listening(wire.sender, 6, 5201), 5, "iperf3")
        wire.device.run(["iperf3", "-c", "10.9.0.2", "-R", "-n", f"{megabytes}M", "-b", rate])
    finally:
        server.kill()
        server.wait()


def flood_row(wire, arguments):
    watcher = Bpf(wire)
    try:
        time.sleep(1)
        cpu0, wake0 = usage.cpu(watcher.pids())
        sent = wire.flood(4, arguments.rate * arguments.seconds, arguments.rate, "80")
        cpu1, wake1 = usage.cpu(watcher.pids())
        row = {"sent": sent["sent"], "seconds": sent["seconds"], "cpu_s": round(cpu1 - cpu0, 4),
               "cpu_percent": round(100 * (cpu1 - cpu0) / float(sent["seconds"]), 2),
               "wakeups": wake1 - wake0}
        kinds = [e.kind if hasattr(e, "kind") else str(e) for e in watcher.sensor.events()]
        return {**row, "found": len(kinds)}
    finally:
        print(watcher.stop()[-400:], file=sys.stderr)


def requests(wire, count, seconds):
    """HTTP requests of new connections, evenly spread."""
    script = f"""
import socket, time
for i in range({count}):
    with socket.create_connection(("10.9.0.1", {device.HTTP})) as peer:
        peer.sendall(b"GET /index.html HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
        while peer.recv(65536):
            pass
    time.sleep({seconds / count})
"""
    return wire.sender.popen([sys.executable, "-c", script])


def session(wire, services):
    """A login by key that stays, and says so every other second."""
    argv = ["ssh", "-N", "-p", device.SSH, "-i", services.key, "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "ServerAliveInterval=2", "-o", "LogLevel=ERROR",
            "root@10.9.0.1"]
    return wire.sender.popen(argv)


def benign_row(wire, arguments):
    """Idle, then 1,000 requests, a download and an ssh session."""
    wire.sender.run(["nft", "flush", "ruleset"])
    wire.web.kill()
    wire.web.wait()
    services = device.Services(wire.device, net.directory())
    with cost.Timers(TIMERS) as timers:
        watcher = Bpf(wire)
        try:
            time.sleep(3)
            pids = watcher.pids()
            row = {"pss_kb": usage.memory_kb(pids) - mapped_kb(pids), "maps_kb": maps_kb(pids)}
            timers.begin(set(pids))
            cpu0, wake0 = usage.cpu(pids)
            time.sleep(arguments.idle)
            cpu1, wake1 = usage.cpu(pids)
            client, login = requests(wire, 1000, arguments.benign), session(wire, services)
            download(wire)
            client.wait()
            if login.poll() is not None:
                raise RuntimeError("the ssh session did not last")
            login.terminate()
            login.wait()
            cpu2, wake2 = usage.cpu(pids)
            row.update(idle_s=arguments.idle, idle_wakeups=wake1 - wake0, benign_s=arguments.benign,
                       benign_wakeups=wake2 - wake1, benign_cpu_s=round(cpu2 - cpu1, 5), timers=timers.count(),
                       pss_kb_after=usage.memory_kb(pids) - mapped_kb(pids))
            return row
        finally:
            print(watcher.stop()[-300:], file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description="What the BPF source costs.")
    parser.add_argument("--count", type=int, default=200000, help="SYNs of a row")
    parser.add_argument("--rate", type=int, default=100000, help="SYNs a second")
    parser.add_argument("--seconds", type=int, default=10, help="of the flood")
    parser.add_argument("--idle", type=int, default=60, help="seconds")
    parser.add_argument("--benign", type=int, default=60, help="seconds of ordinary traffic")
    parser.add_argument("--only", choices=("kernel", "flood", "benign"))
    parser.add_argument("--json", metavar="FILE", help="write the numbers there too")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    net.install_cleanup()
    with open(STATS, encoding="ascii") as file:
        before = file.read()
    result = {"kernel": os.uname().release, "bars": BARS}
    try:
        if arguments.only in (None, "kernel"):
            with open(STATS, "w", encoding="ascii") as file:
                file.write("1")
            result["per_packet"] = kernel_rows(arguments)
            with open(STATS, "w", encoding="ascii") as file:
                file.write(before)
            print(f"kernel time (bars: SYN {BARS['x_floor']} x floor, data {BARS['x_empty']} x empty)")
            cost.table(result["per_packet"], ("traffic", "watcher", "runs", "ns", "x_empty", "x_floor"))
        if arguments.only in (None, "flood"):
            result["flood"] = cost.with_wire(flood_row, arguments)
            print(f"\n{arguments.rate} SYN/s from random addresses (bar: {BARS['cpu_percent']} % of a core)")
            cost.table([result["flood"]], ("sent", "seconds", "cpu_s", "cpu_percent", "wakeups", "found"))
        if arguments.only in (None, "benign"):
            result["benign"] = cost.with_wire(benign_row, arguments)
            print(f"\nidle and ordinary (bars: 0 wakeups, 0 timers, {BARS['pss_kb']} kB, maps {BARS['maps_kb']} kB)")
            cost.table([result["benign"]], ("idle_s", "idle_wakeups", "benign_s", "benign_wakeups",
                                            "benign_cpu_s", "timers", "pss_kb", "pss_kb_after",
                                            "maps_kb"))
    finally:
        with open(STATS, "w", encoding="ascii") as file:
            file.write(before)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
