# SPDX-License-Identifier: GPL-2.0-or-later
"""The cross compilers, and the proof that they compile rightly before anything is made with them."""

import contextlib
import functools
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import BuildError, packages, recipe, sentence, sources
from .store import hash_file

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


@functools.cache
def said(*argv: str) -> str:
    """What a program of this system answers."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False,
                              env={**os.environ, "LC_ALL": "C"})
    except OSError as error:
        raise BuildError(sentence(error)) from error
    if done.returncode:
        raise BuildError(f"{' '.join(argv)} failed: {done.stderr.strip()[-200:]}")
    return (done.stdout or done.stderr).strip()


@functools.cache
def owned(path: str) -> packages.Package:
    """A line of the manifest for a library of this system: the package that has it, the library's own hash."""
    name = said("dpkg-query", "-S", path).split(": ")[0]
    version = said("dpkg-query", "-W", "-f", "${Version}", name)
    name = name.split(":")[0]
    return packages.Package(name, version, hash_file(Path(path)), packages.licence(name))


def linked(what: recipe.Recipe, origin: sources.Sources) -> list[str]:
    """Lines of the manifest for the libraries that its programs have in them."""
    if kept := what.get("compiler", ""):
        return origin.record(kept)
    gcc = what.get("cross") + "gcc"
    return [str(owned(os.path.realpath(said(gcc, f"-print-file-name={library}"))))
            for library in ("libc.a", "libgcc.a")]


def identity(what: recipe.Recipe, origin: sources.Sources) -> str:
    """Names the compiler, its assembler and linker, and its libraries in the keys of all that they make."""
    prefix = what.get("cross")
    lines = [prefix, said(prefix + "as", "--version").splitlines()[0], *linked(what, origin)]
    if not what.get("compiler", ""):
        lines += [said(prefix + "gcc", "-dumpmachine"), said(prefix + "gcc", "-v").splitlines()[-1]]
    return "\n".join(lines)


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
        with contextlib.suppress(FileExistsError):  # of a former build, or of one beside this
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
        ran = subprocess.run([emulator, str(program)], capture_output=True, text=True, check=False,
                              timeout=60)
        if ran.returncode or ran.stdout != "right\n":
            raise BuildError(f"{compiler.cc} {level} compiles wrongly: {ran.stdout.strip() or ran}")
        program.unlink()
    (out / "compiler").write_text(identity(what, origin) + "\n")
