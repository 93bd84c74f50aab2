# SPDX-License-Identifier: GPL-2.0-or-later
"""
The sources `packet` and `bpf` beside each other on one device: the same attacks, at the same time, are the
same findings.

    near  ──┐
    client ─┴─ device: one sensor that reads a packet socket, one that has programs in the kernel
"""

import os
import subprocess
import time

import case
import device
import flood_kinds
import flood_run
import guess_live
import guess_net
import guess_run
import net
import tools
from case import Skip, check

SETTLE_S = 12  # in which both have to have said all
STILL_S = 1.5
FLOOD_S = 3
FLOODS = (("SYN, open port", 5000), ("SYN, open port, random sources", 20000),
          ("SYN, closed port, random sources", 5000), ("ACK, open port, random sources", 5000),
          ("UDP, closed port, random sources", 20000), ("UDP, open port, random sources", 5000),
          ("ICMP", 5000), ("fragments, random sources", 5000), ("DNS answers, 300 reflectors", 5000))
GUESSES = ("hydra", 22), ("hydra", 23), ("medusa", 21)


UNBUILT = "built without the source bpf: there was no clang"


class Missing:
    """In place of a lab: whatever is wanted of it is skipped."""

    def __getattr__(self, name):
        raise Skip(UNBUILT)


