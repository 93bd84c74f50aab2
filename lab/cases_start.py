# SPDX-License-Identifier: GPL-2.0-or-later
"""More of the sensor's life: descriptors and terminals it is started with, and heavy floods."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time

import capture
import case
import cases_life
import device
import net
import tools
from case import Skip, check

SCANS = 24  # after 20 malformed requests the helper would end the sensor
FLOOD_RATE, FLOOD_S = 20000, 20
FLOOD_KINDS = (("-sS", "syn"), ("-sT", "connect"), ("-sF", "fin"), ("-sA", "ack"),
               ("-sM", "maimon"), ("-sU", "udp"))


@case.case("no-stdio", "life")
def no_stdio_case(lab, say):
    """Started with 0, 1 and 2 closed, it writes to its event file and nowhere else."""
    lab.stop()
    directory = net.directory()
    path, config = (os.path.join(directory, name) for name in ("events.json", "mimamori.conf"))
    with open(config, "w", encoding="utf-8") as file:
        file.write(device.configuration(output={"event_file": path, "stdout": "text"}))
    process = lab.network.device.popen(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", device.sensor_path(), "run", "--foreground",
         "--config", config])
    try:
        device.wait_started(path)
        time.sleep(0.5)
        wanted = [lab.scan(extra=("-p", "100-120", "-T5")) for _ in range(SCANS)]
        file = device.events.EventFile(path)
        net.wait_for(lambda: process.poll() is not None
                     or all(any(e.is_peer(a) for e in file.update()) for a in wanted), 5,
                     "the scans")
        missed = [a for a in wanted if not any(e.is_peer(a) for e in file.update())]
        ended = net.wait_for(lambda: process.poll() is not None or "no", 1, "its end")
        check(ended == "no", f"the sensor ended with {process.returncode}")
        check(not missed, f"not found: {missed}")
        for pid in device.processes(process.pid):
            ends = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)]
            say(f"{pid}: descriptors 0, 1, 2 are {' '.join(ends)}")
            check(set(ends) == {"/dev/null"}, f"its standard descriptors are {ends}")
    finally:
        process.terminate()
        code = process.wait(5)
    check(code == 0, f"exit {code} after SIGTERM")
    return f"{len(wanted)} scans found, exit 0"


class Terminal:
    """A pseudo terminal and all that was shown on it."""

    def __init__(self, columns):
        self._ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.shown = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while data := os.read(self._ours, 65536):
                self.shown += data.decode(errors="replace")
        except OSError:
            pass

    def wait(self, expression, after, seconds, what):
        return net.wait_for(lambda: re.compile(expression).search(self.shown, after), seconds,
                            what).end()


@case.case("terminal", "life")
def terminal_case(lab, say):
    """A person sees the finding, then the status line again, and a summary at the end."""
    terminal = Terminal(100)
    sensor = lab.start(sections={"output": {"stdout": "text"}}, stdout=terminal.theirs)
    address = lab.scan()
    finding = terminal.wait(re.escape(address), 0, 5, "the finding on the terminal")
    status = terminal.wait("watching: .* 1 in all", finding, 5, "the status line after it")
    terminal.wait(r"\n[^\n]*watching: ", finding, 1, "the status line on a line of its own")
    lab.scan(extra=("-p", "9"))  # ordinary traffic: it is redrawn in its place
    terminal.wait("\r[^\n]*watching: ", status, 5, "the status line anew")
    quiet = len(terminal.shown)
    code = sensor.stop()
    os.close(terminal.theirs)
    check(code == 0, f"exit {code}")
    for line in terminal.shown.splitlines():
        for part in re.sub(r"\x1b\[[0-9;]*m", "", line).split("\x1b[K"):
            if "watching:" in part:
                check(len(part.strip("\r")) < 100, f"wider than the terminal: {part!r}")
    summary = terminal.shown[quiet:] + sensor.log()
    check(re.search(r"1 scans found", summary), f"no summary: {summary[-500:]!r}")
    last = terminal.shown[:quiet].replace("\r", "\n").splitlines()[-1]
    say(re.sub(r"\x1b\[[0-9;]*[mK]", "", last))
    return "finding, status line, summary"


def heavy_flood_case(port, kind):
    """Spoofed SYNs at a rate that has the sensor shed answers; a scan in between is found."""
    def run(lab, say):
        flood = device.bench_tool("flood")
        if not flood:
            raise Skip("bench/flood is not built")
        sensor = lab.start()
        device_ns, near = lab.network.device, lab.network.near
        mac = device_ns.mac()
        attacker, address, target = lab.network.new_attacker("far", cases_life.FAMILY)
        tcpdump = device.Tcpdump(device_ns, net.directory(), expression=f"src host {address}")
        process = near.popen([flood, "-i", "eth0", "-m", mac, "-d", "10.7.0.1", "-p", port,
                              "-n", FLOOD_RATE * FLOOD_S, "-r", FLOOD_RATE],
                             stdout=subprocess.DEVNULL)
        try:
            time.sleep(2)
            check(process.poll() is None, "the flood has ended: a bad lab")
            scan = attacker.popen(tools.nmap(cases_life.FAMILY, kind[0], target, extra=("-F",)),
                                  stdout=subprocess.DEVNULL)
            try:
                event = sensor.wait_event(lambda e: e.is_peer(address), 15,
                                          f"the scan by {address}")
            finally:
                scan.terminate()
                scan.wait()
        finally:
            process.terminate()
            process.wait()
        packets = tcpdump.until(event.t + 20000, 1)
        tcpdump.stop()
        failed = capture.failed_contacts(packets, address, {target}, device.SERVED, event)
        accused = {e.peer for e in sensor.events() if e.finding.get("kind") == "scan"} - {event.peer}
        sensor.stop()
        say(f"{event}; {len(failed)} failed contacts; accused besides: "
            f"{len(accused)} {sorted(accused)[:5]}")
        check(event.data["event_type"] == "alert", f"no alert: {event}")
        check(event.finding["technique"] == kind[1], f"the technique: {event}")
        check(not accused, f"{len(accused)} flooding addresses are accused of scanning")
        return f"found after {len(failed)} failed contacts; " + sensor.log().splitlines()[-1]
    return run


for _port, _name in (80, "open"), (81, "closed"), ("random", "random"):
    for _kind in FLOOD_KINDS:
        case.add(f"heavy-flood-{_name}-{_kind[1]}", "life", heavy_flood_case(_port, _kind))
