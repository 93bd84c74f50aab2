# SPDX-License-Identifier: GPL-2.0-or-later
"""The cross compilers, and the proof that they compile rightly before anything is made with them."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import BuildError, recipe, sources

PROOF = recipe.COMMON / "proof.c"
LEVELS = ("-O0", "-O1", "-O2", "-Os")
BINUTILS = ("ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")


class Compiler(NamedTuple):
    prefix: str  # with the path, where it is not on PATH

    @property
    def cc(self) -> str:
        return self.prefix + "gcc"

    @property
    def triplet(self) -> str:
        return os.path.basename(self.prefix).rstrip("-")


def version(prefix: str) -> str:
    """Of a compiler of this system."""
    try:
        return subprocess.run([prefix + "gcc", "-v"], capture_output=True, text=True,
                              check=True).stderr.splitlines()[-1]
    except FileNotFoundError as error:
        raise BuildError(f"no {prefix}gcc: \"tools/install-deps decoys crosses\"") from error


def identity(what: recipe.Recipe, origin: sources.Sources) -> str:
    """Names the compiler in the keys of all that it makes."""
    kept = what.get("compiler", "")
    return "\n".join(origin.record(kept)) if kept else version(what.get("cross"))


def find(what: recipe.Recipe, origin: sources.Sources) -> Compiler:
    kept, prefix = what.get("compiler", ""), what.get("cross")
    if not kept:
        return Compiler(prefix)
    place = origin.unpacked(kept)
    gcc = next(place.glob(f"usr/bin/{prefix}gcc-[0-9]*[0-9]"))
    tools = place / "usr" / prefix.rstrip("-") / "bin"
    tools.mkdir(exist_ok=True)
    links = {place / "usr" / "bin" / (prefix + "gcc"): gcc.name}
    for tool in BINUTILS:
        links[place / "usr" / "bin" / (prefix + tool)] = f"/usr/bin/{prefix}{tool}"
        links[tools / tool] = f"/usr/bin/{prefix}{tool}"
    for link, target in links.items():
        if not link.is_symlink():
            link.symlink_to(target)
    return Compiler(str(place / "usr" / "bin" / prefix))


def prove(what: recipe.Recipe, origin: sources.Sources, emulator: str, out: Path) -> None:
    """Compiles a small program at several levels, runs it, and compares with what it has to say."""
    compiler = find(what, origin)
    for level in LEVELS:
        program = out / "proof"
        done = subprocess.run([compiler.cc, level, "-static", "-o", str(program), str(PROOF)],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{compiler.cc} cannot compile a small program: "
                             f"{done.stderr.strip()[-300:]}")
        said = subprocess.run([emulator, str(program)], capture_output=True, text=True, check=False,
                              timeout=60)
        if said.returncode or said.stdout != "right\n":
            raise BuildError(f"{compiler.cc} {level} compiles wrongly: {said.stdout.strip() or said}")
        program.unlink()
    (out / "compiler").write_text(identity(what, origin) + "\n")
