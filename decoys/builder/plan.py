# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to be made of what. A step's place in the cache is named by the hash of all that goes into it."""

import subprocess
import zlib
from pathlib import Path
from typing import Callable, NamedTuple

from . import (BuildError, compiler, debian, devicetree, hostkeys, instant, kconfig, kernel,
               libraries, make, packages, ready, recipe, root, sources, tree, userland, versions)
from .store import Store, hash_file, key


IMAGE_TOOLS = ("mke2fs -V", "debugfs -V", "qemu-img --version")


class Step(NamedTuple):
    stage: str
    name: str  # of the decoy, or of what is shared
    entry: Path
    build: Callable[[Path, make.Tell], None]
    needs: tuple[str, ...]  # stages of the same decoy

    @property
    def label(self) -> tuple[str, str]:
        return self.stage, self.name


def code(*modules) -> list[str]:
    """Of the builder's own code what decides about the outcome."""
    return [hash_file(Path(module.__file__)) for module in modules]


def tools(*commands: str) -> list[str]:
    """Of the programs of this machine that shape bytes their versions, and zlib's, which packs RAM disks."""
    return [f"zlib {zlib.ZLIB_RUNTIME_VERSION}",
            *(compiler.said(*command.split()).splitlines()[0] for command in commands)]


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): f"{hash_file(path)} {path.stat().st_mode & 0o111:o}"
            for path in sorted(folder.rglob("*")) if path.is_file()}


def proved(what: recipe.Recipe, origin: sources.Sources, out: Path) -> None:
    try:
        compiler.prove(what, origin, ready.EMULATORS[what.architecture], out)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{what.get('cross')}gcc compiles wrongly: a small program did not end within "
                         f"{error.timeout:.0f} s") from error


class Plan:
    """The steps towards one decoy, in order, and what to do with what they make."""

    key_kinds = hostkeys.DROPBEAR

    def __init__(self, store: Store, what: recipe.Recipe, origin: sources.Sources) -> None:
        self.store, self.what, self.origin = store, what, origin
        self.keys = hostkeys.get(store, what.name, self.key_kinds)
        self.steps: list[Step] = []

    def step(self, stage: str, inputs: dict, build: Callable[[Path, make.Tell], None],
             *needs: str) -> Path:
        entry = self.store.path(stage, self.what.name, inputs)
        self.steps.append(Step(stage, self.what.name, entry, build, needs))
        return entry

    def towards(self, stage: str | None) -> list[Step]:
        """The steps that a stage needs and itself, or all."""
        if not stage:
            return self.steps
        steps = {step.stage: step for step in self.steps}
        if stage not in steps:
            raise BuildError(f"{self.what.name} has no stage \"{stage}\": there are {', '.join(steps)}")
        wanted = {stage}
        for step in reversed(self.steps):
            if step.stage in wanted:
                wanted.update(step.needs)
        return [step for step in self.steps if step.stage in wanted]

    def assemble(self, out: Path) -> None:
        """Puts the decoy, all of whose steps are done, into `out`."""
        raise NotImplementedError

    def named_keys(self) -> str:
        return key({name: data.hex() for name, data in self.keys.items()})

    def date(self) -> int:
        """Of the disk's files: once its parts are there."""
        return self.origin.date()

    def disk(self, parts: dict[str, Path], *needs: str) -> Path:
        what = self.what
        inputs = {"code": code(hostkeys, packages, ready, recipe, root, tree), "tools": tools(*IMAGE_TOOLS),
                  "root": contents(recipe.COMMON / "root"),
                  "parts": {name: str(path.relative_to(self.store.root))
                            for name, path in parts.items()},
                  "persona": {name: dict(section) for name, section in what.persona.items()},
                  "size": what.get("disk-mb"),
                  "keys": self.named_keys()}
        return self.step("disk", inputs, lambda out, _tell: ready.disk(
            what, self.keys, self.date(), parts, out), *needs)


class Instant(Plan):
    def __init__(self, store: Store, what: recipe.Recipe, origin: sources.Sources) -> None:
        super().__init__(store, what, origin)
        self.versions = versions.Versions(store, what)
        inputs = {**instant.inputs(what), "packages": self.versions.record(), "tools": tools("depmod --version"),
                  "code": code(devicetree, instant, packages, recipe, tree)}
        self.parts = self.step("parts", inputs, lambda out, _tell: instant.build(
            what, self.versions, out))
        self.image = self.disk({"busybox": self.parts / "busybox", "": self.parts / "files"}, "parts")

    def date(self) -> int:
        return int((self.parts / "date").read_text())

    def packages(self) -> list[str]:
        """Lines of the manifest."""
        return (self.parts / "packages").read_text().splitlines()

    def assemble(self, out: Path) -> None:
        files = {"kernel": self.parts / "kernel", "initrd": self.parts / "initrd",
                 "disk.qcow2": self.image / "disk.qcow2"}
        if (self.parts / "dtb").exists():
            files["dtb"] = self.parts / "dtb"
        ready.assemble(self.what, self.keys, files, self.packages(), out)


