# SPDX-License-Identifier: GPL-2.0-or-later
"""A decoy's disk, and the folder that it is booted from."""

import shutil
import subprocess
from pathlib import Path

from . import BuildError, packages, recipe, root, tree
from .store import hash_file

EMULATORS = {"arm": "qemu-arm-static", "mips": "qemu-mips-static", "mipsel": "qemu-mipsel-static",
             "sparc": "qemu-sparc64-static", "ppc": "qemu-ppc-static", "sh4": "qemu-sh4-static"}
KEY_TYPES = {"ed25519": [], "rsa": ["-s", "2048"]}


def host_keys(name: str, folder: Path) -> dict[str, bytes]:
    """The ssh keys of this decoy of this machine, made when first asked for and kept from then on.

    In the image, since a decoy that made them at boot would have others after each cold start; of this
    machine alone, since keys that all installations share would tell a decoy by one look.
    """
    keys = {}
    mine = folder / name
    mine.mkdir(parents=True, exist_ok=True, mode=0o700)
    for kind, more in KEY_TYPES.items():
        path = mine / f"dropbear_{kind}_host_key"
        if not path.exists():
            draft = path.with_suffix(".new")
            draft.unlink(missing_ok=True)
            done = subprocess.run(["dropbearkey", "-t", kind, "-f", str(draft), *more],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                raise BuildError(f"dropbearkey failed: {done.stderr.strip()}")
            draft.rename(path)
        keys[path.name] = path.read_bytes()
    return keys


def disk(what: recipe.Recipe, keys: dict[str, bytes], parts: dict[str, Path], out: Path) -> None:
    """`parts`: where in the guest -> file; "busybox" and "" (a folder of files, if it is there) apart."""
    parts = dict(parts)
    folder = parts.pop("", None)
    if folder and folder.is_dir():
        parts.update({str(path.relative_to(folder)): path for path in sorted(folder.rglob("*"))
                      if path.is_file()})
    files = root.busybox_root(what, parts["busybox"], EMULATORS[what.architecture],
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
    tree.ext4(files, what.name, int(what.get("disk-mb")), out / "disk.qcow2")


def assemble(what: recipe.Recipe, files: dict[str, Path], manifest: list[str], out: Path) -> None:
    """Puts a decoy that is ready to boot into `out`/NAME, whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    draft, final, old = (out / f".{what.name}{end}" for end in (".new", "", ".old"))
    final = out / what.name
    for stale in (draft, old):
        shutil.rmtree(stale, ignore_errors=True)
    draft.mkdir()
    try:
        for name in ("profile.conf", "persona.conf"):
            shutil.copyfile(what.folder / name, draft / name)
        for name, path in files.items():
            (draft / name).parent.mkdir(exist_ok=True)
            shutil.copy(path, draft / name)
        lines = list(manifest)
        for name in sorted(files):
            lines.append(str(packages.Package(name, "built", hash_file(draft / name), "GPL-2")))
        (draft / "manifest").write_text("name\tversion\tsha256\tlicence\n" + "\n".join(lines) + "\n")
        if final.exists():
            final.rename(old)
        draft.rename(final)
    except OSError as error:
        raise BuildError(f"{final}: {error}; is its disk full?") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
