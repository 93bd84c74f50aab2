# SPDX-License-Identifier: GPL-2.0-or-later
"""The sensor's life on a device: what breaks around it, and what it must bear."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import time

import case
import device
import net
import tools
from case import Skip, check

FAMILY = 4


class LifeLab:
    """The topology with its services; each case starts a sensor of its own."""

    def __init__(self, network):
        self.network = network
        self.services = device.Services(network.device, net.directory())
        self.sensor = None

    def start(self, **kwargs):
        self.stop()
        self.sensor = device.Sensor(self.network.device, net.directory(), **kwargs)
        return self.sensor

    def stop(self):
        if self.sensor and self.sensor.process.poll() is None:
            self.sensor.stop()
        self.sensor = None

    def scan(self, where="near", family=FAMILY, extra=("-F",)):
        """A quick scan by a new attacker; its address."""
        attacker, address, target = self.network.new_attacker(where, family)
        attacker.run(tools.nmap(family, "-sS", target, extra=extra))
        return address

    def scan_found(self, **kwargs):
        address = self.scan(**kwargs)
        return self.sensor.wait_event(lambda e: e.is_peer(address), 5, f"the scan by {address}")

    def explain(self):
        return self.sensor.log() if self.sensor else "no sensor"


@case.group("life")
def shared_lab():
    with net.Network() as network:
        lab = LifeLab(network)
        yield lab
        lab.stop()


def gone(pids, seconds, what):
    def dead(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    net.wait_for(lambda: all(dead(pid) for pid in pids), seconds, what)


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)


def roles(sensor):
    """(helper, engine): the process that keeps privilege, and the one that has none."""
    pids = sensor.pids()
    check(len(pids) == 2, f"two processes were expected, not {pids}")
    return pids


@case.case("unprivileged-engine", "life")
def unprivileged_case(lab, say):
    """The process that reads hostile bytes has no privilege left."""
    helper, engine = roles(lab.start())
    status = status_of(engine)
    say(f"helper {helper} capabilities {status_of(helper)['CapEff']}; "
        f"engine {engine} uid {status['Uid'].split()[0]}, capabilities {status['CapEff']}")
    check("0" not in status["Uid"].split(), f"the engine's uids are {status['Uid']}")
    check("0" not in status["Gid"].split(), f"the engine's gids are {status['Gid']}")
    for name in "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb":
        check(int(status[name], 16) == 0, f"the engine's {name} is {status[name]}")
    check(status["NoNewPrivs"].strip() == "1", "the engine could gain privileges")
    check(not status["Groups"].strip(), f"supplementary groups: {status['Groups']}")
    return "no uid 0, no capability, no way back"


@case.case("interface-returns", "life")
def interface_case(lab, say):
    """The network card is pulled while the sensor runs; a scan over the new one is found."""
    lab.start()
    lab.scan_found()
    lab.network.replace_device_link()
    say("the device's eth0 was deleted and made anew")
    return str(lab.scan_found())


@case.case("interface-named-returns", "life")
def interface_named_case(lab, _say):
    """The same, for an interface that was asked for by name."""
    lab.start(arguments=["--interface", "eth0"])
    lab.scan_found()
    lab.network.replace_device_link()
    return str(lab.scan_found())


@case.case("interface-other", "life")
def interface_other_case(lab, _say):
    """What comes over an interface that was not asked for is no business of the sensor."""
    lab.start(arguments=["--interface", "eth1"])
    address = lab.scan()
    time.sleep(1)
    check(not [e for e in lab.sensor.events() if e.about(address)], "it watched eth0 too")
    return "nothing of eth0 was reported"


def _counted_once(lab, namespace, address, target, interface):
    tcpdump = device.Tcpdump(lab.network.device, net.directory(), interface)
    namespace.run(tools.nmap(FAMILY, "-sS", target, extra=("-F", "--max-retries", "0")))
    lab.sensor.wait_event(lambda e: e.is_peer(address), 5, f"the scan by {address}")
    lab.sensor.stop()  # every finding is closed with its totals
    packets = [p for p in tcpdump.until(time.time_ns() // 1000, 1)
               if p.src == address and p.proto == 6 and p.flags == 2]
    tcpdump.stop()
    end = next((e for e in lab.sensor.events()
                if e.is_peer(address) and e.finding["phase"] == "end"), None)
    check(end, "no closing event")
    check(end.finding["probes"] <= len(packets), f"counted twice: {len(packets)} SYNs: {end}")
    return f"{end}; {len(packets)} SYNs in the capture"


@case.case("vlan-once", "life")
def vlan_case(lab, _say):
    """A scan within a VLAN is seen on the VLAN's interface, once."""
    near, here = lab.network.near, lab.network.device
    for namespace, host in (near, 9), (here, 1):
        try:
            namespace.ip("link add link eth0 name eth0.10 type vlan id 10")
        except RuntimeError as error:
            raise Skip(f"this kernel has no VLAN: {error}") from None
        namespace.ip("link set eth0.10 up", f"addr add 10.8.0.{host}/24 dev eth0.10")
    lab.start()
    try:
        return _counted_once(lab, near, "10.8.0.9", "10.8.0.1", "eth0.10")
    finally:
        for namespace in near, here:
            namespace.ip("link del eth0.10")


