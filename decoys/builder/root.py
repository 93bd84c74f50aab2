# SPDX-License-Identifier: GPL-2.0-or-later
"""The file tree of a decoy: BusyBox and its names, accounts, the persona, what starts at boot."""

import hashlib
import subprocess
from pathlib import Path

from . import BuildError, recipe, tree

# Where the names stand that scripts give with their path; all others are in /usr/bin.
BIN = """ash busybox cat chgrp chmod chown cp date dd df dmesg echo egrep false fgrep grep gunzip gzip
	hostname kill ln login ls mkdir mknod mktemp more mount mountpoint mv netstat nice pidof ping
	ping6 ps pwd rm rmdir sed sh sleep stat stty su sync tar touch true umount uname usleep vi
	watch zcat""".split()
SBIN = """arp freeramdisk fsfreeze getty halt hwclock ifconfig ifdown ifup init insmod ip klogd
	losetup lsmod makedevs mdev mkswap modprobe pivot_root poweroff reboot rmmod route
	start-stop-daemon sulogin swapoff swapon switch_root sysctl syslogd udhcpc vconfig
	watchdog""".split()
USR_SBIN = "brctl chroot crond fbset ftpd httpd inetd rdate telnetd tftpd udhcpd".split()
# Of Debian's build: what no device would have.
LEFT_OUT = """bash busybox dpkg dpkg-deb linuxrc mim rpm rpm2cpio run-init nuke
	svc svok ubirename""".split()


def place_of(applet: str) -> str:
    folder = ("bin" if applet in BIN else "sbin" if applet in SBIN else
              "usr/sbin" if applet in USR_SBIN else "usr/bin")
    return f"{folder}/{applet}"


def applets(emulator: str, busybox: Path) -> list[str]:
    """What this BusyBox says that it can do."""
    done = subprocess.run([emulator, str(busybox), "--list"], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BuildError(f"{emulator} cannot run {busybox}: {done.stderr.strip()[-200:]}")
    return [name for name in done.stdout.split() if name not in LEFT_OUT]


def hashed(password: str, salt: str) -> str:
    """MD5-crypt, as devices have it: crypt(3) of every C library knows it."""
    return subprocess.run(["openssl", "passwd", "-1", "-salt", salt, "-stdin"], input=password,
                          capture_output=True, text=True, check=True).stdout.strip()


def add_accounts(root: tree.Tree, what: recipe.Recipe) -> None:
    passwd, group = [], ["root:x:0:"]
    number = 1000
    for name, password in what.accounts.items():
        # The salt is no secret here, and the image has to come out the same each time.
        salt = hashlib.sha256(f"{what.name} {name}".encode()).hexdigest()[:8]
        ids, home = (0, "/root") if name == "root" else (number, f"/home/{name}")
        passwd.append(f"{name}:{hashed(password, salt)}:{ids}:{ids}:{name}:{home}:/bin/sh")
        root.folder(home[1:], 0o700 if name == "root" else 0o755, ids)
        if ids:
            group.append(f"{name}:x:{ids}:")
            number += 1
    group.append("tty:x:5:")
    passwd.append("nobody:*:65534:65534:nobody:/var:/bin/false")
    group.append("nogroup:x:65534:")
    root.file("etc/passwd", "\n".join(passwd) + "\n")
    root.file("etc/group", "\n".join(group) + "\n")


def busybox_root(what: recipe.Recipe, busybox: Path, emulator: str) -> tree.Tree:
    root = tree.Tree()
    for name in ("dev", "proc", "sys", "mnt", "home", "etc", "bin", "sbin", "usr/bin", "usr/sbin",
                 "var/run", "var/log", "lib"):
        root.folder(name)
    root.folder("tmp", 0o1777)
    root.folder("var/tmp", 0o1777)
    names = {"HOSTNAME": what.hostname, "BANNER": what.persona.get("persona", "banner", fallback="")}
    root.add(recipe.COMMON / "root", **names)
    root.file("etc/hostname", what.hostname + "\n")
    root.file("etc/issue.net", names["BANNER"] + "\n" if names["BANNER"] else "")
    add_accounts(root, what)
    root.file("bin/busybox", busybox.read_bytes(), 0o4755)  # su needs it
    for applet in applets(emulator, busybox):
        place = place_of(applet)
        if place not in root.nodes:
            root.link(place, "/bin/busybox" if not place.startswith("bin/") else "busybox")
    return root
