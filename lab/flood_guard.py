# SPDX-License-Identifier: GPL-2.0-or-later
"""
All at once: a flood of spoofed SYNs from the device's own link, a scan and password guessing from two hosts
far away. What is found of each, and what it costs both processes of the sensor.
"""

import subprocess
import time

import device
import flood_run
import guess_tools
import logins
import matrix_net
import net
import usage

FLOODED = 80
LEAD_S = 2  # of the flood alone
LIMIT_S = 75  # for all to be found
AT_ONCE = 8  # of hydra's connections
SHARED_KB = 8  # pages that a process has shared since it was forked, until one of the two writes to them
PORTS = {"ssh": logins.DROPBEAR, "telnet": logins.TELNET, "ftp": logins.FTP}
PARTS = ("flood", "scan", "guess")
SCAN = ("-sS", "-Pn", "-n", "-p", "1-2000", "-T4", "--max-retries", "1")


class Guard:
    """Runs once; .found (part: seconds until it was told), .numbers, .wrong."""

    def __init__(self, rate, seconds, say, service="ssh"):
        self.rate, self.seconds, self.say, self.service = rate, seconds, say, service
        self.found, self.numbers, self.wrong = {}, {}, []
        with matrix_net.MatrixNetwork() as network:
            self.network, self.device = network, network.device
            directory = self.directory = net.directory()  # where hydra leaves its state
            self.logins = logins.Logins(self.device, directory)
            words = guess_tools.word_list(directory, "words", guess_tools.WRONG * 3)
            self.sensor = device.Sensor(self.device, directory)
            self._attackers(words)
            self._warm()
            self._run()
            self.code = self.sensor.stop()

    def _attackers(self, words):
        scanner, self.scanner, _v6 = self.network.addressed(False)
        guesser, self.guesser, _v6 = self.network.addressed(False)
        self._commands = (
            (scanner, ["nmap", *SCAN, "10.7.0.1"]),
            (guesser, guess_tools.guess("hydra", 4, "10.7.0.1", PORTS[self.service], words,
                                        AT_ONCE)))

    def _warm(self):
        """Every page of the rings is touched once, so that memory after it is all that there is."""
        flood = matrix_net.Flood(self.network, 20000, "random", (4,))
        time.sleep(1)
        flood.stop()
        net.wait_for(lambda: not flood_run.open_floods(self.sensor.events()), 15,
                     "the first flood's end")
        self._seen = len(self.sensor.events())

    def _received(self):
        return int(self.device.run(["cat", "/proc/net/dev"]).split("eth0:")[1].split()[1])

    def _look(self, began):
        for event in self.sensor.events()[self._seen:]:
            self._seen += 1
            if event.finding.get("phase") != "start":
                continue
            part = self._part(event)
            if part:
                self.found.setdefault(part, time.monotonic() - began)
            else:
                self.wrong.append(f"nobody's: {event}")
            self.say(f"{time.monotonic() - began:5.1f} s  {event}")

    def _part(self, event):
        kind = event.finding["kind"]
        if kind == "flood" and event.finding["technique"] == "syn" \
                and event.data.get("dest_port") == FLOODED:
            return kind
        if kind == "scan" and event.is_peer(self.scanner):
            return kind
        return kind if kind == "guess" and event.is_peer(self.guesser) else None

    def _run(self):
        pids = self.sensor.pids()
        memory = usage.memory_kb(pids), usage.memory_kb(pids, "Pss_Anon")
        (cpu, wakeups), packets, began = usage.cpu(pids), self._received(), time.monotonic()
        flood = matrix_net.Flood(self.network, self.rate, FLOODED, (4,))
        running = []
        try:
            while (passed := time.monotonic() - began) < LIMIT_S:
                if passed > LEAD_S and not running:
                    running = [where.popen(argv, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL, cwd=self.directory)
                               for where, argv in self._commands]
                self._look(began)
                if passed > self.seconds and len(self.found) == len(PARTS):
                    break
                time.sleep(0.05)
        finally:
            for process in running:
                process.terminate()
                process.wait(5)
            kept = flood.stop()
        time.sleep(1)
        self._look(began)
        packets = self._received() - packets
        cpu = usage.cpu(pids)[0] - cpu
        self.numbers = {
            "rate": round(kept), "seconds": round(time.monotonic() - began, 1), "packets": packets,
            "cpu_s": round(cpu, 3), "cpu_s_per_200000": round(cpu * 200000 / packets, 4),
            "percent_of_a_core": round(100 * cpu / (time.monotonic() - began), 2),
            "wakeups": usage.cpu(pids)[1] - wakeups,
            "pss_kb_before": memory[0], "pss_kb_after": usage.memory_kb(pids),
            "own_kb_before": memory[1], "own_kb_after": usage.memory_kb(pids, "Pss_Anon"),
            **{f"{part}_s": round(self.found[part], 1) if part in self.found else None
               for part in PARTS}}

    def broken(self, cpu_bar=None):
        """What does not hold, as sentences."""
        said = [f"the {part} is not found" for part in PARTS if part not in self.found] + self.wrong
        if self.numbers["own_kb_after"] > self.numbers["own_kb_before"] + SHARED_KB:
            said.append(f"memory grew from {self.numbers['own_kb_before']} to "
                        f"{self.numbers['own_kb_after']} kB")
        if cpu_bar and self.numbers["cpu_s_per_200000"] > cpu_bar:
            said.append(f"{self.numbers['cpu_s_per_200000']} s of CPU for 200,000 packets, more than "
                        f"{cpu_bar}")
        if self.code:
            said.append(f"the sensor's exit code is {self.code}")
        return said
