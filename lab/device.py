# SPDX-License-Identifier: GPL-2.0-or-later
"""The device: its real services, its own capture, and the sensor that protects it."""

import json
import os
import re
import signal
import subprocess
import sys

import capture
import events
import net

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SSH, TELNET, DNS, HTTP = 22, 23, 53, 80
SERVED = {(capture.TCP, SSH), (capture.TCP, TELNET), (capture.TCP, HTTP), (capture.UDP, DNS)}
PUBLISHED = (3306, 5432, 8081, 8443, 9000)  # of the container, where a case publishes them


def sensor_path():
    return os.environ.get("MIMAMORI_SENSOR") or os.path.join(
        os.environ.get("MIMAMORI_BUILD_ROOT") or os.path.join(ROOT, "build"), "mimamori-sensor")


def bench_tool(name):
    """A program of bench/, in the build directory; None when it is not built."""
    build = os.path.dirname(sensor_path())
    for directory in os.environ.get("MIMAMORI_BENCH"), os.path.join(build, "bench"), build:
        if directory and os.access(os.path.join(directory, name), os.X_OK):
            return os.path.join(directory, name)
    return None


def sockets(namespace, table):
    """The rows of /proc/net/TABLE as seen inside the namespace."""
    return [row.split() for row in namespace.run(["cat", f"/proc/net/{table}"]).splitlines()[1:]]


def listening(namespace, proto, port):
    state = "0A" if proto == capture.TCP else "07"
    name = "tcp" if proto == capture.TCP else "udp"
    return any(int(row[1].rsplit(":", 1)[1], 16) == port and row[3] == state
               for table in (name, name + "6") for row in sockets(namespace, table))


class Services:
    """sshd, nginx, telnetd and a UDP server in the device's namespace."""

    def __init__(self, namespace, directory):
        self.directory = directory
        self.key = os.path.join(directory, "client-key")
        log = open(os.path.join(directory, "services.log"), "ab")
        for argv in self._sshd(), self._nginx(), self._telnetd(), self._udp():
            namespace.popen(argv, stdout=log, stderr=log)
        log.close()
        for proto, port in sorted(SERVED):
            net.wait_for(lambda proto=proto, port=port: listening(namespace, proto, port), 10,
                         f"a service on port {port} ({directory}/services.log)")

    def _write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _sshd(self):
        os.makedirs("/run/sshd", exist_ok=True)  # sshd insists on its privilege separation's root
        host_key = os.path.join(self.directory, "host-key")
        for key in host_key, self.key:
            net.command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
        config = self._write("sshd.conf", "".join(line + "\n" for line in (
            f"Port {SSH}", "AddressFamily any", f"HostKey {host_key}", "PidFile none",
            f"AuthorizedKeysFile {self.key}.pub", "StrictModes no", "UsePAM no",
            "PermitRootLogin prohibit-password", "PasswordAuthentication no", "UseDNS no",
            "MaxStartups 100", "ForceCommand /bin/true",
            "SetEnv SHLVL=2")))  # root's bash, which runs it, reads no ~/.bashrc of this host's then
        return ["/usr/sbin/sshd", "-D", "-e", "-f", config]

    def _nginx(self):
        config = self._write("nginx.conf", f"""
daemon off;
user root;
worker_processes 1;
pid {self.directory}/nginx.pid;
error_log {self.directory}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {self.directory}/n1;
    proxy_temp_path {self.directory}/n2;
    fastcgi_temp_path {self.directory}/n3;
    uwsgi_temp_path {self.directory}/n4;
    scgi_temp_path {self.directory}/n5;
    server {{
        listen {HTTP};
        listen [::]:{HTTP};
        location / {{ default_type text/plain; return 200 "all is well\\n"; }}
    }}
}}
""")
        return ["nginx", "-c", config, "-e", f"{self.directory}/nginx.log"]

    @staticmethod
    def _telnetd():
        return ["busybox", "telnetd", "-F", "-p", TELNET, "-l", "/bin/login"]

    @staticmethod
    def _udp():
        return [sys.executable, "-B", os.path.join(HERE, "servers.py"), "udp", DNS]


