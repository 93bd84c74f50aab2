# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of Debian's packages go into a decoy that is made of them: their files and hashes, looked up once and recorded.

All that is made of them is named by the record, as what is built from source is by the sources' (sources.py). It
stays as it is until newer packages are asked for, or until the mirrors have others where they have to be fetched again.
A whole Debian is debootstrap's, which takes the point release that there is: so that is in its record.
"""

import json
import tempfile
from pathlib import Path

from . import Absent, BuildError, packages, recipe, sources
from .store import Store, hash_file

RELEASE = "release"  # a line's first word, beside those that are files


class Versions:
    def __init__(self, store: Store, what: recipe.Recipe) -> None:
        self.store, self.what = store, what
        self.file = store.root / "sources" / f"packages-{what.name}.record"

    def read(self) -> list[str] | None:
        try:
            return [str(line) for line in json.loads(self.file.read_text())["packages"]]
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def record(self) -> list[str]:
        """Lines of a file and its hash each, the kernel's first; looked up if there are none."""
        known = self.read()
        if known is None and self.store.looking:
            raise Absent(f"the packages of {self.what.name} have not been looked up yet")
        if known is None:
            with self.store.lock(f"fetch-{self.what.name}"):
                if self.read() is None:
                    self.write(self.look_up())
            known = self.read()
        return known

    def look_up(self) -> list[str]:
        what = self.what
        arch = what.get("debian")
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            image = packages.show(arch, "own", what.get("kernel-package"), "Depends", place).split()[0]
            lines = [f"{name} {digest}" for name, digest in packages.files(
                arch, "own", "download", [image, "busybox-static", *what.words("packages")], place).items()]
            lines.sort(key=lambda line: (not line.startswith(image + "_"), line))
            if what.kind == "debian":
                lines.append(" ".join([RELEASE, *packages.apt(arch, "own", "release", [], place).split()]))
        return lines

    def write(self, lines: list[str]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".draft")
        draft.write_text(json.dumps({"packages": lines}, indent=1))
        draft.rename(self.file)

    def names(self) -> list[str]:
        """Of the packages, the kernel's first."""
        return [line.split("_")[0] for line in self.record() if not line.startswith(RELEASE + " ")]

    def follow(self) -> bool:
        """Looks them up again. True: there are others than recorded."""
        with self.store.lock(f"fetch-{self.what.name}"):
            lines = self.look_up()
            changed = lines != self.read()
            self.write(lines)
        return changed

    def download(self, folder: Path) -> list[Path]:
        """The packages of the record. Where the mirrors have others by now, the record follows, and all has to be
        planned anew: sources.Changed."""
        wanted = {line.split()[1] for line in self.record() if not line.startswith(RELEASE + " ")}
        try:
            debs = packages.download(self.what.get("debian"), "own", self.names(), folder)
        except BuildError:
            if self.follow():
                raise sources.Changed(f"version of {self.what.name}'s packages") from None
            raise
        if set(map(hash_file, debs)) != wanted:
            if self.follow():
                raise sources.Changed(f"version of {self.what.name}'s packages")
            raise BuildError(f"{self.what.name}: the mirrors gave other packages than their lists name")
        return debs

    def confirm_release(self) -> None:
        """Before debootstrap takes the release as it is."""
        if self.follow():
            raise sources.Changed(f"version of {self.what.name}'s packages")
