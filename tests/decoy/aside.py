# SPDX-License-Identifier: GPL-2.0-or-later
"""Which decoys there are to be tried, and several tried at once: an emulated machine keeps one processor busy."""

import os
import selectors
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "decoys"))

# pylint: disable=wrong-import-position
from builder import recipe

IMAGES = os.environ.get("MIMAMORI_DECOYS") or os.path.join(ROOT, "build-decoys")
AT_ONCE = min(os.cpu_count() or 1, 4)
SLOWEST = ("arm-instant", "mipsel-instant", "arm-debian", "mipsel-debian")  # begun first, so that none is left to be alone at the end


def missing_reason(images, name):
    if not os.path.exists(os.path.join(images, name, "profile.conf")):
        return f"{os.path.join(images, name)} is not built: make decoys"
    return None


def all_names(images):
    """Those that are there, and those that should be: none at all where nothing has been built. A whole Debian, which
    is slower and larger than the bars, is tried by name."""
    there = {name for name in (os.listdir(images) if os.path.isdir(images) else [])
             if not missing_reason(images, name)}
    wanted = {name for name in recipe.names() if recipe.load(name).kind != "debian"}
    by_name = set(recipe.names()) - wanted
    return sorted((there | wanted) - by_name) if there else []


class _Job:
    """A process, and what it says, line by line."""

    def __init__(self, process):
        self.process, self.rest = process, b""

    def lines(self):
        """Those that have come; None at the end."""
        data = os.read(self.process.stdout.fileno(), 65536)
        if not data:
            return None
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def end(self):
        status = self.process.wait()
        self.process.stdout.close()
        return status


def run(names, at_once, start, on_line, on_end):
    """
    Starts a process for each name, so many at once: `start(name)` is a Popen with a pipe for what it says, each line of
    which goes to `on_line(name, line)`, its end to `on_end(name, status)`. Whatever ends this ends them.
    """
    waiting = sorted(names, key=lambda name: name not in SLOWEST)
    jobs, selector = {}, selectors.DefaultSelector()
    try:
        while waiting or jobs:
            while waiting and len(jobs) < at_once:
                name = waiting.pop(0)
                jobs[name] = _Job(start(name))
                selector.register(jobs[name].process.stdout, selectors.EVENT_READ, name)
            for key, _ in selector.select():
                name = key.data
                lines = jobs[name].lines()
                for line in lines or []:
                    on_line(name, line)
                if lines is None:
                    selector.unregister(key.fileobj)
                    on_end(name, jobs.pop(name).end())
    finally:
        for job in jobs.values():
            job.process.terminate()
        for job in jobs.values():
            job.end()
        selector.close()
