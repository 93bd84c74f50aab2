# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache: what a stage made, in a folder named by the hash of all that went into it.

An entry is made under another name and renamed when whole, so that an interrupted build leaves none. It
carries the hash of each of its files; one that is damaged is thrown away and made again.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Callable, Iterator

from . import BuildError, sentence

SUMS = "SHA256SUMS"
KEPT_DAYS = 30  # an entry that nobody asked for this long is removed


def folder() -> Path:
    """Where it is, also for the programs that are run: a relative path would mean another place to each of them."""
    home = os.environ.get("MIMAMORI_CACHE")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                            "mimamori")
    os.environ["MIMAMORI_CACHE"] = os.path.abspath(home)
    return Path(os.environ["MIMAMORI_CACHE"], "decoys")


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(inputs: dict) -> str:
    """Names what these inputs become: the same, whatever the order in which they are given."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def files_under(entry: Path) -> list[str]:
    return sorted(str(path.relative_to(entry)) for path in entry.rglob("*")
                  if path.is_file() and path.name != SUMS)


def seal(entry: Path) -> None:
    (entry / SUMS).write_text("".join(f"{hash_file(entry / name)}  {name}\n"
                                      for name in files_under(entry)))


def is_whole(entry: Path) -> bool:
    try:
        lines = (entry / SUMS).read_text().splitlines()
        wanted = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        return sorted(wanted) == files_under(entry) and all(
            hash_file(entry / name) == digest for name, digest in wanted.items())
    except (OSError, ValueError):
        return False


class Store:
    def __init__(self, root: Path, looking: bool = False) -> None:
        """`looking`: nothing is to be fetched or written."""
        self.root, self.looking = root, looking

    def _lock_file(self, name: str) -> Path:
        (self.root / "locks").mkdir(parents=True, exist_ok=True)
        return self.root / "locks" / name

    @contextlib.contextmanager
    def lock(self, name: str, say: Callable[[str], None] = print) -> Iterator[None]:
        """One build at a time makes an entry; another says that it waits, and then finds it there."""
        with self._lock_file(name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{name} is being made by another build: waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def build(self) -> Iterator[Callable[[], bool]]:
        """Builds may run side by side. What this gives asks, at a build's end, whether it is the only one left:
        then nobody misses what is tidied away, and nobody else begins until that is done."""
        with self._lock_file("build").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH)

            def alone() -> bool:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            yield alone

    def path(self, stage: str, name: str, inputs: dict) -> Path:
        return self.root / f"{stage}-{name}-{key(inputs)}"

    def has(self, entry: Path) -> bool:
        """It is there and whole. Whoever has no lock asks this: one that is damaged stays, as somebody may be at it."""
        whole = is_whole(entry)
        if whole:
            with contextlib.suppress(FileNotFoundError):
                os.utime(entry)
        return whole

    def find(self, entry: Path, say: Callable[[str], None]) -> bool:
        """As has(), with the entry's lock: one that is damaged is removed."""
        if not entry.exists():
            return False
        if self.has(entry):
            return True
        say(f"{entry.name} in the cache is damaged: it is made again")
        shutil.rmtree(entry)
        return False

    def make(self, entry: Path, build: Callable[[Path], None]) -> None:
        """Has `build` fill an empty folder, which becomes the entry if that succeeds."""
        draft = self.root / f"draft-{entry.name}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            build(draft)
            seal(draft)
            draft.rename(entry)
        except OSError as error:
            raise BuildError(f"{entry.name}: {sentence(error, self.root)}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def prune(self) -> None:
        """Removes old entries, and what builds that were killed left. The caller has the lock "build"."""
        for pattern in ("draft-*", "tmp*"):
            for path in self.root.glob(pattern):
                shutil.rmtree(path, ignore_errors=True)
        oldest = time.time() - KEPT_DAYS * 86400
        for entry in self.root.glob("*-*-*"):
            with contextlib.suppress(FileNotFoundError):
                if (entry / SUMS).exists() and entry.stat().st_mtime < oldest:
                    shutil.rmtree(entry)
