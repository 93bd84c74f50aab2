# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Debian as a decoy's root: debootstrap's first stage here, the second in the machine that it is for.

Packages' own scripts are programs of the other architecture: they run in an emulated machine, which has the kernel
of Debian and no network. The first stage needs root: it makes devices. The disk is not the same byte by byte each
time: those scripts write dates.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable

from . import BuildError, hostkeys, make, packages, recipe, tree

FILES = recipe.COMMON / "debian"
MEMORY_MB = 512  # the second stage is quicker with more than the decoy has
SECOND_STAGE_S = 5400  # emulated, on a busy machine
LINES = 420  # that the second stage prints, about
DONE = "second stage: done"


def first_stage(what: recipe.Recipe, root: Path, tell: make.Tell) -> None:
    if os.geteuid() != 0:
        raise BuildError(f"{what.name}: a whole Debian as the root is made by debootstrap, which needs "
                         "to be root: build it as root, or another one")
    arch = what.get("debian")
    said = packages.apt(arch, "own", "mirror", [], root.parent).split()
    if len(said) != 3:
        raise BuildError("apt has no source of this Debian release configured")
    suite, mirror, keyring = said
    tell(0.0, "is fetched")
    tree.run(["debootstrap", "--foreign", f"--arch={arch}", "--variant=minbase",
              f"--keyring={keyring}", f"--include={what.get('include')}",
              f"--cache-dir={cache_of(root, what)}", suite, str(root), mirror])


def cache_of(root: Path, what: recipe.Recipe) -> str:
    folder = root.parent.parent / "work" / f"debs-{what.name}"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def prepare(what: recipe.Recipe, keys: hostkeys.Keys, root: Path) -> None:
    """Puts beside the unpacked packages what the second stage needs and the decoy keeps."""
    # Where it may not mount, as in a container, debootstrap links /proc to /proc.
    for name in ("proc", "sys", "dev"):
        if (root / name).is_symlink():
            (root / name).unlink()
            (root / name).mkdir()
    decoy = root / "etc" / "firstboot"
    decoy.mkdir()
    for name in ("inittab", "interfaces", "inetd.conf"):
        shutil.copyfile(FILES / name, decoy / name)
    (decoy / "hostname").write_text(what.hostname + "\n")
    banner = what.persona.get("persona", "banner", fallback="")
    (decoy / "issue.net").write_text(banner + "\n" if banner else "")
    (decoy / "accounts").write_text("".join(
        f"{name}:{password}\n" for name, password in what.accounts.items()))
    (decoy / "accounts").chmod(0o600)
    (decoy / "epoch").write_text(f"{int(time.time())}\n")
    (root / "etc" / "ssh").mkdir(exist_ok=True)
    for name, data in keys.items():
        (root / "etc" / "ssh" / name).write_bytes(data)
        (root / "etc" / "ssh" / name).chmod(0o644 if name.endswith(".pub") else 0o600)
    for name, mode in (("sbin/mfgd", 0o755), ("usr/share/udhcpc/default.script", 0o755),
                       ("var/www/index.html", 0o644)):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = (recipe.COMMON / "root" / name).read_bytes().replace(b"@HOSTNAME@", what.hostname.encode())
        target.write_bytes(tree.uncommented(data))
        target.chmod(mode)
    init = root / "sbin" / "init"  # the package of the real one replaces it
    init.unlink(missing_ok=True)
    init.write_bytes(tree.uncommented((FILES / "second-stage").read_bytes()))
    init.chmod(0o755)


def machine(what: recipe.Recipe, parts: Path, disk: Path) -> list[str]:
    """The decoy's own, unless build.conf names another."""
    profile, boot = what.profile["machine"], what.profile["boot"]
    other = what.get("second-stage-machine", "")
    place = what.get("second-stage-disk", profile["disk"])
    argv = [profile["qemu"], "-machine", other or profile["machine"],
            "-cpu", what.get("second-stage-cpu", profile["cpu"]), "-accel", "tcg",
            "-m", str(MEMORY_MB), "-display", "none", "-monitor", "none", "-serial", "stdio",
            "-no-reboot", "-net", "none", "-kernel", str(parts / "kernel"),
            "-initrd", str(parts / "initrd"),
            "-append", what.get("second-stage-append", boot["append"]) + " panic=1"]
    drive = f"file={disk},format=raw,cache=unsafe"
    if place.startswith("device "):
        argv += ["-drive", f"if=none,id=root,{drive}",
                 "-device", place.removeprefix("device ") + ",drive=root"]
    else:
        argv += ["-drive", f"if={place},{drive}"]
    if not other and (parts / "dtb").exists():
        argv += ["-dtb", str(parts / "dtb")]
    return argv


def watched(argv: list[str], limit_s: float, each: Callable[[str], None]) -> bool:
    """Runs a program and has `each` see every line of it. False: it took longer, also in silence, and was killed."""
    late = threading.Event()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          env={**os.environ, "QEMU_AUDIO_DRV": "none"}) as job:

        def end() -> None:
            late.set()
            job.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        try:
            for line in job.stdout:
                each(line)
        finally:
            timer.cancel()
            job.kill()
    return not late.is_set()


def second_stage(what: recipe.Recipe, parts: Path, disk: Path, log: Path, tell: make.Tell) -> None:
    seen: list[str] = []
    with log.open("w", buffering=1) as file:

        def each(line: str) -> None:
            file.write(line)
            seen.append(line)
            tell(0.2 + 0.8 * len(seen) / LINES, f"configures, {len(seen)} of about {max(LINES, len(seen))}")

        if not watched(machine(what, parts, disk), SECOND_STAGE_S, each):
            raise BuildError(f"{what.name}: the second stage took longer than {SECOND_STAGE_S} s, "
                             f"see {log}")
    if not any(DONE in line for line in seen):
        raise BuildError(f"{what.name}: the second stage failed, see {log}")


def shipped(root: Path) -> str:
    """Lines of the manifest for the packages that the first stage has fetched."""
    debs = sorted((root / "var" / "cache" / "apt" / "archives").glob("*.deb"))
    if not debs:
        raise BuildError("debootstrap has left no packages in var/cache/apt/archives")
    return "".join(f"{line}\n" for deb in debs for line in packages.describe(deb))


def build(what: recipe.Recipe, keys: hostkeys.Keys, parts: Path, out: Path,
          tell: make.Tell) -> None:
    log = out.parent / "locks" / f"{what.name}.log"
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        root, raw = Path(scratch, "root"), Path(scratch, "raw")
        first_stage(what, root, tell)
        (out / "packages").write_text(shipped(root))
        prepare(what, keys, root)
        tree.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E",
                             "lazy_itable_init=0", "-d", str(root), str(raw),
                             f"{what.get('disk-mb')}M"])
        shutil.rmtree(root)
        second_stage(what, parts, raw, log, tell)
        tree.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", str(raw),
                             str(out / "disk.qcow2")])
