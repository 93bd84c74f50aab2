# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Debian as a decoy's root: debootstrap's first stage here, the second in the machine that it is for.

Packages' own scripts are programs of the other architecture: they run in an emulated machine, which has the kernel
of Debian and no network. The disk is not the same byte by byte each time: those scripts write dates.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from . import BuildError, make, packages, recipe, sources

FILES = recipe.COMMON / "debian"
MEMORY_MB = 512  # the second stage is quicker with more than the decoy has
SECOND_STAGE_S = 5400  # emulated, on a busy machine
LINES = 420  # that the second stage prints, about
DONE = "second stage: done"


def first_stage(what: recipe.Recipe, root: Path, tell: make.Tell) -> None:
    arch = what.get("debian")
    said = packages.apt(arch, "own", "mirror", [], root.parent).split()
    if len(said) != 3:
        raise BuildError("apt has no source of this Debian release configured")
    suite, mirror, keyring = said
    tell(0.0, "is fetched")
    sources.Sources.run(["debootstrap", "--foreign", f"--arch={arch}", "--variant=minbase",
                         f"--keyring={keyring}", f"--include={what.get('include')}",
                         f"--cache-dir={cache_of(root, what)}", suite, str(root), mirror])


def cache_of(root: Path, what: recipe.Recipe) -> str:
    folder = root.parent.parent / "work" / f"debs-{what.name}"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def ssh_keys(name: str, folder: Path) -> dict[str, Path]:
    """As ready.host_keys, in OpenSSH's own form."""
    mine = folder / name
    mine.mkdir(parents=True, exist_ok=True, mode=0o700)
    for kind in ("ed25519", "rsa"):
        path = mine / f"ssh_host_{kind}_key"
        if not path.exists():
            draft = mine / "draft"
            for stale in (draft, mine / "draft.pub"):
                stale.unlink(missing_ok=True)
            sources.Sources.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "",
                                 "-f", str(draft)])
            (mine / "draft.pub").rename(mine / f"{path.name}.pub")
            draft.rename(path)
    return {path.name: path for path in sorted(mine.glob("ssh_host_*"))}


def prepare(what: recipe.Recipe, keys: dict[str, Path], root: Path) -> None:
    """Puts beside the unpacked packages what the second stage needs and the decoy keeps."""
    # Where it may not mount, as in a container, debootstrap links /proc to /proc.
    for name in ("proc", "sys", "dev"):
        if (root / name).is_symlink():
            (root / name).unlink()
            (root / name).mkdir()
    decoy = root / "etc" / "decoy"
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
    for name, path in keys.items():
        shutil.copy(path, root / "etc" / "ssh" / name)
        (root / "etc" / "ssh" / name).chmod(0o644 if name.endswith(".pub") else 0o600)
    for name, mode in (("sbin/netwatch", 0o755), ("usr/share/udhcpc/default.script", 0o755),
                       ("var/www/index.html", 0o644)):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (recipe.COMMON / "root" / name).read_text().replace("@HOSTNAME@", what.hostname)
        target.write_text(text)
        target.chmod(mode)
    init = root / "sbin" / "init"  # the package of the real one replaces it
    init.unlink(missing_ok=True)
    shutil.copy(FILES / "second-stage", init)


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
            "-append", what.get("second-stage-append", boot["append"])]
    drive = f"file={disk},format=raw,cache=unsafe"
    if place.startswith("device "):
        argv += ["-drive", f"if=none,id=root,{drive}",
                 "-device", place.removeprefix("device ") + ",drive=root"]
    else:
        argv += ["-drive", f"if={place},{drive}"]
    if not other and (parts / "dtb").exists():
        argv += ["-dtb", str(parts / "dtb")]
    return argv


def second_stage(what: recipe.Recipe, parts: Path, disk: Path, log: Path, tell: make.Tell) -> None:
    until, count, done = time.monotonic() + SECOND_STAGE_S, 0, False
    with log.open("w", buffering=1) as file, subprocess.Popen(
            machine(what, parts, disk), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, "QEMU_AUDIO_DRV": "none"}) as job:
        try:
            for line in job.stdout:
                file.write(line)
                count += 1
                done |= DONE in line
                tell(0.2 + 0.8 * count / LINES, f"configures, {count} of about {max(LINES, count)}")
                if time.monotonic() > until:
                    raise BuildError(f"{what.name}: the second stage took too long, see {log}")
        finally:
            job.kill()
    if not done:
        raise BuildError(f"{what.name}: the second stage failed, see {log}")


def build(what: recipe.Recipe, keys: dict[str, Path], parts: Path, out: Path,
          tell: make.Tell) -> None:
    log = out.parent / "locks" / f"{what.name}.log"
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        root, raw = Path(scratch, "root"), Path(scratch, "raw")
        first_stage(what, root, tell)
        prepare(what, keys, root)
        sources.Sources.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E",
                             "lazy_itable_init=0", "-d", str(root), str(raw),
                             f"{what.get('disk-mb')}M"])
        shutil.rmtree(root)
        second_stage(what, parts, raw, log, tell)
        sources.Sources.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", str(raw),
                             str(out / "disk.qcow2")])
