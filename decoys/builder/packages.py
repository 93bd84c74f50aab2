# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's packages, from the mirrors that apt has configured here, checked by its keys (tools/apt-private)."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from . import BuildError
from .store import hash_file

APT = Path(__file__).resolve().parent.parent.parent / "tools" / "apt-private"


class Package(NamedTuple):
    """A line of the manifest."""
    name: str
    version: str
    sha256: str
    licence: str

    def __str__(self) -> str:
        return "\t".join(self)


def apt(architecture: str, suite: str, verb: str, names: list[str], folder: Path) -> str:
    done = subprocess.run([APT, architecture, suite, verb, *names], cwd=folder, text=True,
                          capture_output=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or "apt said nothing").splitlines()[-1]
        raise BuildError(f"{' '.join(names)} for {architecture} cannot be had from the mirrors "
                         f"that apt has configured here: {why}")
    return done.stdout


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


def describe(deb: Path, licence: str) -> Package:
    return Package(field(deb, "Package"), field(deb, "Version"), hash_file(deb), licence)


def unpack(deb: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BuildError(f"{deb.name} cannot be unpacked: {done.stderr.strip()}")