def built():
    path = os.path.join(net.directory(), "bpf.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(device.configuration(sensor={"source": "bpf"}))
    return subprocess.run([device.sensor_path(), "check", "--config", path], capture_output=True,
                          check=False).returncode == 0


def sensor(namespace, source, **sections):
    found = device.Sensor(namespace, net.directory(), sections={"sensor": {"source": source}, **sections})
    check(f"source {source};" in found.log(), f"another source: {found.log()[-300:]}")
    return found


def said(event):
    """What both have to say alike: not who came first of a crowd, nor how many."""
    f = event.finding
    if f["kind"] == "flood":
        return "flood", f["technique"], event.data.get("dest_ip"), event.data.get("dest_port", 0), f["forged"]
    if f["kind"] == "guess":
        return "guess", f["service"], event.peer, event.data.get("dest_port")
    return f["kind"], f["technique"], f["scope"], tuple(f.get("real", ())) or event.peer


class Pair:
    """The two sensors, and what each has said since the last comparison."""

    def __init__(self, namespace, **sections):
        self.sensors = {source: sensor(namespace, source, **sections) for source in ("packet", "bpf")}
        self._seen = dict.fromkeys(self.sensors, 0)

    def _new(self):
        return {source: {said(e) for e in s.events()[self._seen[source]:]
                         if e.finding.get("phase") == "start" and e.data["event_type"] == "alert"}
                for source, s in self.sensors.items()}

    def compare(self, least=1):
        """Both have said the same, at least so much, and go on saying it. What it is."""
        until, since, before = time.monotonic() + SETTLE_S, time.monotonic(), None
        while time.monotonic() < until:
            new = self._new()
            alike = new["packet"] == new["bpf"] and len(new["bpf"]) >= least
            if new != before or not alike:
                before, since = new, time.monotonic()
            elif time.monotonic() > since + STILL_S:
                break
            time.sleep(0.05)
        new = self._new()
        self._seen = {source: len(s.events()) for source, s in self.sensors.items()}
        only = {source: sorted(map(str, new[source] - new[other]))
                for source, other in (("packet", "bpf"), ("bpf", "packet"))}
        check(not any(only.values()), f"said by one alone: {only}")
        check(len(new["bpf"]) >= least, f"said by both: {sorted(map(str, new['bpf']))}")
        return ", ".join(" ".join(map(str, one)) for one in sorted(new["bpf"], key=str)) or "nothing"

    def explain(self):
        return "\n".join(f"{source}: " + "\n".join(s.log().splitlines()[-3:] + [f"  {e}" for e in s.events()[-4:]])
                         for source, s in self.sensors.items())


class Lab(flood_run.FloodLab):
    """A device that a client uses, watched twice; whatever is said of the client is wrong."""

    def __init__(self, network, family):
        super().__init__(network, family, "client")
        super().stop_watching()
        self.pair = Pair(network.device)
        self.sensor = self.pair.sensors["bpf"]
        self.teller = flood_run.Teller(self.sensor)

    def explain(self):
        return self.pair.explain()

    def stop(self):
        super().stop()
        self.pair.sensors["packet"].stop()

    def check_client(self):
        client = self.load.client.address[self.family]
        for source, one in self.pair.sensors.items():
            accused = [str(e) for e in one.events() if e.is_peer(client)]
            check(not accused, f"by {source} the benign client is accused: {accused[:3]}")


def shared_by(family):
    def shared():
        if not built():
            yield Missing()
            return
        with net.Network() as network:
            lab = Lab(network, family)
            yield lab
            lab.stop()
    return shared


def scan_case(option, family, extra=(), ports=None):
    def run(lab, say):
        attacker, _address, target = lab.network.new_attacker("near", family)
        argv = tools.nmap(family, option, target, extra=(*extra, *(("-p", ports) if ports else ())))
        say(" ".join(map(str, argv)))
        attacker.run(argv, timeout=60)
        found = lab.pair.compare()
        lab.check_client()
        return found
    return run


def masscan_case(rate):
    def run(lab, say):
        if tools.missing("masscan"):
            raise Skip("masscan is not installed")
        attacker, address, target = lab.network.new_attacker("near", lab.family)
        argv = tools.masscan(attacker, lab.family, address, target, lab.network.device.mac("eth0"))
        argv[argv.index("--rate") + 1] = str(rate)
        argv[argv.index("-p") + 1] = "1-20000"
        say(" ".join(map(str, argv)))
        attacker.run(argv, timeout=60)
        return lab.pair.compare()
    return run


def flood_case(name, rate):
    kind = flood_kinds.KINDS[name]

    def run(lab, say):
        if not device.bench_tool("flood"):
            raise Skip("bench/flood is not built")
        cell = lab.run(kind, rate, FLOOD_S)
        say(f"{name} to {cell.target}: {cell.sent} packets")
        found = lab.pair.compare()
        lab.check_client()
        return found
    return run


def benign_case(lab, say):
    """A client's day in short, and a kernel that answers for what is closed: neither says anything."""
    before = lab.load.client.counts()
    time.sleep(5)
    after = lab.load.client.counts()
    say(f"{sum(after.values()) - sum(before.values())} things done")
    lab.check_client()
    return lab.pair.compare(least=0)


def guess_case(shared, say):
    """Passwords guessed over connections that tell, and that only their shapes tell of."""
    if guess_run.missing():
        raise Skip(f"{', '.join(guess_run.missing())} not installed")
    found = []
    say(f"sources {', '.join(shared.pair.sensors)}")
    for tool, port in GUESSES:
        guess = guess_live.Guess(shared, tool, port, 4, guess_live.WRONG)
        guess.run()
        say(f"{tool} at {port} from {guess.addresses[0]}")
        found.append(shared.pair.compare())
    return "; ".join(found)


class GuessLab(guess_net.Lab):
    def _watch(self):
        self.pair = Pair(self.network.device)
        return self.pair.sensors


def _guesses():
    if not built():
        yield Missing()
        return
    with guess_net.LoginNetwork() as network:
        yield GuessLab(network)


def declare():
    for family in (4, 6):
        group = f"bpf-{family}"
        case.group(group)(shared_by(family))
        for kind in ("syn", "connect", "fin", "ack", "udp"):
            option, _technique, extra = tools.NMAP[kind]
            case.add(f"bpf-{kind}-{family}", group, scan_case(option, family, extra))
        case.add(f"bpf-version-{family}", group, scan_case("-sV", family, ports="22,80"))
        case.add(f"bpf-masscan-{family}", group, masscan_case(5000))
        case.add(f"bpf-benign-{family}", group, benign_case)
    case.add("bpf-decoys-4", "bpf-4", scan_case("-sS", 4, ("-D", "RND:5")))
    for name, rate in FLOODS:
        short = flood_kinds.KINDS[name].short
        case.add(f"bpf-flood-{short}-4", "bpf-4", flood_case(name, rate))
    case.group("bpf-guess")(_guesses)
    case.add("bpf-guess", "bpf-guess", guess_case, 300)


declare()
