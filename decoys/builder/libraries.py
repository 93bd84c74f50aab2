# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared libraries of a decoy whose C library is older than glibc 2.34.

Its static programs still load libnss_* for users and host names, and those load the C library itself.
"""

import shutil
from pathlib import Path

from . import compiler, recipe, sources


def copy(what: recipe.Recipe, origin: sources.Sources, out: Path) -> None:
    cross = compiler.find(what, origin)
    place = Path(cross.prefix).parent.parent / cross.triplet / "lib"
    for name in what.words("libraries"):
        shutil.copy((place / name).resolve(), out / name)
        (out / name).chmod(0o755)
