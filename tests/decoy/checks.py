# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to hold in a decoy: one function each, which returns what it saw or raises what is wrong."""

import contextlib
import hashlib
import os
import re
import socket

from machine import HOST4, HOST6, MachineError
from telnet import Telnet

BOOT_MAX_S, RSS_MAX_MB = 15, 140
DEBIANS_RSS_MAX_MB = 220  # its kernel and all its modules are larger
FILE_BYTES = 1 << 20
LINE_BYTES = 128  # of one echo, as Mirai's loader has it
TRANSFER_LIMIT_S = 90

# Which of decoys/programs a decoy has to run.
PROGRAMS = {
    "arm": ["arm-eabi7", "arm-eabi5", "arm-oabi"],
    "mips": ["mips-mips1", "mips-mips32r2"],
    "mipsel": ["mipsel-mips1", "mipsel-mips32r2"],
    "sparc": ["sparc-v8"],
    "ppc": ["ppc-ppc32"],
    "sh4": ["sh4-sh4"],
}
# Debian's own ARM kernel knows no OABI: what it says to such a program is a crash, not a line.
NOT_IN_DEBIANS = ["arm-oabi"]


def need(condition, reason):
    if not condition:
        raise MachineError(reason)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def waited_seconds(pid):
    """What its threads waited for a processor (src/decoy/run-delay.h)."""
    waited = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            waited += int(file.read().split()[1])
    return waited / 1e9


def boots(machine, _things):
    """The bar is meant for idle cores: what it waited for a busy host's does not count; what it waited otherwise does."""
    wall = machine.wait_login()
    alone = max(wall - waited_seconds(machine.qemu.pid), cpu_seconds(machine.qemu.pid))
    said = f"{wall:.1f} s, without waiting for a processor {alone:.1f} s"
    need(alone <= BOOT_MAX_S, said)
    return said


def session(machine, user="user", family=4, limit_s=30):
    telnet = Telnet(machine.address(family), 23, limit_s)
    telnet.login(user, machine.password(user))
    return telnet


def logins(machine, _things):
    with session(machine) as telnet:
        need(telnet.prompt == b"$ ", "a user's prompt is root's")
        need(telnet.must("id -u") != "0", "user is root")
        telnet.su(machine.password("root"))
        need(telnet.must("id -u") == "0", "su does not make root")
    with session(machine, "root") as telnet:
        need(telnet.prompt == b"# ", "root's prompt is a user's")
        need(telnet.must("id -u") == "0", "root is not root")
    with Telnet(machine.address(4)) as telnet:
        telnet.until(b"login: ")
        telnet.send("user\r\n")
        telnet.until(b"assword: ")
        telnet.send("wrong\r\n")
        telnet.until(b"ncorrect")
    return "user, su, root; a wrong password is refused"


def _md5(telnet, path):
    return telnet.must(f"md5sum {path}", TRANSFER_LIMIT_S).split()[0]


def transfers(machine, things, family):
    """Each way an attacker brings a file, as user, into /tmp; and nc back out."""
    machine.wait_address6()
    host = {4: HOST4, 6: HOST6}[family]
    url = host if family == 4 else f"[{host}]"
    wanted = hashlib.md5(things.payload).hexdigest()
    ways = {
        "wget": f"wget -q http://{url}/payload -O got",
        "tftp": f"tftp -g -l got -r payload {host}",
        "ftpget": f"ftpget -u anonymous -p a {host} got payload",
        "nc": f"nc {host} {things.servers.GIVE} </dev/null >got",
    }
    with session(machine, family=family, limit_s=TRANSFER_LIMIT_S) as telnet:
        telnet.must("cd /tmp")
        for name, command in ways.items():
            telnet.must("rm -f got")
            status, output = telnet.run(command, TRANSFER_LIMIT_S)
            need(status == 0, f"{name} ended with {status}: {output[-200:]}")
            need(_md5(telnet, "got") == wanted, f"what {name} brought is not what was sent")
        telnet.must(f"nc {host} {things.servers.TAKE} <got >/dev/null", TRANSFER_LIMIT_S)
        need(things.servers.take() == things.payload, "what nc sent is not what was there")
        telnet.must("rm -f got")
    return f"{', '.join(ways)}, nc out: {FILE_BYTES} bytes, IPv{family}"


def _echo(data):
    return "echo -ne '" + "".join(f"\\x{byte:02x}" for byte in data) + "' >> got\r\n"


