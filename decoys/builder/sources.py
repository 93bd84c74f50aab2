# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's source packages, fetched once and kept; what is made of them is named by their hashes.

A record of a few lines stays even where the archives are gone, so that an image that is cached needs
neither network nor sources. Where newer ones are asked for, or an archive has to be fetched again, and Debian has
a newer one by now, the record follows, and all that was made of the older one is made again.
"""

import functools
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

from . import Absent, BuildError, packages, tree
from .store import SUMS, Store, hash_file, is_whole, seal

KEPT_TREES_DAYS = 7


@functools.cache
def debian() -> str:
    """The architecture of this system."""
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True,
                          check=True).stdout.strip()


class Kind(NamedTuple):
    verb: str  # of apt-private
    suites: tuple[str, ...]  # the first that has it
    names: tuple[str, ...]


KNOWN = {
    "linux": Kind("download", ("own",), ("linux-source-6.1",)),
    "busybox": Kind("source", ("own", "stable"), ("busybox",)),
    "dropbear": Kind("source", ("own", "stable"), ("dropbear",)),
    "musl": Kind("source", ("own", "stable"), ("musl",)),
    # gcc-12 for SH4 loses null checks; Debian 11's gcc-10 does not (compiler.py proves either).
    "gcc-sh4": Kind("download", ("bullseye",), (
        "gcc-10-sh4-linux-gnu", "cpp-10-sh4-linux-gnu", "libc6-dev-sh4-cross", "libc6-sh4-cross",
        "linux-libc-dev-sh4-cross", "libgcc-10-dev-sh4-cross", "libgcc-s1-sh4-cross")),
}
DATED = ("linux", "busybox", "dropbear")  # what the decoys are as old as


class Changed(Exception):
    """The mirror has another version than the record says: what depends on it has to be planned anew."""


def _first(kind: Kind, ask: Callable[[str], Any]) -> Any:
    """What `ask` gives for the first of the suites that has it."""
    for suite in kind.suites:
        try:
            return ask(suite)
        except BuildError:
            if suite == kind.suites[-1]:
                raise
    return None


class Sources:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.root = store.root / "sources"
        self.work = store.root / "work"

    def record(self, name: str) -> list[str]:
        """Lines of the manifest for this source: what everything made of it is named by."""
        return list(self.known(name)["packages"])

    def date(self) -> int:
        """Of all that is built from source: that of the newest source."""
        return max(self.known(name)["date"] for name in DATED)

    def record_file(self, name: str) -> Path:
        return self.root / f"{name}.record"

    def read(self, name: str) -> dict | None:
        try:
            known = json.loads(self.record_file(name).read_text())
            return {"packages": list(known["packages"]), "date": int(known["date"])}
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def known(self, name: str) -> dict:
        """The record, fetched if there is none."""
        known = self.read(name)
        if not known and self.store.looking:
            raise Absent(f"the source of {name} has not been fetched yet")
        if not known:
            with self.store.lock(f"fetch-{name}"):
                if not self.read(name):
                    if is_whole(self.root / name):
                        self.write_record(name)
                    else:
                        self.fetch(name)
            known = self.read(name)
        return known

    def fetch(self, name: str) -> None:
        """The caller has the lock."""
        kind = KNOWN[name]
        draft, final = self.root / f"{name}.new", self.root / name

        def one(suite: str) -> None:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            packages.apt(debian(), suite, kind.verb, list(kind.names), draft)

        try:
            _first(kind, one)
        except BuildError:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        seal(draft)
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
        self.write_record(name)

    def newer(self, name: str) -> bool:
        """Fetches it again if Debian has another than the one recorded. True: it had."""
        known = self.read(name)
        if not known:
            return False
        kind = KNOWN[name]
        wanted = {line.split("\t")[2] for line in known["packages"]}
        offered = _first(kind, lambda suite: packages.files(debian(), suite, kind.verb, list(kind.names),
                                                            self.root))
        if wanted == set(offered.values()):
            self.record_file(name).touch()
            return False
        with self.store.lock(f"fetch-{name}"):
            self.fetch(name)
        return True

    def write_record(self, name: str) -> None:
        lines, dates = [], [0]
        for path in sorted(path for path in (self.root / name).iterdir() if path.name != SUMS):
            package, version = path.name.split("_", 1)
            if path.suffix == ".deb":
                version = packages.field(path, "Version")
            if name in DATED and path.suffix == ".deb":
                dates.append(packages.deb_date(path))
            elif name in DATED and ".debian.tar." in path.name:
                dates.append(packages.source_date(path))
            lines.append(str(packages.Package(package, version, hash_file(path),
                                              packages.licence(package))))
        if name in DATED and not max(dates):
            raise BuildError(f"the source of {name} has no changelog that says when it was made")
        draft = self.record_file(name).with_suffix(".draft")
        draft.write_text(json.dumps({"packages": lines, "date": max(dates)}, indent=1))
        draft.rename(self.record_file(name))

    def folder(self, name: str) -> Path:
        """The archives themselves."""
        final = self.root / name
        before = self.record(name)
        with self.store.lock(f"fetch-{name}"):
            if not is_whole(final):
                self.fetch(name)
        if self.record(name) != before:
            raise Changed(name)
        return final

    def unpacked(self, name: str) -> Path:
        """The unpacked source, shared by all that is built of it until `clean`."""
        archives = self.folder(name)
        place = self.work / f"{name}-{hash_file(archives / 'SHA256SUMS')[:16]}"
        with self.store.lock(f"unpack-{name}"):
            if not place.exists():
                draft = self.work / f"{name}.new"
                shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir(parents=True)
                try:
                    getattr(self, f"unpack_{KNOWN[name].verb}")(name, archives, draft)
                    draft.rename(place)
                finally:
                    for path in (draft, draft.with_suffix(".deb")):
                        shutil.rmtree(path, ignore_errors=True)
        return place

    def unpack_source(self, _name: str, archives: Path, draft: Path) -> None:
        dsc = next(archives.glob("*.dsc"))
        draft.rmdir()
        tree.run(["dpkg-source", "--no-check", "-x", str(dsc), str(draft)])

    def unpack_download(self, name: str, archives: Path, draft: Path) -> None:
        if name != "linux":
            for deb in sorted(archives.glob("*.deb")):
                packages.unpack(deb, draft)
            return
        outer = draft.with_suffix(".deb")
        shutil.rmtree(outer, ignore_errors=True)
        packages.unpack(next(archives.glob("*.deb")), outer)
        archive = next(outer.glob("usr/src/linux-source-*.tar.xz"))
        tree.run(["tar", "-xJf", str(archive), "-C", str(draft), "--strip-components=1"])
        shutil.rmtree(outer)

    def clean(self) -> None:
        """Source trees are large: they go when a build is done. A kernel's build tree that was interrupted
        stays for a week, to be gone on with."""
        oldest = time.time() - KEPT_TREES_DAYS * 86400
        for path in self.work.glob("*"):
            if path.is_file():
                path.unlink()
            elif not path.name.startswith("kernel-") or path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)
