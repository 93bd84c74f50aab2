# SPDX-License-Identifier: GPL-2.0-or-later
"""The file tree of a decoy: BusyBox and its names, accounts, the persona, what starts at boot."""

import base64
import os
import subprocess
from pathlib import Path

from . import BuildError, hostkeys, recipe, tree

# Of Debian's build: what no device would have.
LEFT_OUT = """bash busybox dpkg dpkg-deb linuxrc mim rpm rpm2cpio run-init nuke
	svc svok ubirename""".split()


def applets(emulator: str, busybox: Path) -> list[str]:
    """What this BusyBox says that it can do: paths without the first slash."""
    done = subprocess.run([emulator, str(busybox), "--list-full"], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BuildError(f"{emulator} cannot run {busybox}: {done.stderr.strip()[-200:]}")
    return [path for path in done.stdout.split() if os.path.basename(path) not in LEFT_OUT]


def hashed(password: str, salt: str) -> str:
    """MD5-crypt, as devices have it: crypt(3) of every C library knows it."""
    return subprocess.run(["openssl", "passwd", "-1", "-salt", salt, "-stdin"], input=password,
                          capture_output=True, text=True, check=True).stdout.strip()


def add_accounts(root: tree.Tree, what: recipe.Recipe, keys: hostkeys.Keys) -> None:
    passwd, group = [], ["root:x:0:"]
    number = 1000
    for name, password in what.accounts.items():
        # The image has to come out the same each time, but not the same as elsewhere.
        salt = base64.b64encode(hostkeys.derived(keys, f"salt {name}"), b"./")[:8].decode()
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


def busybox_root(what: recipe.Recipe, keys: hostkeys.Keys, busybox: Path, emulator: str,
                 ssh: bool) -> tree.Tree:
    root = tree.Tree()
    for name in ("dev", "proc", "sys", "mnt", "home", "etc", "bin", "sbin", "usr/bin", "usr/sbin",
                 "var/run", "var/log", "lib"):
        root.folder(name)
    root.folder("tmp", 0o1777)
    root.folder("var/tmp", 0o1777)
    names = {"HOSTNAME": what.hostname, "BANNER": what.persona.get("persona", "banner", fallback="")}
    root.add(recipe.COMMON / "root", **names)
    if ssh:
        inittab = root.nodes["etc/inittab"].data.decode()
        root.file("etc/inittab", inittab + "::respawn:/usr/sbin/dropbear -F\n")
    root.file("etc/hostname", what.hostname + "\n")
    root.file("etc/issue.net", names["BANNER"] + "\n" if names["BANNER"] else "")
    add_accounts(root, what, keys)
    root.file("bin/busybox", busybox.read_bytes(), 0o4755)  # su needs it
    for place in applets(emulator, busybox):
        if place not in root.nodes:
            root.link(place, "busybox" if place.startswith("bin/") else "/bin/busybox")
    return root