class Source(Plan):
    """Kernel, BusyBox and dropbear, compiled."""

    def __init__(self, store: Store, what: recipe.Recipe, origin: sources.Sources) -> None:
        super().__init__(store, what, origin)
        cross = compiler.identity(what, origin)
        guest = contents(recipe.COMMON / "guest")
        steady = make.steady(origin.date())
        self.step("compiler", {"compiler": cross, "proof": hash_file(compiler.PROOF),
                               "code": code(compiler)},
                  lambda out, _tell: proved(what, origin, out))
        inputs = {"source": origin.record("linux"), "compiler": cross, "steady": steady,
                  "fragment": kernel.fragment(what), "code": code(devicetree, kernel, kconfig),
                  "settings": {word: what.get(word, "") for word in (
                      "cross", "kernel-arch", "kernel-target", "kernel-file", "strip", "dtb")}}
        name = key(inputs)
        self.kernel = self.step("kernel", inputs, lambda out, tell: kernel.build(
            what, origin, out, name, tell), "compiler")
        common = {"compiler": cross, "steady": steady, "code": code(userland, kconfig)}
        self.busybox = self.step(
            "busybox", {**common, "source": origin.record("busybox"),
                        "fragment": userland.busybox_fragment()},
            lambda out, tell: userland.busybox(what, origin, out, tell), "compiler")
        self.dropbear = self.step(
            "dropbear", {**common, "options": {name: digest for name, digest in guest.items()
                                               if name != "seedrng.c"},
                         "source": origin.record("dropbear") + origin.record("musl")},
            lambda out, tell: userland.dropbear(what, origin, out, tell), "compiler")
        self.helpers = self.step(
            "helpers", {**common, "seedrng": guest["seedrng.c"]},
            lambda out, _tell: userland.helpers(what, origin, out), "compiler")
        parts = {"busybox": self.busybox / "busybox",
                 "usr/sbin/dropbear": self.dropbear / "dropbear",
                 "sbin/seedrng": self.helpers / "seedrng"}
        needs = ["busybox", "dropbear", "helpers"]
        if what.words("libraries"):
            place = self.step("libraries", {"compiler": cross, "names": what.words("libraries"),
                                            "code": code(libraries)},
                              lambda out, _tell: libraries.copy(what, origin, out), "compiler")
            parts.update({f"lib/{name}": place / name for name in what.words("libraries")})
            needs.append("libraries")
        self.image = self.disk(parts, *needs)

    def assemble(self, out: Path) -> None:
        files = {"kernel": self.kernel / "kernel", "disk.qcow2": self.image / "disk.qcow2"}
        if (self.kernel / "dtb").exists():
            files["dtb"] = self.kernel / "dtb"
        manifest = [line for name in ("linux", "busybox", "dropbear", "musl")
                    for line in self.origin.record(name)]
        manifest += compiler.linked(self.what, self.origin)
        ready.assemble(self.what, self.keys, files, manifest, out)


class Debian(Instant):
    """Debian's kernel as it is, and a whole Debian as the root."""

    key_kinds = hostkeys.OPENSSH

    def packages(self) -> list[str]:
        return super().packages() + (self.image / "packages").read_text().splitlines()

    def disk(self, parts: dict[str, Path], *needs: str) -> Path:
        what = self.what
        machine, boot = what.profile["machine"], what.profile["boot"]
        inputs = {"code": code(debian, make, packages, recipe, tree),
                  "tools": tools(*IMAGE_TOOLS, "debootstrap --version", machine["qemu"] + " --version"),
                  "files": contents(debian.FILES),
                  "root": contents(recipe.COMMON / "root"), "include": what.get("include"),
                  "parts": self.parts.name,
                  "machine": {name: machine[name] for name in ("qemu", "machine", "cpu", "disk")},
                  "append": what.get("second-stage-append", boot["append"]),
                  "settings": dict(what.settings["build"]),
                  "persona": {name: dict(section) for name, section in what.persona.items()},
                  "size": what.get("disk-mb"),
                  "keys": self.named_keys()}

        def build(out: Path, tell: make.Tell) -> None:
            self.versions.confirm_release()
            debian.build(what, self.keys, self.parts, out, tell)

        return self.step("debian", inputs, build, *needs)


KINDS: dict[str, type[Plan]] = {"instant": Instant, "source": Source, "debian": Debian}