@case.case("bridge-once", "life")
def bridge_case(lab, _say):
    """A scan that comes through a bridge's member is counted on the bridge alone."""
    here, container = lab.network.device, lab.network.container
    here.ip("addr flush dev eth1", "link add br0 type bridge", "link set br0 up",
            "link set eth1 master br0", "addr add 172.30.0.1/24 dev br0")
    lab.start()
    try:
        return _counted_once(lab, container, "172.30.0.2", "172.30.0.1", "br0")
    finally:
        here.ip("link del br0", "addr add 172.30.0.1/24 dev eth1", "addr add fd30::1/64 dev eth1")


@case.case("kill-engine", "life")
def kill_engine_case(lab, say):
    """The helper does not outlive a killed engine, and says what happened."""
    sensor = lab.start()
    helper, engine = roles(sensor)
    os.kill(engine, signal.SIGKILL)
    code = sensor.process.wait(5)
    gone([helper, engine], 2, "both processes to end")
    last = sensor.log().splitlines()[-1]
    say(last)
    check(code not in (0, None), f"exit {code} after the engine was killed")
    check(re.search(r"kill|signal|died|ended", last, re.IGNORECASE), f"not said: {last}")
    return f"exit {code}"


@case.case("kill-helper", "life")
def kill_helper_case(lab, say):
    """The engine does not outlive a killed helper."""
    sensor = lab.start()
    helper, engine = roles(sensor)
    os.kill(helper, signal.SIGKILL)
    sensor.process.wait(5)
    gone([helper, engine], 2, "the engine to end")
    say(sensor.log().splitlines()[-1])
    return "the engine ended"


@case.case("disk-full", "life")
def disk_full_case(lab, say):
    """No room for events: it goes on, says so once, and writes again when there is room."""
    disk = os.path.join(net.directory(), "disk")
    os.mkdir(disk)
    net.command(["mount", "-t", "tmpfs", "-o", "size=16k,mode=755", "tmpfs", disk])
    filler = os.path.join(disk, "filler")
    sensor = lab.start(event_file=os.path.join(disk, "events.json"))
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    quiet = len(sensor.log())
    for _ in range(4):  # the page that the source's own event has begun holds some more
        lab.scan()
    net.wait_for(lambda: re.search(r"space|full|write", sensor.log()[quiet:], re.IGNORECASE), 5,
                 "a word about the full disk")
    said = sensor.log()[quiet:].strip()
    say(said)
    lab.scan()
    os.unlink(filler)
    event = lab.scan_found()
    with open(sensor.event_path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        json.loads(line)
    lab.stop()
    return f"{len(lines)} whole lines; after room was made: {event}"


@case.case("hup-reopens", "life")
def hup_case(lab, _say):
    """The event file is moved away, as logrotate does; SIGHUP makes a new one."""
    sensor = lab.start()
    first = lab.scan_found()
    old = sensor.event_path + ".1"
    os.rename(sensor.event_path, old)
    sensor.process.send_signal(signal.SIGHUP)
    net.wait_for(lambda: os.path.exists(sensor.event_path), 5, "a new event file")
    sensor.file = device.events.EventFile(sensor.event_path)
    second = lab.scan_found()
    with open(old, encoding="utf-8") as file:
        moved = file.read()
    check(first.peer in moved and second.peer not in moved, "the moved file was written on")
    return f"{first.peer} in the old file, {second.peer} in the new one"


def _run_briefly(argv, **kwargs):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False,
                          stdin=subprocess.DEVNULL, **kwargs)
    return done.returncode, done.stdout, done.stderr


