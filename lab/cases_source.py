# SPDX-License-Identifier: GPL-2.0-or-later
"""The source of packets: which is chosen, what it says, and interfaces that go while a scan runs."""

import os
import signal
import subprocess
import time

import case
import cases_bpf
import cases_life
import events
import net
import tools
from case import Skip, check

SLOW = ("-p", "100-160", "--scan-delay", "100ms", "--max-retries", "0", "-T3")  # six seconds


def _own(sensor, phase, seconds=5, after=0):
    """The first event of this phase that the sensor tells of itself, from `after` on."""
    def look():
        sensor.events()
        return next((e for e in sensor.file.own[after:] if e.finding["phase"] == phase), None)
    return net.wait_for(look, seconds, f"a source that is {phase}")


def check_built():
    if not cases_bpf.built():
        raise Skip(cases_bpf.UNBUILT)


@case.case("source-told", "life")
def told_case(lab, say):
    """Which source watches, what it cannot see, and why better ones are not used, as an event."""
    sensor = lab.start()
    event = _own(sensor, "started")
    say(event.data["mimamori"])
    check(not (errors := events.schema_errors([event])), f"not valid: {errors}")
    check(event.finding["source"] in sensor.log(), "the log names another")
    check(event.finding["cannot_see"] in sensor.log(), "the log does not say what it cannot see")
    lab.stop()
    check([e.finding["phase"] for e in sensor.file.own] == ["started"],
          f"more than it should: {[str(e) for e in sensor.file.own]}")
    return str(event)


@case.case("source-refused", "life")
def refused_case(lab, say):
    """Without the right to load BPF another source watches, and the event says why."""
    check_built()
    sensor = lab.start(under=["setpriv", "--bounding-set=-bpf,-perfmon,-net_admin"])
    event = _own(sensor, "started")
    refused = event.finding["refused"]
    say(refused)
    check(event.finding["source"] == "packet", f"{event.finding['source']} watches")
    check([r["source"] for r in refused] == ["bpf"] and "CAP_BPF" in refused[0]["reason"],
          f"refused: {refused}")
    return f"{lab.scan_found()}; {refused[0]['reason']}"


@case.case("source-filters-gone", "life")
def filters_gone_case(lab, say):
    """Somebody takes away the qdisc that the programs hang on, where the kernel has no better place for them."""
    check_built()
    sensor = lab.start(arguments=["--source", "bpf"])
    if "clsact" not in lab.network.device.run(["tc", "qdisc", "show", "dev", "eth0"]):
        say("the programs hang on tcx links, which nobody else can take away by accident")
    lab.network.device.run(["tc", "qdisc", "replace", "dev", "eth0", "clsact"])
    lab.network.device.run(["tc", "qdisc", "del", "dev", "eth0", "clsact"])
    check(sensor.process.poll() is None, "the sensor ended")
    return str(lab.scan_found())


@case.case("source-named-gone", "life")
def named_case(lab, say):
    """The only interface asked for goes: that nothing is watched is told, and that it is again."""
    sensor = lab.start(arguments=["--interface", "eth0"])
    helper, engine = cases_life.roles(sensor)
    _own(sensor, "started")
    lab.network.device.ip("link del eth0")
    lost = _own(sensor, "lost")
    say(lost)
    net.cable(lab.network.device, "eth0", lab.network.switch, "to-device")
    lab.network.switch.ip("link set to-device master br0")
    lab.network.address_device()
    back = _own(sensor, "restored")
    say(back)
    check(not (errors := events.schema_errors([lost, back])), f"not valid: {errors}")
    check(back.finding["unwatched_ms"] > 0, "without a gap")
    found = lab.scan_found()
    check(cases_life.roles(sensor) == [helper, engine], "it was started anew")
    return f"unwatched for {back.finding['unwatched_ms']} ms; {found}"


@case.case("source-named-missing", "life")
def missing_case(lab, _say):
    """Asked for an interface that is not there it says so from the start, and waits for it."""
    sensor = lab.start(arguments=["--interface", "later0"])
    lost = _own(sensor, "lost")
    lab.network.device.ip("link add later0 type veth peer name later1")
    _own(sensor, "restored")
    lab.network.device.ip("link del later0")
    _own(sensor, "lost", after=len(sensor.file.own))
    return str(lost)


def _during_scan(lab, what, change):
    """A scan of six seconds is found, whatever happens to the link in its midst; nothing is lost for good."""
    sensor = lab.start()
    processes = cases_life.roles(sensor)
    attacker, address, target = lab.network.new_attacker("near", cases_life.FAMILY)
    scan = attacker.popen(tools.nmap(cases_life.FAMILY, "-sS", target, extra=SLOW),
                          stdout=subprocess.DEVNULL)
    try:
        sensor.wait_event(lambda e: e.is_peer(address), 10, f"the scan by {address}")
        change()
        code = scan.wait(30)
    finally:
        if scan.poll() is None:
            scan.send_signal(signal.SIGKILL)
            scan.wait()
    check(code == 0, f"Nmap ended with {code}")
    time.sleep(1.5)  # the last block of packets
    after = lab.scan_found()
    check(cases_life.roles(sensor) == processes, "it was started anew")
    lab.stop()
    mine = [e for e in sensor.events() if e.is_peer(address)]
    end = next(e for e in mine if e.finding["phase"] == "end")
    check(end.finding["ports"] > 20, f"of the scan after {what} too little was seen: {end}")
    others = {e.peer for e in sensor.events()} - {end.peer, after.peer}
    check(not others, f"accused besides: {others}")
    return f"{end.finding['ports']} ports of 61 seen; then {after}"


@case.case("link-down-up", "life")
def down_case(lab, _say):
    """The link goes down and up while a scan runs."""
    def change():
        lab.network.device.ip("link set eth0 down")
        time.sleep(1)
        lab.network.device.ip("link set eth0 up", "route replace default via 10.7.0.254",
                              *(f"addr replace {a}/64 dev eth0 nodad"
                                for a in lab.network.device_addresses(6)),
                              "route replace default via fd07::fe")
    return _during_scan(lab, "the link was down", change)


@case.case("link-replaced-in-scan", "life")
def replaced_case(lab, _say):
    """The interface is deleted and made anew, in another place, while a scan runs."""
    def change():
        lab.network.replace_device_link()
    return _during_scan(lab, "the interface was replaced", change)


@case.case("engine-speaks-not", "life")
def voices_case(lab, say):
    """The descriptors by which the engine could speak are all taken; the packet socket is none of them."""
    sensor = lab.start(arguments=["--source", "packet"])
    _helper, engine = cases_life.roles(sensor)
    links = {int(fd): os.readlink(f"/proc/{engine}/fd/{fd}")
             for fd in os.listdir(f"/proc/{engine}/fd")}
    table = lab.network.device.run(["cat", "/proc/net/packet"]).splitlines()[1:]
    sockets = {f"socket:[{row.split()[8]}]" for row in table}
    mine = [fd for fd, link in links.items() if link in sockets]
    say(f"{len(links)} descriptors, its packet socket is {mine}")
    check(len(mine) == 1 and mine[0] >= 32, f"packet sockets: {mine}")
    check(all(fd in links for fd in range(32)), "a number that can speak is free")
    return f"packet socket {mine[0]}"
