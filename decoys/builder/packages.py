# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's packages, from the mirrors that apt has configured here, checked by its keys (tools/apt-private)."""

import email.utils
import gzip
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Callable, NamedTuple

from . import BuildError
from .store import hash_file

ENTRY = re.compile(r"^ -- .*>  (.*)$", re.MULTILINE)
CHANGELOG = re.compile(r"\./usr/share/doc/[^/]+/changelog(\.Debian)?\.gz")
# How a package's name begins -> its licence, as its debian/copyright has it; the first that fits.
LICENCES = (("linux-libc-dev", "GPL-2 with Linux-syscall-note"), ("linux-", "GPL-2"), ("busybox", "GPL-2"),
            ("dropbear", "MIT"), ("musl", "MIT"), ("libgcc-", "GPL-3+ with GCC-exception-3.1"),
            ("gcc-", "GPL-3+"), ("cpp-", "GPL-3+"), ("libc6", "LGPL-2.1+"), ("glibc", "LGPL-2.1+"),
            ("libcrypt1", "LGPL-2.1+"), ("libxcrypt", "LGPL-2.1+"), ("libtom", "Unlicense"),
            ("zlib1g", "Zlib"), ("libgmp10", "LGPL-3+ or GPL-2+"))

APT = Path(__file__).resolve().parent.parent.parent / "tools" / "apt-private"


class Package(NamedTuple):
    """A line of the manifest."""
    name: str
    version: str
    sha256: str
    licence: str

    def __str__(self) -> str:
        return "\t".join(self)


def reason(said: str) -> str:
    """Why apt failed: the last word, what apt refused last, and what it could not fetch."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["apt said nothing"]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
    failed = [line for line in errors if line.startswith("Failed to fetch")]
    return "; ".join(dict.fromkeys([lines[-1].removeprefix("E: "), *errors[-1:], *failed[-1:]]))


def apt(architecture: str, suite: str, verb: str, names: list[str], folder: Path) -> str:
    done = subprocess.run([APT, architecture, suite, verb, *names], cwd=folder, text=True,
                          capture_output=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(names) or verb} for {architecture} cannot be had from the mirrors "
                         f"that apt has configured here: {reason(done.stderr)}")
    return done.stdout


def files(architecture: str, suite: str, verb: str, names: list[str], folder: Path) -> dict[str, str]:
    """What apt-private's `verb` would fetch by now: file -> SHA-256."""
    lines = apt(architecture, suite, f"files-{verb}", names, folder).splitlines()
    return dict(line.split() for line in lines)


def update(architecture: str, suite: str, say: Callable[[str], None]) -> None:
    """Fetches apt's private lists now."""
    if said := apt(architecture, suite, "update", [], Path("/")).strip():
        say(f"Debian's lists of {suite} for {architecture} cannot be had wholly, older ones are used "
            f"instead: {reason(said)}")


def show(architecture: str, suite: str, name: str, field: str, folder: Path) -> str:
    for line in apt(architecture, suite, "show", [name], folder).splitlines():
        if line.startswith(field + ": "):
            return line.removeprefix(field + ": ")
    raise BuildError(f"{name}: no {field} is known of it")


def field(deb: Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "-f", str(deb), name], capture_output=True, text=True,
                          check=True).stdout.strip()


def download(architecture: str, suite: str, names: list[str], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    apt(architecture, suite, "download", names, folder)
    return sorted(folder.glob("*.deb"))


def licence(name: str) -> str:
    return next((text for start, text in LICENCES if name.startswith(start)),
                f"see /usr/share/doc/{name}/copyright")


def describe(deb: Path) -> list[Package]:
    """The package, and those whose code it was linked with: these have no archive, and no hash here."""
    name = field(deb, "Package")
    found = [Package(name, field(deb, "Version"), hash_file(deb), licence(name))]
    using = ", ".join(filter(None, (field(deb, word) for word in ("Built-Using", "Static-Built-Using"))))
    for other, version in re.findall(r"(\S+) \(= ([^)]+)\)", using):
        found.append(Package(other, version, "-", licence(other)))
    return found


def dated(changelog: str) -> int:
    """When the newest entry was made, seconds since 1970; 0: it is no changelog of Debian."""
    entry = ENTRY.search(changelog)
    try:
        return int(email.utils.parsedate_to_datetime(entry[1]).timestamp()) if entry else 0
    except ValueError:
        return 0


def _dated_within(archive: tarfile.TarFile, name: re.Pattern) -> int:
    for member in archive:
        if member.isfile() and name.fullmatch(member.name):
            data = archive.extractfile(member).read()
            text = gzip.decompress(data) if member.name.endswith(".gz") else data
            if date := dated(text.decode("utf-8", "replace")):
                return date
    return 0


def deb_date(deb: Path) -> int:
    """As dated()."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as job:
        try:
            with tarfile.open(fileobj=job.stdout, mode="r|") as archive:
                return _dated_within(archive, CHANGELOG)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise BuildError(f"{deb.name} cannot be read: {error}") from error
        finally:
            job.kill()


def source_date(archive: Path) -> int:
    """Of NAME_VERSION.debian.tar.xz, as dated()."""
    try:
        with tarfile.open(archive) as files:
            return _dated_within(files, re.compile(r"debian/changelog"))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BuildError(f"{archive.name} cannot be read: {error}") from error


def unpack(deb: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BuildError(f"{deb.name} cannot be unpacked: {done.stderr.strip()}")
