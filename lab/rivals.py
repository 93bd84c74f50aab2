# SPDX-License-Identifier: GPL-2.0-or-later
"""
Other people's scan detectors, as Debian packages them, run in the device's namespace.

Each runs in a cell of its own (cell.py), with the configuration of its package but for what the
class says, and is judged by what it tells syslog: the moment at which the kernel takes a message
from it is the moment of the alert.
"""

import ipaddress
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

import device
import net

HERE = os.path.dirname(os.path.abspath(__file__))
SO_TIMESTAMP = 29
TICKS = os.sysconf("SC_CLK_TCK")


class Alert:
    """One line to syslog that accuses somebody; `t` in Unix microseconds."""

    def __init__(self, t, peer, text):
        self.t, self.peer, self.text = t, peer, text


class Syslog:
    """A /dev/log that keeps what it is told."""

    def __init__(self, path):
        self.lines = []  # (t, text)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        os.chmod(path, 0o666)  # who writes has dropped its privilege
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            data, about, _flags, _from = self._socket.recvmsg(8192, 64)
            if not data:
                return
            times = [value for _level, kind, value in about if kind == SO_TIMESTAMP]
            seconds, micros = struct.unpack("qq", times[0])
            self.lines.append((seconds * 1000000 + micros,
                               data.decode("utf-8", "replace").rstrip("\n\0")))

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)


class Rival:
    """What they have in common. Its `configured` is told in the table's notes."""

    name = package = configured = ""
    needs = ()
    accuses = None  # what a line that accuses matches; its group is the accused
    own_files = ()  # directories that it writes to or that are configured here

    def __init__(self, namespace, directory):
        self.namespace = namespace
        self.directory = os.path.join(directory, self.name)
        over = []
        for path in self.own_files:
            own = self.path(path)
            shutil.copytree(path, own) if path.startswith("/etc/") else os.makedirs(own)
            over.append(f"{own}:{path}")
        os.makedirs(self.directory, exist_ok=True)
        self.syslog = Syslog(os.path.join(self.directory, "log"))
        self.configure()
        commands = [word for argv in self.commands() for word in ["--", *argv]]
        with open(os.path.join(self.directory, "output"), "wb") as output:
            self.process = namespace.popen(
                [sys.executable, "-B", os.path.join(HERE, "cell.py"),
                 os.path.join(self.directory, "log"), *over, *commands],
                stdout=output, stderr=output)
        net.wait_for(self._ready, 20, f"{self.name} to watch")
        self._cpu_before = 0

    @classmethod
    def missing(cls):
        return [program for program in cls.needs
                if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")]

    @classmethod
    def version(cls):
        out = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", cls.package], text=True,
                             capture_output=True, check=False).stdout
        return out or "of unknown version"

    def path(self, path):
        """Where the cell's own `path` is on the host."""
        return os.path.join(self.directory, path.strip("/").replace("/", "-"))

    def configure(self):
        """Changes its files before it starts."""

    def commands(self):
        raise NotImplementedError

    def watches(self):
        raise NotImplementedError

    def _ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.log()}")
        return self.watches()

    def says(self, text):
        return sum(text in line for _t, line in self.syslog.lines)

    def log(self):
        with open(os.path.join(self.directory, "output"), encoding="utf-8",
                  errors="replace") as output:
            return "\n".join([output.read(), *(line for _t, line in self.syslog.lines)])[-2000:]

    def alerts(self):
        return [Alert(t, match.group(1), line) for t, line in list(self.syslog.lines)
                if (match := self.accuses.search(line))]

    def _cpu(self):
        """Seconds of its processes, and of the short-lived ones that they have started."""
        total = 0
        _cell, init, *own = device.processes(self.process.pid)
        for pid in (init, *own):
            try:
                if pid != init:
                    with open(f"/proc/{pid}/schedstat", encoding="utf-8") as file:
                        total += int(file.read().split()[0]) / 1e9
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    total += sum(map(int, file.read().rsplit(")", 1)[1].split()[13:15])) / TICKS
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total

    def begin(self):
        """Its CPU time counts from here."""
        self._cpu_before = self._cpu()

    def cpu(self):
        """CPU seconds since begin()."""
        return self._cpu() - self._cpu_before

    def stop(self):
        self.process.terminate()
        self.process.wait(5)
        self.syslog.close()


class Scanlogd(Rival):
    name = package = "scanlogd"
    needs = ("scanlogd",)
    configured = "Debian's build (raw socket); it has no configuration"
    accuses = re.compile(r"scanlogd: (\S+?)(?::\d+)? to ")
    own_files = ("/run",)

    def configure(self):
        os.makedirs(self.path("/run") + "/scanlogd/empty")  # its chroot

    def commands(self):
        return [["scanlogd"]]

    def watches(self):
        return device.sockets(self.namespace, "raw")