@case.case("config-errors", "life")
def config_case(lab, say):
    """A wrong configuration ends `check` and `run` with file, line and key."""
    directory = net.directory()
    path = os.path.join(directory, "wrong.conf")
    wrong = {
        "[sensor]\ndevice = lab\ndevize = lab\n": (":3:", "devize", "device"),
        "[sensr]\ndevice = lab\n": ("sensr", "sensor"),
        "[sensor]\nscope = everything\n": (":2:", "scope"),
        "[sensor]\ndevice = a\ndevice = b\n": (":3:", "device"),
        "[output]\nstdout = loud\n": (":2:", "stdout"),
        "[output]\nevent_file = /nonexistent/directory/events.json\n": ("/nonexistent",),
        "[sensor]\nhome = 10.0.0.1/8\n": (":2:", "home"),
        "[sensor\n": ("wrong.conf:1",),
        "\xff\xfe\n": ("wrong.conf:1",),
    }
    for text, needed in wrong.items():
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        for verb in (["check"], ["run", "--foreground"]):
            code, _out, said = _run_briefly(lab.network.device.inside(
                [device.sensor_path(), *verb, "--config", path]))
            check(code > 0, f"{verb[0]} of {text!r}: exit {code}")
            missing = [word for word in needed if word not in said]
            check(not missing, f"{verb[0]} of {text!r} does not say {missing}: {said}")
        say(said.strip().splitlines()[-1].replace(directory + "/", ""))
    code, _out, said = _run_briefly([device.sensor_path(), "check", "--config", "/nonexistent"])
    check(code > 0 and "/nonexistent" in said, f"a missing file: exit {code}, {said}")
    return f"{len(wrong) + 1} wrong configurations, each named"


@case.case("without-privilege", "life")
def nobody_case(lab, _say):
    """Started as nobody it says what it lacks and how to get it."""
    directory = net.directory()
    program = shutil.copy(device.sensor_path(), os.path.join(directory, "mimamori-sensor"))
    config = os.path.join(directory, "mimamori.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(device.configuration(output={"stdout": "none"}))
    code, _out, said = _run_briefly(lab.network.device.inside(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "run",
         "--foreground", "--config", config]))
    check(code > 0, f"exit {code}: {said}")
    check(re.search(r"root|privilege|CAP_NET_RAW", said), f"not said: {said}")
    return said.strip().splitlines()[-1]