class Tcpdump:
    """The device's own capture."""

    def __init__(self, namespace, directory, interface="eth0", expression="", snap=128):
        path = os.path.join(directory, f"{interface}.pcap")
        self.capture = capture.Capture(path)
        self._log = os.path.join(directory, f"tcpdump-{interface}.log")
        with open(self._log, "wb") as log:
            self.process = namespace.popen(
                ["tcpdump", "-i", interface, "-n", "-U", "-s", snap, "--immediate-mode",
                 "-B", 16384, "-Z", "root", "-w", path, expression], stdout=log, stderr=log)
        net.wait_for(lambda: "listening on" in self.log(), 10, "tcpdump to listen")

    def log(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def until(self, t, seconds=3):
        """All packets, the file having reached time t (Unix microseconds) or `seconds` passed."""
        try:
            net.wait_for(lambda: (self.capture.update() or [None])[-1]
                         and self.capture.packets[-1].t > t, seconds, "the capture to catch up")
        except net.Timeout:
            pass
        return self.capture.packets

    def stop(self):
        self.process.terminate()
        self.process.wait(5)


def processes(root):
    """The process `root` and all that descend from it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        if os.path.exists(f"/proc/{pid}"):
            found.append(pid)
        todo += children.get(pid, [])
    return found


def configuration(**sections):
    """configuration(output={"stdout": "none"}) as the text of a configuration file."""
    return "".join(f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
                   for name, keys in sections.items())


def wait_started(path, times=1):
    """Until its event file says so often that a source has started to watch."""
    file = events.EventFile(path)

    def starts():
        file.update()
        return [e for e in file.own if e.finding["phase"] == "started"]
    net.wait_for(lambda: os.path.exists(path) and len(starts()) >= times, 30, "the sensor to watch")


class Sensor:
    """mimamori-sensor run, in the device's namespace, with its events followed."""

    def __init__(self, namespace, directory, arguments=(), event_file=None, sections=None, under=(),
                 **popen):
        """under: a command that starts it, setpriv(1) for one."""
        self.namespace = namespace
        self.event_path = event_file or os.path.join(directory, "events.json")
        self.file = events.EventFile(self.event_path)
        self.config = os.path.join(directory, "mimamori.conf")
        self.log_path = os.path.join(directory, "sensor.log")
        wanted = {"sensor": {"device": "lab"},
                  # The lab's devices share this machine's logs, with each other too.
                  "guess": {"logs": "none"},
                  "output": {"event_file": self.event_path, "stdout": "none"}}
        if os.environ.get("MIMAMORI_SOURCE"):
            wanted["sensor"]["source"] = os.environ["MIMAMORI_SOURCE"]
        for name, keys in (sections or {}).items():
            wanted.setdefault(name, {}).update(keys)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(configuration(**wanted))
        before = self._packet_sockets()
        popen.setdefault("stdout", subprocess.DEVNULL)
        with open(self.log_path, "ab") as log:
            self.process = namespace.popen([*under, sensor_path(), "run", "--config", self.config,
                                            "--foreground", *arguments], stderr=log, **popen)
        self.wait_ready(before)

    def _packet_sockets(self):
        return {row[0] for row in sockets(self.namespace, "packet")}

    def wait_ready(self, before=frozenset()):
        """Until its own log says that it watches, and its packet socket runs if it has one."""
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the sensor ended with {self.process.returncode}: {self.log()}")
            found = READY.search(self.log())
            # Sources other than packet have no socket that is listed.
            return found and (found.group(1) != "packet" or self._packet_sockets() - set(before))
        net.wait_for(ready, 30, "the sensor to watch")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def events(self):
        return self.file.update()

    def pids(self):
        return processes(self.process.pid)

    def wait_event(self, wanted, seconds, what):
        """The first event that satisfies wanted(event)."""
        def look():
            if self.process.poll() is not None:
                raise RuntimeError(f"the sensor ended with {self.process.returncode}: {self.log()}")
            return next((e for e in self.events() if wanted(e)), None)
        return net.wait_for(look, seconds, what)

    def stop(self, seconds=5):
        """Asks it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
            raise RuntimeError("the sensor did not end on SIGTERM") from None


READY = re.compile(r"source (\w+); it cannot see")


class Client:
    """The benign client, and the proof that it was at work."""

    NEEDED = ("page", "parallel", "monitor", "ssh", "udp", "dead", "lan")

    def __init__(self, network, services, directory, addresses):
        self.status = os.path.join(directory, "client.json")
        self.address = {4: "10.7.0.3", 6: "fd07::3"}
        network.client.popen([sys.executable, "-B", os.path.join(HERE, "client.py"), *addresses,
                              "--", services.key, self.status],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def counts(self):
        try:
            with open(self.status, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def wait_working(self):
        def working():
            counts = self.counts()
            return all(counts.get(name) for name in self.NEEDED)
        try:
            net.wait_for(working, 20, "the client to do everything once")
        except net.Timeout as error:
            raise RuntimeError(f"{error}: {self.counts()}") from None
