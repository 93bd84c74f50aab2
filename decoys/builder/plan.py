# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to be made of what. A step's place in the cache is named by the hash of all that goes into it."""

from pathlib import Path
from typing import Callable, NamedTuple

from . import instant, packages, ready, recipe, root, tree
from .store import Store, hash_file, key


class Step(NamedTuple):
    stage: str
    name: str  # of the decoy, or of what is shared
    entry: Path
    build: Callable[[Path], None]

    @property
    def label(self) -> tuple[str, str]:
        return self.stage, self.name


def code(*modules) -> list[str]:
    """Of the builder's own code what decides about the outcome."""
    return [hash_file(Path(module.__file__)) for module in modules]


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): f"{hash_file(path)} {path.stat().st_mode & 0o111:o}"
            for path in sorted(folder.rglob("*")) if path.is_file()}


class Plan:
    """The steps towards one decoy, in order, and what to do with what they make."""

    def __init__(self, store: Store, what: recipe.Recipe) -> None:
        self.store, self.what = store, what
        self.steps: list[Step] = []

    def step(self, stage: str, name: str, inputs: dict, build: Callable[[Path], None]) -> Path:
        entry = self.store.path(stage, name, inputs)
        self.steps.append(Step(stage, name, entry, build))
        return entry

    def disk(self, parts: dict[str, Path]) -> Path:
        what = self.what
        keys = ready.host_keys(what.name, self.store.root / "hostkeys")
        inputs = {"code": code(ready, root, tree), "root": contents(recipe.COMMON / "root"),
                  "parts": {name: str(path.relative_to(self.store.root))
                            for name, path in parts.items()},
                  "persona": {name: dict(section) for name, section in what.persona.items()},
                  "size": what.get("disk-mb"),
                  "keys": key({name: data.hex() for name, data in keys.items()})}
        return self.step("disk", what.name, inputs,
                         lambda out: ready.disk(what, keys, parts, out))


class Instant(Plan):
    def __init__(self, store: Store, what: recipe.Recipe) -> None:
        super().__init__(store, what)
        inputs = {**instant.inputs(what), "code": code(instant, packages, tree)}
        self.parts = self.step("parts", what.name, inputs, lambda out: instant.build(what, out))
        self.image = self.disk({"busybox": self.parts / "busybox"})

    def assemble(self, out: Path) -> None:
        files = {"kernel": self.parts / "kernel", "initrd": self.parts / "initrd",
                 "disk.qcow2": self.image / "disk.qcow2"}
        if (self.parts / "dtb").exists():
            files["dtb"] = self.parts / "dtb"
        ready.assemble(self.what, files, (self.parts / "packages").read_text().splitlines(), out)


KINDS: dict[str, Callable[[Store, recipe.Recipe], Plan]] = {"instant": Instant}