@case.case("on-finding", "life")
def on_finding_case(lab, _say):
    """The executable gets its own arguments, and the event on standard input."""
    hook, directory = os.path.join(net.directory(), "hook"), net.directory()
    os.chmod(directory, 0o777)  # for the hook's result, whoever it runs as
    result = os.path.join(directory, "result")
    with open(hook, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{{ id -u; echo \"$#:$1:$2\"; cat; }} > {result}.$$\n"
                   f"mv {result}.$$ {result}\n")
    os.chmod(hook, 0o755)
    sensor = lab.start(sections={"output": {"on_finding": f"{hook} one $(two)"}})
    event = lab.scan_found()
    net.wait_for(lambda: os.path.exists(result), 5, "on_finding to run")
    with open(result, encoding="utf-8") as file:
        uid, arguments, line = file.read().split("\n", 2)
    check(arguments == "2:one:$(two)", f"its arguments were {arguments!r}: a shell was at work?")
    check(uid != "0", "it ran as root without being asked to")
    check(json.loads(line)["mimamori"]["peer_prefix"] == event.peer, "it got another event")
    check(sensor.process.poll() is None, "the sensor ended")
    return f"ran as uid {uid} with the event about {event.peer}"


@case.case("stdout-closed", "life")
def stdout_case(lab, _say):
    """Whoever read standard output went away: the event file goes on."""
    reader, writer = os.pipe()
    sensor = lab.start(sections={"output": {"stdout": "eve"}}, stdout=writer)
    os.close(writer)
    first = lab.scan_found()
    check(select.select([reader], [], [], 5)[0], "nothing on standard output")
    line = os.read(reader, 65536).decode().splitlines()[1]  # after the source's own
    check(json.loads(line)["mimamori"]["peer_prefix"] == first.peer, f"stdout had {line}")
    os.close(reader)
    second = lab.scan_found()
    third = lab.scan_found()
    check(sensor.process.poll() is None, "the sensor ended")
    return f"after standard output was closed: {second.peer}, {third.peer}"


@case.case("gateway", "life")
def gateway_case(lab, _say):
    """In gateway scope, a scan of the machine behind the device is judged by its answers."""
    attacker, address, _target = lab.network.new_attacker("near", FAMILY)
    attacker.ip("route replace 172.30.0.0/24 via 10.7.0.1")
    lab.network.device.sysctl("net.ipv4.ip_forward", 1)
    lab.start(arguments=["--scope", "gateway"], sections={"sensor": {"home": "172.30.0.0/24"}})
    try:
        attacker.run(tools.nmap(FAMILY, "-sS", "172.30.0.2", extra=("-F",)))
        event = lab.sensor.wait_event(lambda e: e.is_peer(address), 5, "the scan")
        check(event.data["dest_ip"] == "172.30.0.2", f"its destination: {event.data['dest_ip']}")
        return str(event)
    finally:
        lab.network.device.sysctl("net.ipv4.ip_forward", 0)


@case.case("host-scope-forwards", "life")
def forwarded_case(lab, _say):
    """In host scope, what the device only forwards is nobody's probe of it."""
    attacker, address, _target = lab.network.new_attacker("near", FAMILY)
    attacker.ip("route replace 172.30.0.0/24 via 10.7.0.1")
    lab.network.device.sysctl("net.ipv4.ip_forward", 1)
    lab.start()
    try:
        attacker.run(tools.nmap(FAMILY, "-sS", "172.30.0.2", extra=("-F",)))
        time.sleep(1)
        mine = [str(e) for e in lab.sensor.events() if e.about(address)]
        return f"events about forwarded probes: {mine or 'none'}"
    finally:
        lab.network.device.sysctl("net.ipv4.ip_forward", 0)


@case.case("fragments", "life")
def fragments_case(lab, _say):
    """TCP headers cut in pieces of eight bytes hide nothing."""
    lab.start()
    event = lab.scan_found(extra=("-F", "-f"))
    check(event.finding["technique"] == "syn", f"the technique: {event}")
    return str(event)


@case.case("scan-in-flood", "life")
def flood_case(lab, say):
    """Two thousand SYNs a second from random addresses hide no scan and accuse nobody."""
    flood = device.bench_tool("flood")
    if not flood:
        raise Skip("bench/flood is not built")
    sensor = lab.start()
    near = lab.network.near
    process = near.popen([flood, "-i", "eth0", "-m", lab.network.device.mac(), "-d", "10.7.0.1",
                          "-p", "80", "-n", "20000", "-r", "2000"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(2)
        event = lab.scan_found(where="far")
    finally:
        process.terminate()
        process.wait()
    accused = {e.peer for e in sensor.events() if e.finding.get("kind") == "scan"} - {event.peer}
    say(f"accused besides: {sorted(accused)[:5] or 'nobody'}")
    check(not accused, f"{len(accused)} flooding addresses are accused of scanning")
    return str(event)


