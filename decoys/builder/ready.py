# SPDX-License-Identifier: GPL-2.0-or-later
"""A decoy's disk, and the folder that it is booted from."""

import filecmp
import re
import shutil
from pathlib import Path

from . import BuildError, hostkeys, packages, processors, recipe, root, sentence, tree
from .store import hash_file

EMULATORS = {"arm": "qemu-arm-static", "mips": "qemu-mips-static", "mipsel": "qemu-mipsel-static",
             "sparc": "qemu-sparc64-static", "ppc": "qemu-ppc-static", "sh4": "qemu-sh4-static"}
SERIAL_LENGTH = 16


def disk(what: recipe.Recipe, keys: hostkeys.Keys, date: int, parts: dict[str, Path],
         out: Path) -> None:
    """`parts`: where in the guest -> file; "busybox" and "" (a folder of files, if it is there) apart."""
    parts = dict(parts)
    folder = parts.pop("", None)
    if folder and folder.is_dir():
        parts.update({str(path.relative_to(folder)): path for path in sorted(folder.rglob("*"))
                      if path.is_file()})
    files = root.busybox_root(what, keys, parts["busybox"], EMULATORS[what.architecture],
                              "usr/sbin/dropbear" in parts)
    for name, path in parts.items():
        if name != "busybox":
            files.file(name, path.read_bytes(), 0o755)
    if "usr/sbin/dropbear" in parts:
        # Ours is one program of several names.
        for name in ("dropbearkey", "scp") if folder is None else ():
            files.link(f"usr/bin/{name}", "/usr/sbin/dropbear")
        files.folder("etc/dropbear", 0o700)
        for name, data in keys.items():
            files.file(f"etc/dropbear/{name}", data, 0o600)
    tree.ext4(files, hostkeys.derived(keys, "file system"), date, int(what.get("disk-mb")),
              out / "disk.qcow2")


def profile(what: recipe.Recipe, keys: hostkeys.Keys) -> str:
    """profile.conf; the disk's serial number, whose beginning is the maker's, gets digits of this machine."""
    digits = str(int.from_bytes(hostkeys.derived(keys, "serial number"), "big"))

    def whole(match: re.Match) -> str:
        return match[0] + digits[-(SERIAL_LENGTH - len(match[1])):]

    return re.sub(r"^disk-serial = (\w+)$", whole, (what.folder / "profile.conf").read_text(),
                  flags=re.MULTILINE)


def aggregate(manifest: list[str]) -> str:
    """The licences of all that a disk has on it: those of the packages but compilers, and ours."""
    parts = (line.split("\t") for line in manifest)
    found = {"GPL-2", *(licence for name, _, _, licence in parts
                        if not name.startswith(("gcc-", "cpp-")))}
    if any(licence.startswith("see ") for licence in found):
        return "see /usr/share/doc on it"
    return ", ".join(sorted(found))


def same(draft: Path, final: Path) -> bool:
    """All of the draft's files are there, with the same bytes, for the same readers."""
    return all(there.is_file() and there.stat().st_mode == path.stat().st_mode
               and filecmp.cmp(path, there, shallow=False)
               for path, there in ((path, final / path.name) for path in draft.iterdir()))


def assemble(what: recipe.Recipe, keys: hostkeys.Keys, files: dict[str, Path], manifest: list[str],
             out: Path) -> None:
    """Puts a decoy that is ready to boot into `out`/NAME, whole or not at all. One that is the same already stays, and with
    it what mimamori-decoy keeps beside it."""
    draft, final, old = out / f".{what.name}.new", out / what.name, out / f".{what.name}.old"
    out.mkdir(parents=True, exist_ok=True)
    for stale in (draft, old):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        draft.mkdir()
        (draft / "profile.conf").write_text(profile(what, keys))
        shutil.copyfile(what.folder / "persona.conf", draft / "persona.conf")
        lines = list(dict.fromkeys(manifest))
        # BusyBox in an initrd has Debian's C library in it.
        licences = {"disk.qcow2": aggregate(manifest), "initrd": "GPL-2, LGPL-2.1+"}
        for name, path in sorted(files.items()):
            shutil.copy(path, draft / name)
            if name == "dtb":
                processors.keep_one(draft / name)
            lines.append(str(packages.Package(name, "built", hash_file(draft / name),
                                              licences.get(name, "GPL-2"))))
        (draft / "manifest").write_text("name\tversion\tsha256\tlicence\n" + "\n".join(lines) + "\n")
        for path in draft.iterdir():
            path.chmod(0o644)  # whatever the umask was when the cache's were made
        if same(draft, final):
            return
        if final.exists():
            final.rename(old)
        draft.rename(final)
    except OSError as error:
        raise BuildError(f"{final} cannot be put there: {sentence(error, final)}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
