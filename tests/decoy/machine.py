# SPDX-License-Identifier: GPL-2.0-or-later
"""A decoy under QEMU itself, without mimamori-decoy: what its folder is worth by itself.

                  +------------------------- network namespace -------------------------+
  decoy eth0 <----+--> tap0  10.0.2.2/24, fd00:2::2/64: dnsmasq (DHCP, RA, TFTP), servers |
                  +---------------------------------------------------------------------+
"""

import configparser
import contextlib
import os
import secrets
import socket
import subprocess
import time

from telnet import Telnet, TelnetError

HOST4, HOST6 = "10.0.2.2", "fd00:2::2"
TAP = "tap0"
BOOT_LIMIT_S = 120  # a loaded machine; what must hold is judged by the table


class MachineError(Exception):
    """The decoy did not do what it has to."""


def read(path):
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    with open(path, encoding="utf-8") as file:
        parser.read_file(file)
    return parser


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


class Link:
    """The namespace's side: the caller has made the namespace (unshare)."""

    def __init__(self, folder, served):
        run("ip", "link", "set", "lo", "up")
        run("ip", "tuntap", "add", TAP, "mode", "tap")
        run("ip", "addr", "add", f"{HOST4}/24", "dev", TAP)
        run("ip", "addr", "add", f"{HOST6}/64", "dev", TAP, "nodad")
        run("ip", "link", "set", TAP, "up")
        self.leases = os.path.join(folder, "leases")
        self.log = open(os.path.join(folder, "dnsmasq.log"), "w", encoding="utf-8")
        self.dnsmasq = subprocess.Popen(  # pylint: disable=consider-using-with
            ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root",
             f"--interface={TAP}", "--bind-dynamic", "--dhcp-authoritative", "--no-ping",
             "--dhcp-range=10.0.2.15,10.0.2.99,1h", f"--dhcp-option=3,{HOST4}",
             f"--dhcp-leasefile={self.leases}", "--enable-ra",
             "--dhcp-range=fd00:2::,ra-only", "--enable-tftp", f"--tftp-root={served}"],
            stdout=self.log, stderr=self.log)

    def addresses(self, mac):
        """(IPv4, IPv6) of the decoy with this link address; None where it has none yet."""
        four = None
        with contextlib.suppress(OSError), open(self.leases, encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if len(words) > 2 and words[1] == mac:
                    four = words[2]
        octets = [int(part, 16) for part in mac.split(":")]
        octets[0] ^= 2
        eui = octets[:3] + [0xFF, 0xFE] + octets[3:]
        six = "fd00:2::" + ":".join(f"{eui[i] << 8 | eui[i + 1]:x}" for i in range(0, 8, 2))
        return four, six

    def close(self):
        self.dnsmasq.terminate()
        self.dnsmasq.wait()
        self.log.close()


class Machine:
    """A decoy, booted on an overlay of its disk."""

    def __init__(self, images, name, link, scratch):
        self.folder = os.path.join(images, name)
        self.name, self.link, self.scratch = name, link, scratch
        self.profile = read(os.path.join(self.folder, "profile.conf"))
        self.persona = read(os.path.join(self.folder, "persona.conf"))
        self.mac = self.persona["persona"]["mac-prefix"] + "".join(
            f":{byte:02x}" for byte in secrets.token_bytes(3))
        self.qemu, self.started, self.boot_s = None, 0.0, None

    def password(self, user):
        return self.persona["accounts"][user]

    @property
    def architecture(self):
        return self.profile["decoy"]["architecture"]

    def command(self):
        machine, boot = self.profile["machine"], self.profile["boot"]
        overlay = os.path.join(self.scratch, self.name + ".qcow2")
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
            os.path.join(os.path.abspath(self.folder), "disk.qcow2"), overlay)
        argv = [machine["qemu"], "-accel", "tcg,tb-size=32", "-M", machine["machine"], "-cpu", machine["cpu"],
                "-m", machine["memory-mb"], "-display", "none", "-monitor", "none",
                "-kernel", os.path.join(self.folder, boot["kernel"]), "-append", boot["append"]]
        for word in ("initrd", "dtb"):
            if boot.get(word):
                argv += ["-" + word, os.path.join(self.folder, boot[word])]
        for role in machine["serial"].split():
            where = f"file:{self.scratch}/{self.name}.console" if role == "console" else "null"
            device = machine.get("recorder", "").removeprefix("device ")
            if role != "recorder" or not device:
                argv += ["-serial", where]
        kind, _, model = machine["disk"].partition(" ")
        drive = f"file={overlay},format=qcow2,cache=unsafe"
        if kind == "device":
            argv += ["-drive", drive + ",if=none,id=disk", "-device", model + ",drive=disk"]
        else:
            argv += ["-drive", f"{drive},if={kind}"]
        tap = f"tap,ifname={TAP},script=no,downscript=no"
        kind, _, model = machine["nic"].partition(" ")
        if kind == "device":
            argv += ["-netdev", tap + ",id=net", "-device", f"{model},netdev=net,mac={self.mac}"]
        else:
            argv += ["-nic", f"{tap},model={model},mac={self.mac}"]
        return argv

    def start(self):
        argv = self.command()
        self.started = time.monotonic()
        with open(os.path.join(self.scratch, self.name + ".qemu"), "wb") as log:
            self.qemu = subprocess.Popen(  # pylint: disable=consider-using-with
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "QEMU_AUDIO_DRV": "none"})

    def said(self):
        """The ends of what QEMU and the console said."""
        texts = []
        for name in (self.name + ".qemu", self.name + ".console", "dnsmasq.log"):
            with contextlib.suppress(OSError), open(os.path.join(self.scratch, name), "rb") as file:
                texts.append(file.read()[-400:].decode("latin-1"))
        return " ".join(" ".join(texts).split())

    def check_alive(self):
        if self.qemu.poll() is not None:
            raise MachineError(f"QEMU ended with {self.qemu.returncode}: {self.said()}")

    def wait_login(self):
        """Waits for telnet's prompt; the seconds since the start."""
        while time.monotonic() - self.started < BOOT_LIMIT_S:
            self.check_alive()
            four, _ = self.link.addresses(self.mac)
            if four:
                with contextlib.suppress(OSError, TelnetError), Telnet(four, 23, 5) as telnet:
                    telnet.until(b"login: ", 5)
                    self.boot_s = time.monotonic() - self.started
                    return self.boot_s
            time.sleep(0.05)
        raise MachineError(f"no login within {BOOT_LIMIT_S} s: {self.said()}")

    def address(self, family):
        return self.link.addresses(self.mac)[0 if family == 4 else 1]

    def wait_address6(self, limit_s=15):
        """Its own address of the announced prefix answers."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(
                    (self.address(6), 23), timeout=2):
                return
            time.sleep(0.1)
        raise MachineError(f"telnet at {self.address(6)} does not answer")

    def rss_mb(self):
        with open(f"/proc/{self.qemu.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        raise MachineError("QEMU has no memory: it is gone")

    def stop(self):
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
