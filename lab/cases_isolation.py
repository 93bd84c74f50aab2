# SPDX-License-Identifier: GPL-2.0-or-later
"""What the sensor's processes may do, how they come and go, and what a service manager is told."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import case
import cases_life
import device
import net
from case import Skip, check

NOBODY = "65534"


def _need_seccomp():
    with open("/proc/self/status", encoding="utf-8") as file:
        if "Seccomp:" not in file.read():
            raise Skip("this kernel has no seccomp")


@case.case("isolated", "life")
def isolated_case(lab, say):
    """By the kernel's account both processes are restricted while they find a scan."""
    _need_seccomp()
    sensor = lab.start()
    lab.scan_found()
    for role, pid in zip(("helper", "engine"), cases_life.roles(sensor)):
        status = cases_life.status_of(pid)
        say(f"{role}: NoNewPrivs {status['NoNewPrivs']}, Seccomp {status['Seccomp']}, "
            f"CapEff {status['CapEff']}")
        check(status["NoNewPrivs"].strip() == "1", f"the {role} could gain privileges")
        check(status["Seccomp"].strip() == "2", f"the {role} has no filter")
        allowed = 1 << 13 | 1 << 5 if role == "helper" else 0  # NET_RAW, KILL
        if role == "helper" and "source bpf;" in sensor.log():
            allowed |= 1 << 12 | 1 << 38 | 1 << 39  # NET_ADMIN, PERFMON, BPF
        check(int(status["CapEff"], 16) & ~allowed == 0, f"the {role} has {status['CapEff']}")
    said = re.search(r"the engine is isolated: .*", sensor.log())
    check(said, "the log does not say how the engine is isolated")
    return said.group()


@case.case("killed-for-a-call", "life")
def sigsys_case(lab, say):
    """Death by the filter is told from other deaths, with what to do."""
    sensor = lab.start()
    _helper, engine = cases_life.roles(sensor)
    os.kill(engine, signal.SIGSYS)
    code = sensor.process.wait(5)
    say(sensor.log().splitlines()[-1])
    check(code == 128 + signal.SIGSYS, f"exit {code}")
    check("system call" in sensor.log() and "report" in sensor.log(), "not said")
    return f"exit {code}"


def _sensors(namespace):
    """The sensor's processes in a namespace, parents first."""
    pids = {int(pid) for pid in net.command(["ip", "netns", "pids", namespace.name]).split()}

    def parent(pid):
        return int(cases_life.status_of(pid)["PPid"])
    try:
        mine = [p for p in pids if os.path.basename(os.readlink(f"/proc/{p}/exe"))
                == "mimamori-sensor"]
        order, known = [], {parent(p) for p in mine} - set(mine)
        while len(order) < len(mine):
            step = [p for p in mine if parent(p) in known and p not in order]
            order += step
            known |= set(step)
        return order
    except (FileNotFoundError, ProcessLookupError):  # one ended meanwhile
        return []


def _three(lab, without=()):
    def three():
        found = _sensors(lab.network.device)
        return found if len(found) == 3 and not set(found) & set(without) else None
    return net.wait_for(three, 10, "supervisor, helper and engine")


def _watches(lab, path, what, starts=1):
    """A scan is found, once the sensor has said so many times that it has started."""
    device.wait_started(path, starts)
    address = lab.scan()
    file = device.events.EventFile(path)
    net.wait_for(lambda: any(e.is_peer(address) for e in file.update()), 8, what)


