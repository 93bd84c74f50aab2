# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs in a decoy: BusyBox and dropbear from Debian's sources, and a helper of our own; all static."""

import os
import shutil
import subprocess
from pathlib import Path

from . import compiler, kconfig, make, recipe, sources

GUEST = recipe.COMMON / "guest"
CFLAGS = "-Os -fno-strict-aliasing -ffunction-sections -fdata-sections"


def workplace(origin: sources.Sources, what: recipe.Recipe, stage: str) -> Path:
    place = origin.work / f"{stage}-{what.name}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def strip(cross: compiler.Compiler, program: Path, out: Path) -> None:
    subprocess.run([cross.prefix + "strip", "-R", ".comment", "-o", str(out), str(program)],
                   check=True)


def busybox_fragment() -> str:
    return kconfig.merge((recipe.COMMON / "busybox.fragment").read_text())


def busybox(what: recipe.Recipe, origin: sources.Sources, out: Path, tell: make.Tell) -> None:
    source, cross = origin.unpacked("busybox"), compiler.find(what, origin)
    place = workplace(origin, what, "busybox")
    log, date = place / "log", origin.date()
    command = ["make", f"-j{os.cpu_count() or 1}", f"CROSS_COMPILE={cross.prefix}", f"O={place}"]
    asked = busybox_fragment()
    make.run([*command, "-f", str(source / "Makefile"), f"KBUILD_SRC={source}", "defconfig"], place,
             log, date)
    options = {**kconfig.parse((place / ".config").read_text()), **kconfig.parse(asked)}
    (place / ".config").write_text("".join(
        f"# {name} is not set\n" if value == "n" else f"{name}={value}\n"
        for name, value in options.items()))
    with (place / "yes").open("w") as answers:
        answers.write("\n" * 2000)
    make.run(["sh", "-c", 'exec "$@" <yes', "sh", *command, "oldconfig"], place, log, date)
    kconfig.check(asked, place / ".config", "busybox.fragment")
    make.run([*command, "busybox"], place, log, date, tell, 700)
    shutil.copy(place / "busybox", out / "busybox")
    shutil.rmtree(place)


def dropbear(what: recipe.Recipe, origin: sources.Sources, out: Path, tell: make.Tell) -> None:
    source, musl = origin.unpacked("dropbear"), origin.unpacked("musl")
    cross = compiler.find(what, origin)
    place = workplace(origin, what, "dropbear")
    log, date = place / "log", origin.date()
    # Debian's cross C libraries have no crypt(): musl's, of MD5 alone, which is what passwd has here.
    shutil.copy(GUEST / "crypt.h", place)
    for file, name in ((GUEST / "crypt.c", "crypt.o"),
                       (musl / "src" / "crypt" / "crypt_md5.c", "md5.o")):
        make.run([cross.cc, *CFLAGS.split(), "-c", str(file), "-o", name], place, log, date)
    make.run([cross.prefix + "ar", "rcsD", "libcrypt.a", "crypt.o", "md5.o"], place, log, date)
    shutil.copy(GUEST / "localoptions.h", place)
    make.run([str(source / "configure"), f"--host={cross.triplet}", "--disable-zlib",
              "--enable-bundled-libtom", "--enable-static", "--disable-pam", "--disable-lastlog",
              "--disable-utmp", "--disable-utmpx", "--disable-wtmp", "--disable-wtmpx",
              "--disable-harden", f"CC={cross.cc}", f"AR={cross.prefix}ar",
              f"RANLIB={cross.prefix}ranlib", f"STRIP={cross.prefix}strip",
              f"CFLAGS={CFLAGS} -ffile-prefix-map={source}=. -I{place}",
              f"LDFLAGS=-static -L{place} -Wl,--gc-sections"],
             place, log, date)
    make.run(["make", f"-j{os.cpu_count() or 1}", "PROGRAMS=dropbear dropbearkey scp", "MULTI=1"],
             place, log, date, tell, 230)
    strip(cross, place / "dropbearmulti", out / "dropbear")
    shutil.rmtree(place)


def helpers(what: recipe.Recipe, origin: sources.Sources, out: Path) -> None:
    """Programs of our own for the guest."""
    cross = compiler.find(what, origin)
    place = workplace(origin, what, "helpers")
    make.run([cross.cc, "-Os", "-static", "-s", "-o", str(out / "seedrng"),
              str(GUEST / "seedrng.c")], place, place / "log", origin.date())
    shutil.rmtree(place)
