# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the decoys' builder have in common: their cases, printed as TAP, without network and machines."""

import contextlib
import io
import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "decoys"))

from builder import BuildError, recipe  # noqa: E402

CASES = []
DATE = 1700000000  # 2023-11-14
KEYS, OTHER_KEYS = {"key": b"one"}, {"key": b"two"}


def case(function):
    CASES.append(function)
    return function


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r} instead of {wanted!r}")


def refused(function, *words):
    """The sentence with which it is refused has these words."""
    try:
        function()
    except BuildError as error:
        for word in words:
            if word not in str(error):
                raise AssertionError(f"\"{error}\" lacks \"{word}\"") from error
        return
    raise AssertionError("it was not refused")


def fake_recipe(directory):
    folder = directory / "fake"
    folder.mkdir()
    (folder / "profile.conf").write_text("[decoy]\nname = fake\narchitecture = arm\n"
        "[machine]\nqemu = qemu-system-arm\nmachine = vexpress-a9\ncpu = cortex-a9\ndisk = sd\n"
        "[boot]\nappend = quiet\n")
    (folder / "persona.conf").write_text(
        "[persona]\nhostname = x\nmac-prefix = 00:11:32\n[accounts]\nroot = root\n")
    (folder / "build.conf").write_text("[build]\nkind = source\ncross =\nkernel-arch = none\n"
                                       "kernel-target = image\nkernel-file = image\n")
    (folder / "kernel.fragment").write_text("CONFIG_FAKE=y\n")
    return recipe.Recipe(folder)


def at_once(function, count=3):
    """Runs it in some processes, and waits."""
    def quiet():
        with contextlib.redirect_stdout(io.StringIO()):
            function()

    jobs = [multiprocessing.get_context("fork").Process(target=quiet) for _ in range(count)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    same([job.exitcode for job in jobs], [0] * count)


def main():
    failed = False
    print(f"1..{len(CASES)}", flush=True)
    for number, function in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory(prefix="mimamori-decoys-") as directory:
            reason = None
            try:
                function(Path(directory))
            except (AssertionError, BuildError, OSError, subprocess.SubprocessError) as error:
                reason = error
        failed |= reason is not None
        print(f"{'not ok' if reason else 'ok'} {number} - {function.__name__.replace('_', ' ')}")
        if reason:
            print(f"# {' '.join(str(reason).split())}")
    sys.exit(1 if failed else 0)
