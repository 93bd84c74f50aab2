# SPDX-License-Identifier: GPL-2.0-or-later
"""A decoy's kernel from Debian's source: nothing on but what common/ and the decoy's fragment ask for."""

import os
import shutil
import subprocess
from pathlib import Path

from . import compiler, devicetree, kconfig, make, recipe, sources

LINES = 1500  # of make, about


def fragment(what: recipe.Recipe) -> str:
    return kconfig.merge((recipe.COMMON / "kernel.fragment").read_text(),
                         (what.folder / "kernel.fragment").read_text())


def kernel_make(what: recipe.Recipe, cross: compiler.Compiler, source: Path,
                objects: Path) -> list[str]:
    """Part of the compiler's name, since a vDSO is compiled with flags of its own: MIPS's has debugging
    information with the build's path, which its and the kernel's build-id are made of."""
    places = f"-ffile-prefix-map={objects}=/objects -ffile-prefix-map={source}=/source"
    return ["make", f"-j{os.cpu_count() or 1}", f"ARCH={what.get('kernel-arch')}",
            f"CROSS_COMPILE={cross.prefix}", f"CC={cross.cc} {places}", f"O={objects}"]


def build(what: recipe.Recipe, origin: sources.Sources, out: Path, key: str,
          tell: make.Tell) -> None:
    """Goes on in the build tree of the same key, where a former build was interrupted."""
    source, date = origin.unpacked("linux").resolve(), origin.date()
    cross = compiler.find(what, origin)
    objects = origin.work.resolve() / f"kernel-{what.name}-{key}"
    objects.mkdir(parents=True, exist_ok=True)
    log = objects / "log"
    command = kernel_make(what, cross, source, objects)
    asked = fragment(what)
    if not (objects / "asked").exists():
        (objects / "fragment").write_text(asked)
        make.run([*command, "allnoconfig"], source, log, date,
                 KCONFIG_ALLCONFIG=str(objects / "fragment"))
        kconfig.check(asked, objects / ".config", f"{what.name}/kernel.fragment")
        (objects / "asked").write_text(asked)
    make.run([*command, *what.words("kernel-target")], source, log, date, tell, LINES)
    image = objects / what.get("kernel-file")
    if what.get("strip", "no") == "yes":
        subprocess.run([cross.prefix + "strip", "-o", str(out / "kernel"), str(image)], check=True)
    else:
        shutil.copyfile(image, out / "kernel")
    if what.get("dtb", ""):
        devicetree.copy(objects / what.get("dtb"), out / "dtb")
    shutil.copyfile(objects / ".config", out / "config")
    shutil.rmtree(objects)
