# SPDX-License-Identifier: GPL-2.0-or-later
"""Newer packages and sources: asked for by whoever builds, never by the way.

A build from the cache needs no network and takes seconds, and kernels take half an hour: so nothing is made
anew because Debian has something newer. A build tells when nobody has asked for long.
"""

import time
from pathlib import Path
from typing import Callable

from . import packages, recipe, sources, versions
from .store import Store

ASKED_DAYS = 14  # this long ago or longer is told


def _records(wanted: list[recipe.Recipe], store: Store, origin: sources.Sources) -> list[Path]:
    files = [versions.Versions(store, what).file for what in wanted if what.kind != "source"]
    if len(files) < len(wanted):
        files += [origin.record_file(name) for name in sources.KNOWN]
    return [file for file in files if file.exists()]


def ask(wanted: list[recipe.Recipe], store: Store, origin: sources.Sources,
        say: Callable[[str], None]) -> None:
    """Has the records follow Debian. What is built is planned by them after that."""
    origin.root.mkdir(parents=True, exist_ok=True)
    packaged = [what for what in wanted if what.kind != "source"]
    compiled = list(sources.KNOWN) if len(packaged) < len(wanted) else []
    places = {(what.get("debian"), "own") for what in packaged}
    places |= {(sources.debian(), suite) for name in compiled for suite in sources.KNOWN[name].suites[:1]}
    for architecture, suite in sorted(places):
        packages.update(architecture, suite, say)
    looked_up = [one for one in (versions.Versions(store, what) for what in packaged) if one.read() is not None]
    found = [one.what.name for one in looked_up if one.follow()]
    found += [name for name in compiled if origin.newer(name)]
    say(f"Debian has newer ones for: {', '.join(found)}" if found else "Debian has nothing newer")


def remind(wanted: list[recipe.Recipe], store: Store, origin: sources.Sources,
           say: Callable[[str], None]) -> None:
    asked = [file.stat().st_mtime for file in _records(wanted, store, origin)]
    days = int((time.time() - min(asked, default=time.time())) / 86400)
    if days >= ASKED_DAYS:
        say(f"Debian was asked for its packages {days} days ago: \"decoys/build --newer\" asks for newer ones")