@case.case("background", "life")
def background_case(lab, say):
    """In the background, killed one after the other, the sensor is there again; told to end, it ends."""
    lab.stop()
    directory = net.directory()
    path, config = (os.path.join(directory, name) for name in ("events.json", "mimamori.conf"))
    with open(config, "w", encoding="utf-8") as file:
        file.write(device.configuration(output={"event_file": path}))
    started = time.monotonic()
    net.command(lab.network.device.inside([device.sensor_path(), "run", "--config", config]))
    say(f"run returned 0 after {time.monotonic() - started:.2f} s")
    try:
        supervisor, helper, engine = first = _sensors(lab.network.device)
        _watches(lab, path, "the first scan")
        os.kill(engine, signal.SIGKILL)
        again = _three(lab, (helper, engine))
        check(again[0] == supervisor, "the supervisor is another")
        _watches(lab, path, "the scan after the engine was killed", 2)
        os.kill(again[1], signal.SIGKILL)
        last = _three(lab, again[1:])
        _watches(lab, path, "the scan after the helper was killed", 3)
        os.kill(supervisor, signal.SIGTERM)
        cases_life.gone(last, 5, "all three to end")
        return f"processes {first}, then {again}, then {last}, then none"
    finally:
        for pid in _sensors(lab.network.device):
            os.kill(pid, signal.SIGKILL)


@case.case("background-fails", "life")
def background_fails_case(lab, say):
    """A start in the background that does not work ends with the error shown, and leaves nothing."""
    lab.stop()
    directory = net.directory()
    path, config = (os.path.join(directory, name) for name in ("events.json", "mimamori.conf"))
    os.symlink("/nonexistent", path)
    with open(config, "w", encoding="utf-8") as file:
        file.write(device.configuration(output={"event_file": path}))
    done = subprocess.run(
        lab.network.device.inside([device.sensor_path(), "run", "--config", config]),
        capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
    said = done.stderr.strip().splitlines()[-1]
    say(said)
    check(done.returncode > 0, f"exit {done.returncode}")
    check("symbolic link" in done.stderr, f"the reason is not said: {done.stderr}")
    check(not _sensors(lab.network.device), "processes are left behind")
    return f"exit {done.returncode}"


class Manager:
    """A service manager's end of sd_notify's protocol."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self._socket.settimeout(10)

    def expect(self, start):
        said = self._socket.recv(4096).decode()
        check(said.startswith(start), f"{said!r} and not {start!r}")
        return said


@case.case("service", "life")
def service_case(lab, say):
    """As the unit starts it: an ordinary user with CAP_NET_RAW; the manager hears what is so."""
    lab.stop()
    directory = net.directory()
    os.chmod(directory, 0o777)
    program = shutil.copy(device.sensor_path(), os.path.join(directory, "mimamori-sensor"))
    path, config = (os.path.join(directory, name) for name in ("events.json", "mimamori.conf"))
    with open(config, "w", encoding="utf-8") as file:
        file.write(device.configuration(output={"event_file": path, "stdout": "none"}))
    manager = Manager(directory)
    environment = dict(os.environ, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="2000000")
    with open(os.path.join(directory, "log"), "wb") as log:
        process = lab.network.device.popen(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
             "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw",
             "--bounding-set=-all,+net_raw", program, "run", "--foreground", "--config", config],
            env=environment, stderr=log)
    try:
        say(manager.expect("READY=1").replace("\n", ", "))
        check(device.sockets(lab.network.device, "packet"), "ready, and no packet socket is open")
        manager.expect("WATCHDOG=1")
        _watches(lab, path, "the scan")
        helper, engine = _sensors(lab.network.device)
        check(int(cases_life.status_of(helper)["CapEff"], 16) == 1 << 13, "the helper's rights")
        check(int(cases_life.status_of(engine)["CapEff"], 16) == 0, "the engine has rights")
        process.send_signal(signal.SIGHUP)
        heard = []
        while "RELOADING=1" not in "".join(heard):
            heard.append(manager.expect(("WATCHDOG=1", "RELOADING=1")))
        manager.expect("READY=1")
        process.terminate()
        heard = []
        while "STOPPING=1" not in "".join(heard):
            heard.append(manager.expect(("WATCHDOG=1", "STOPPING=1")))
        code = process.wait(5)
    finally:
        process.kill()
    check(code == 0, f"exit {code}")
    return "ready, alive, reloading, ready, stopping"