def echoes(machine, things):
    """
    As a loader types a program, at the prompt. Line editing costs the guest some 50 us a character, so most often it is
    but the beginning.
    """
    typed = things.payload[:things.typed_bytes]
    with session(machine, limit_s=TRANSFER_LIMIT_S) as telnet:
        telnet.must("cd /tmp && >got")
        for at in range(0, len(typed), 4 * LINE_BYTES):  # four lines are on their way at once
            lines = [typed[i:i + LINE_BYTES] for i in range(at, min(at + 4 * LINE_BYTES, len(typed)),
                                                            LINE_BYTES)]
            telnet.send("".join(map(_echo, lines)))
            for _ in lines:
                telnet.until(re.compile(rb"got\r?\n[^\n]*[$] "), TRANSFER_LIMIT_S)
        need(_md5(telnet, "got") == hashlib.md5(typed).hexdigest(), "echo -ne did not bring the bytes")
        telnet.must("rm -f got")
    return f"{len(typed)} bytes typed"


def networks(machine, _things):
    """Both families, both ways; what stands open besides telnet."""
    machine.wait_address6()
    for family in (4, 6):
        with socket.create_connection((machine.address(family), 80), timeout=20) as page:
            page.sendall(b"GET / HTTP/1.0\r\n\r\n")
            head = page.recv(512)
            need(head.startswith(b"HTTP/1."), f"port 80, IPv{family}: {head[:60]!r}")
        if machine.has_ssh:
            with socket.create_connection((machine.address(family), 22), timeout=20) as shell:
                banner = shell.recv(64)
                need(banner.startswith(b"SSH-2.0-"), f"port 22, IPv{family}: {banner[:60]!r}")
    with session(machine, "root", 6) as telnet:
        telnet.must(f"ping -c 2 {HOST4}")
        telnet.must(f"ping6 -c 2 {HOST6} || ping -6 -c 2 {HOST6}")
    return f"{machine.address(4)}, {machine.address(6)}: telnet, http{', ssh' * machine.has_ssh}; ping out"


def survey(machine, _things):
    """What an attacker's script asks before it brings anything: answers as a device gives them."""
    with session(machine) as telnet:
        status, output = telnet.run("/bin/busybox MIMAMORI")
        need("applet not found" in output and status == 127, f"busybox: {status} {output}")
        magic = telnet.must("dd if=/bin/busybox bs=22 count=1 2>/dev/null | hexdump -C | head -n 2")
        need("7f 45 4c 46" in magic, f"/bin/busybox begins with {magic}")
        name = machine.persona["persona"]["hostname"]
        for command, word in {"cat /proc/mounts": " / ", "ps": "init", "cat /proc/cpuinfo": ":", "mount": " on / ",
                              "uname -a": f"Linux {name} "}.items():
            output = telnet.must(command)
            need(word in output, f"{command}: no {word!r} in {output[-200:]!r}")
        telnet.must("cat /bin/echo >/dev/null")
        need(telnet.must("hostname") == name, "not its own name")
        telnet.must("cd /tmp && cp /bin/echo .x && >.x && chmod 777 .x && rm .x")
        telnet.su(machine.password("root"))
        telnet.must("cd / && echo kept >/root/.x && cat /root/.x && rm /root/.x")
        telnet.must("mkdir -p /mnt/x && mount -t tmpfs none /mnt/x && umount /mnt/x")
    return "busybox, its head, mounts, processes, a writable disk"


def programs(machine, things):
    """As malware is built: by user and by root."""
    names = PROGRAMS[machine.architecture]
    if machine.is_debians:
        names = [name for name in names if name not in NOT_IN_DEBIANS]
    lines = []
    for user, raw in (("user", "raw=no"), ("root", "raw=yes")):
        with session(machine, user, limit_s=TRANSFER_LIMIT_S) as telnet:
            for name in names:
                telnet.must("cd /tmp")
                telnet.must(f"wget -q http://{HOST4}/probe-{name} -O p && chmod 777 p")
                status, output = telnet.run("./p")
                right = output.startswith(f"mimamori-probe {name.replace('-', ' ', 1)} ok ")
                need(status == 0 and right and raw in output, f"{name}, {user}: {status} {output}")
                need(telnet.run("ls p")[0] != 0, f"{name} is still there")
                lines.append(output)
    return f"{', '.join(names)}: {lines[-1]}"


def memory(machine, _things):
    rss = machine.rss_mb()
    most = DEBIANS_RSS_MAX_MB if machine.is_debians else RSS_MAX_MB
    need(rss <= most, f"{rss:.0f} MB, more than {most}")
    return f"{rss:.0f} MB after all this"


CHECKS = {
    "boots": boots,
    "logins": logins,
    "networks": networks,
    "survey": survey,
    "transfers-4": lambda machine, things: transfers(machine, things, 4),
    "transfers-6": lambda machine, things: transfers(machine, things, 6),
    "echo": echoes,
    "programs": programs,
    "memory": memory,
}
# What mimamori-decoy's own check does likewise, as root and with QEMU's own network (tests/decoy/native).
NATIVE_HAS = ["transfers-4"]