class PortSentry(Rival):
    name, package = "PortSentry", "portsentry"
    needs = ("portsentry",)
    configured = ("-atcp and -audp (Debian's default, -tcp and -udp, looks at the ports of a list "
                  "only); Debian's portsentry.conf, which blocks nobody; its own addresses ignored, "
                  "as its start script does")
    accuses = re.compile(r"attackalert: .* from host: (\S+?)/")
    own_files = ("/etc/portsentry", "/var/lib/portsentry", "/run")

    def configure(self):
        with open(self.path("/etc/portsentry") + "/portsentry.ignore", "w",
                  encoding="utf-8") as ignore:
            ignore.write("127.0.0.1/32\n0.0.0.0\n"
                         + "".join(a + "\n" for a in net.Network.device_addresses(4)))

    def commands(self):
        return [["portsentry", "-atcp"], ["portsentry", "-audp"]]

    def watches(self):
        return self.says("PortSentry is now active") == 2


def _as_log(line):
    """ulogd's line in the form in which the kernel's LOG would write it, which psad insists on."""
    line = re.sub(r" SEQ=\d+ ACK=\d+ WINDOW=(\d+) ", r" WINDOW=\1 RES=0x00 ", line)
    line = re.sub(r" TOS=(\w\w) PREC", r" TOS=0x\1 PREC", line)
    return re.sub(r" (SRC|DST)=(\S*:\S*)",
                  lambda match: f" {match.group(1)}={ipaddress.ip_address(match.group(2)).exploded}",
                  line)


class Psad(Rival):
    name = package = "psad"
    needs = ("psad", "ulogd", "iptables", "ip6tables")
    configured = ("Debian's psad.conf, without mail, whois and DNS; iptables and ip6tables log to it "
                  "through ulogd, since LOG writes nothing from within a namespace: what is neither "
                  "established nor opens a served port; ulogd's CPU time is counted with it")
    accuses = re.compile(r"scan detected .*?: (\S+) ->")
    own_files = ("/etc/psad", "/var/log", "/var/lib/psad", "/run", "/tmp")
    settings = {
        "HOSTNAME": "device", "ALERTING_METHODS": "noemail", "ENABLE_WHOIS_LOOKUPS": "N",
        "ENABLE_DNS_LOOKUPS": "N", "AUTO_DETECT_JOURNALCTL": "N", "ENABLE_FW_LOGGING_CHECK": "N",
        "IFCFGTYPE": "iproute2",
    }
    ulogd = """[global]
logfile="/var/log/ulogd.log"
stack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,print1:PRINTPKT,emu1:LOGEMU
[log1]
group=7
netlink_socket_buffer_size=4194304
netlink_socket_buffer_maxsize=8388608
[emu1]
file="/var/log/nflog"
sync=1
"""

    def configure(self):
        path = self.path("/etc/psad") + "/psad.conf"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for key, value in self.settings.items():
            text, found = re.subn(rf"(?m)^{key}\s+[^;]*;", f"{key} {value};", text)
            if not found:
                raise RuntimeError(f"no {key} in psad.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        with open(self.path("/etc/psad") + "/ulogd.conf", "w", encoding="utf-8") as file:
            file.write(self.ulogd)
        os.mkdir(self.path("/var/log") + "/psad")
        for name in "nflog", "messages":
            open(f"{self.path('/var/log')}/{name}", "wb").close()
        self._stopped = threading.Event()
        threading.Thread(target=self._copy, daemon=True).start()
        for kind in "neighbour-solicitation", "neighbour-advertisement":
            self.namespace.run(["ip6tables", "-A", "INPUT", "-p", "ipv6-icmp", "--icmpv6-type", kind,
                                "-j", "RETURN"])
        for tool in "iptables", "ip6tables":
            for rule in (["-i", "lo", "-j", "RETURN"],
                         ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "RETURN"],
                         ["-p", "tcp", "--syn", "-m", "multiport", "--dports",
                          f"{device.SSH},{device.TELNET},{device.HTTP}", "-j", "RETURN"],
                         ["-p", "udp", "--dport", device.DNS, "-j", "RETURN"],
                         ["-j", "NFLOG", "--nflog-group", "7", "--nflog-prefix", "kernel: "]):
                self.namespace.run([tool, "-A", "INPUT", *rule])

    def commands(self):
        return [["ulogd", "-c", "/etc/psad/ulogd.conf"],
                ["psad", "-c", "/etc/psad/psad.conf"]]

    def _copy(self):
        """Gives psad what ulogd writes."""
        with open(self.path("/var/log") + "/nflog", encoding="utf-8") as nflog, \
                open(self.path("/var/log") + "/messages", "a", encoding="utf-8") as messages:
            rest = ""
            while not self._stopped.wait(0.05):
                *lines, rest = (rest + nflog.read()).split("\n")
                messages.write("".join(_as_log(line) + "\n" for line in lines))
                messages.flush()

    def watches(self):
        """Its main loop has begun at the end of the file."""
        messages = os.stat(self.path("/var/log") + "/messages")
        for pid in device.processes(self.process.pid)[2:]:
            try:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                    if comm.read().startswith("psad") and any(
                            os.path.samestat(os.stat(f"/proc/{pid}/fd/{fd}"), messages)
                            for fd in os.listdir(f"/proc/{pid}/fd")):
                        return True
            except OSError:
                pass
        return False

    def stop(self):
        self._stopped.set()
        super().stop()


ALL = (Scanlogd, PortSentry, Psad)
