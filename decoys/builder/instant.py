# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel, initial RAM disk and BusyBox of a decoy from Debian's own packages: no compiler is needed."""

import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from . import BuildError, packages, recipe, tree


def ordered_modules(root: Path, version: str, wanted: list[str]) -> list[Path]:
    """The files of these modules and of all that they need, each after those that it needs."""
    subprocess.run(["depmod", "-b", str(root), version], check=True, capture_output=True)
    base = root / "lib" / "modules" / version
    needs: dict[str, list[str]] = {}
    for line in (base / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    builtin = {Path(line).stem for line in (base / "modules.builtin").read_text().splitlines()}
    found: list[Path] = []

    def add(path: str) -> None:
        # depmod writes all of them, not only the nearest, the deepest last
        for other in reversed(needs[path]):
            add(other)
        if base / path not in found:
            found.append(base / path)

    for name in wanted:
        if name in builtin:
            continue
        paths = [path for path in needs if Path(path).stem.replace("-", "_") == name]
        if not paths:
            raise BuildError(f"kernel {version} has no module {name}")
        add(paths[0])
    return found


def write_initrd(busybox: Path, modules: list[Path], out: Path) -> None:
    initrd = tree.Tree()
    initrd.add(recipe.COMMON / "initrd")
    for name in ("dev", "proc", "sys", "root", "lib"):
        initrd.folder(name)
    initrd.special("dev/console", stat.S_IFCHR | 0o600, 5, 1)
    initrd.file("bin/busybox", busybox.read_bytes(), 0o755)
    for module in modules:
        initrd.file(f"lib/{module.name}", module.read_bytes())
    initrd.file("modules", "".join(f"{module.name}\n" for module in modules))
    out.write_bytes(tree.cpio(initrd))


def inputs(what: recipe.Recipe) -> dict:
    return {"settings": dict(what.settings["build"]),
            "init": (recipe.COMMON / "initrd" / "init").read_text()}


def build(what: recipe.Recipe, out: Path) -> None:
    """Fills `out` with kernel, initrd, perhaps dtb, busybox and packages (lines of the manifest)."""
    arch = what.get("debian")
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        root = Path(scratch, "root")
        meta = what.get("kernel-package")
        image = packages.show(arch, "own", meta, "Depends", Path(scratch)).split()[0]
        debs = packages.download(arch, "own", [image, "busybox-static"], Path(scratch, "debs"))
        for deb in debs:
            packages.unpack(deb, root)
        version = image.removeprefix("linux-image-")
        shutil.copy(root / "boot" / f"vmlinuz-{version}", out / "kernel")
        if what.get("dtb", ""):
            shutil.copy(root / "usr" / "lib" / image / what.get("dtb"), out / "dtb")
        shutil.copy(root / "bin" / "busybox", out / "busybox")
        write_initrd(out / "busybox", ordered_modules(root, version, what.words("modules")),
                     out / "initrd")
        (out / "packages").write_text("".join(
            f"{packages.describe(deb, 'GPL-2')}\n" for deb in debs))
