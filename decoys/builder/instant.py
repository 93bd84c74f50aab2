# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel, initial RAM disk and BusyBox of a decoy from Debian's own packages: no compiler is needed."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from . import BuildError, devicetree, packages, recipe, tree, versions


def ordered_modules(root: Path, version: str, wanted: list[str]) -> list[Path]:
    """The files of these modules and of all that they need, each after those that it needs."""
    tree.run(["depmod", "-b", str(root), version])
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


def needed(root: Path, program: str, of: str) -> list[str]:
    """A program of an unpacked package and the libraries and loader that it asks for: paths below `root`."""
    found, todo = [program], [program]
    folders = [f"lib/{of}", f"usr/lib/{of}"]
    while todo:
        said = subprocess.run(["readelf", "-ldW", str(root / todo.pop())], capture_output=True,
                              text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
        names = re.findall(r"\(NEEDED\).*\[(\S+)\]", said)
        paths = re.findall(r"program interpreter: /(\S+)\]", said)
        for name in names:
            path = next((f"{folder}/{name}" for folder in folders if (root / folder / name).exists()),
                        None)
            if not path:
                raise BuildError(f"{program} needs {name}, which no package of build.conf has")
            paths.append(path)
        for path in paths:
            if path not in found and not any(Path(path).name == Path(one).name for one in found):
                found.append(path)
                todo.append(path)
    return found


def add_programs(what: recipe.Recipe, root: Path, out: Path) -> None:
    """Puts dynamic programs of Debian, and what they need, below out/files."""
    for program in what.words("programs"):
        for path in needed(root, program, what.get("triplet")):
            target = out / "files" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / path, target)
            target.chmod(0o755)


def write_initrd(busybox: Path, lists: dict[str, list[Path]], date: int, out: Path) -> None:
    """`lists`: name of a list -> modules, in the order in which common/initrd/init loads them."""
    initrd = tree.Tree()
    initrd.add(recipe.COMMON / "initrd")
    for name in ("dev", "proc", "sys", "root", "lib"):
        initrd.folder(name)
    initrd.special("dev/console", stat.S_IFCHR | 0o600, 5, 1)
    initrd.file("bin/busybox", busybox.read_bytes(), 0o755)
    for name, modules in lists.items():
        for module in modules:
            initrd.file(f"lib/{module.name}", module.read_bytes())
        initrd.file(name, "".join(f"{module.name}\n" for module in modules))
    out.write_bytes(tree.cpio(initrd, date))


def inputs(what: recipe.Recipe) -> dict:
    return {"settings": dict(what.settings["build"]),
            "init": (recipe.COMMON / "initrd" / "init").read_text()}


def build(what: recipe.Recipe, chosen: versions.Versions, out: Path) -> None:
    """Fills `out` with kernel, initrd, perhaps dtb, busybox, packages (lines of the manifest) and date (that of
    the newest package)."""
    image = chosen.names()[0]
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        root = Path(scratch, "root")
        debs = chosen.download(Path(scratch, "debs"))
        for deb in debs:
            packages.unpack(deb, root)
        date = max(map(packages.deb_date, debs))
        if not date:
            raise BuildError(f"{image} has no changelog that says when it was made")
        version = image.removeprefix("linux-image-")
        shutil.copy(root / "boot" / f"vmlinuz-{version}", out / "kernel")
        if what.get("dtb", ""):
            devicetree.copy(root / "usr" / "lib" / image / what.get("dtb"), out / "dtb")
        shutil.copy(root / "bin" / "busybox", out / "busybox")
        lists = {"modules": ordered_modules(root, version, what.words("modules"))}
        if what.words("second-stage-modules"):
            lists["modules-vd"] = ordered_modules(root, version, what.words("second-stage-modules"))
        write_initrd(out / "busybox", lists, date, out / "initrd")
        add_programs(what, root, out)
        (out / "packages").write_text("".join(
            f"{line}\n" for deb in debs for line in packages.describe(deb)))
        (out / "date").write_text(f"{date}\n")
