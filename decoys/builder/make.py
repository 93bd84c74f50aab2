# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs make with a log, and counts its lines for the progress shown."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable

from . import BuildError

Tell = Callable[[float, str], None]

STEP = re.compile(r"  [A-Z]+ |\S+gcc .* -c ")  # a line of make that is about one file, and no warning
DROPPED = ("CFLAGS", "LDFLAGS", "CPPFLAGS", "MAKEFLAGS", "MFLAGS", "CROSS_COMPILE", "ARCH", "CC")


def steady(date: int) -> dict[str, str]:
    """An environment: whoever builds, wherever and whenever, the same bytes come out, as of this date."""
    when = time.strftime("%a %b %e %H:%M:%S UTC %Y", time.gmtime(date))
    return {"KBUILD_BUILD_TIMESTAMP": when, "KBUILD_BUILD_USER": "root",
            "KBUILD_BUILD_HOST": "localhost", "KBUILD_BUILD_VERSION": "1",
            "SOURCE_DATE_EPOCH": str(date), "LC_ALL": "C", "TZ": "UTC"}


def run(argv: list[str], cwd: Path, log: Path, date: int, tell: Tell | None = None, lines: int = 0,
        **more: str) -> None:
    """
    Runs a command, its output going to `log`; `lines` about one file each are expected of it. All its processes
    are a group, to be ended together, of this session: what class the scheduler has it in is theirs, too.
    """
    env = {name: value for name, value in os.environ.items() if name not in DROPPED}
    env.update(steady(date), **more)
    count = 0
    with log.open("a") as file, subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", process_group=0) as job:
        try:
            for line in job.stdout:
                file.write(line)
                if STEP.match(line):
                    count += 1
                    if tell:
                        tell(count / max(lines, 1), f"{count} of about {max(lines, count)}")
        except BaseException:
            os.killpg(job.pid, signal.SIGTERM)
            raise
    if job.returncode:
        tail = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-4:]
        raise BuildError(f"{' '.join(argv[:3])} failed, see {log}:\n  " + "\n  ".join(tail))
