#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""
For hours: ordinary life and random attacks, with links pulled, event files moved and floods.

Every attack has to be found, nobody innocent may be accused, and memory and descriptors have to
stay as they were. docs/soak.md holds the results.

With --benign only ordinary life runs, and whatever the sensor says is wrong. With --logins people log in
as they should, while slow guessers are at work, who have to be found.

usage: lab/soak.py [--benign | --logins] [--hours H] [--seed N]
"""

import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import case  # pylint: disable=wrong-import-position
import device  # pylint: disable=wrong-import-position
import net  # pylint: disable=wrong-import-position
import soak_benign  # pylint: disable=wrong-import-position
import soak_logins  # pylint: disable=wrong-import-position
import tools  # pylint: disable=wrong-import-position

ATTACKERS = 120  # addresses in turn; the first has long ended when it comes again
PAUSE_S = (0.5, 8)


def pss_kb(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


class Soak:
    def __init__(self, network, seed):
        self.network, self.random = network, random.Random(seed)
        self.directory = net.directory()
        self.services = device.Services(network.device, self.directory)
        self.client = device.Client(network, self.services, self.directory, ["10.7.0.1", "fd07::1"])
        self.sensor = device.Sensor(network.device, self.directory, sections={
            "scan": {"quiet": "5s"}, "output": {"file_max": "1M", "file_hourly": "64M"}})
        self.client.wait_working()
        self.pids = self.sensor.pids()
        self.before = (pss_kb(self.pids), descriptors(self.pids))
        self.counts = collections.Counter()
        self.wrong = []

    def attack(self):
        kind = self.random.choice(list(tools.NMAP))
        family, where = self.random.choice((4, 6)), self.random.choice(("near", "far"))
        option, technique, extra = tools.NMAP[kind]
        self.network.restart_attackers(ATTACKERS)
        attacker, address, target = self.network.new_attacker(where, family)
        began = time.time_ns() // 1000
        process = attacker.popen(tools.nmap(family, option, target, extra=extra),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            event = self.sensor.wait_event(
                lambda e: e.is_peer(address) and e.t >= began - 1000000
                and e.finding.get("phase") == "start", 20, f"{kind}-{where}-{family} by {address}")
            if event.finding["technique"] != technique:
                self.wrong.append(f"{kind}: {event}")
            self.counts["attacks found"] += 1
        except net.Timeout as error:
            self.wrong.append(str(error))
        finally:
            process.terminate()
            process.wait()

    def pull_link(self):
        self.network.replace_device_link()
        self.counts["links pulled"] += 1

    def move_file(self):
        os.rename(self.sensor.event_path, self.sensor.event_path + ".moved")
        self.sensor.file.update()
        self.sensor.process.send_signal(signal.SIGHUP)
        net.wait_for(lambda: os.path.exists(self.sensor.event_path), 5, "a new event file")
        self.sensor.file = device.events.EventFile(self.sensor.event_path)
        self.counts["event files moved"] += 1

    def flood(self):
        flood = device.bench_tool("flood")
        if not flood:
            return
        self.network.near.run([flood, "-i", "eth0", "-m", self.network.device.mac(), "-d",
                               self.random.choice(("10.7.0.1", "fd07::1")), "-p", "random", "-n",
                               "100000", "-r", "50000"])
        self.counts["SYNs flooded"] += 100000

    def judge(self):
        for event in self.sensor.events():
            for address in self.client.address.values():
                if event.about(address):
                    self.wrong.append(f"the client is accused: {event}")
        self.counts["events"] += len(self.sensor.events())
        self.sensor.file.events.clear()
        if self.sensor.pids() != self.pids:
            raise RuntimeError(f"the sensor's processes changed: {self.sensor.log()[-500:]}")

    def step(self):
        act = self.random.choices((self.attack, self.pull_link, self.move_file, self.flood),
                                  (90, 3, 4, 3))[0]
        act()
        self.judge()
        time.sleep(self.random.uniform(*PAUSE_S))

    def line(self, began):
        hours = (time.monotonic() - began) / 3600
        return (f"{hours:6.2f} h  {dict(self.counts)}  PSS {pss_kb(self.pids)} kB, "
                f"{descriptors(self.pids)} descriptors  wrong: {len(self.wrong)}")


def main():
    parser = argparse.ArgumentParser(description="Ordinary life and random attacks, for hours.")
    parser.add_argument("--benign", action="store_true", help="only ordinary life")
    parser.add_argument("--logins", action="store_true", help="those who log in, and slow guessers")
    parser.add_argument("--hours", type=float, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    if case.cannot_run():
        print(f"soak: {case.cannot_run()}", file=sys.stderr)
        return 77
    net.install_cleanup()
    if arguments.benign:
        return soak_benign.run(arguments.hours, arguments.seed)
    if arguments.logins:
        return soak_logins.run(arguments.hours)
    with net.Network() as network:
        soak, began, said = Soak(network, arguments.seed), time.monotonic(), 0
        print(f"seed {arguments.seed}, PSS {soak.before[0]} kB, {soak.before[1]} descriptors")
        while time.monotonic() - began < arguments.hours * 3600:
            soak.step()
            if time.monotonic() - said > min(600, arguments.hours * 360):
                said = time.monotonic()
                print(soak.line(began), flush=True)
        print(soak.line(began))
        print(f"the client did {soak.client.counts()}")
        if descriptors(soak.pids) > soak.before[1]:
            soak.wrong.append("descriptors leak")
        code = soak.sensor.stop()
        print("\n".join(soak.sensor.log().splitlines()[-8:]))
        for wrong in soak.wrong:
            print(f"wrong: {wrong}")
        return 1 if soak.wrong or code else 0


if __name__ == "__main__":
    sys.exit(main())
