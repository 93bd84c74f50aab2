# SPDX-License-Identifier: GPL-2.0-or-later
"""A build that goes on beside the tests and takes only what they leave of the machine."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

STOP_S = 60  # it tidies up first
REASON_LEN = 300
LOG_LINES = 15  # of the log, shown when it has failed
WITH_US = ["setpriv", "--pdeathsig", "TERM"]
IDLE = ["ionice", "--ignore", "--class", "idle", "chrt", "--idle", "0"]


class Background:
    """
    Runs `command` with the idle classes of the schedulers, and ends with this process, however that comes. The
    command has to be one that goes on where a SIGTERM has ended it: finish() does that at full speed.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self.command, self.log = command, log
        # Its own session is its own group of the scheduler's, where sessions are (sched(7), autogroup).
        with log.open("w") as file:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*WITH_US, *IDLE, *command], stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, start_new_session=True)
        self._group_nice(19)

    def _group_nice(self, nice: int) -> None:
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.process.pid}/autogroup").write_text(str(nice))

    def stop(self) -> None:
        """Ends it, if it has not ended, and waits for that."""
        if self.process.poll() is None:
            self._group_nice(0)
            with contextlib.suppress(OSError):  # so that it tidies up at once
                os.sched_setscheduler(self.process.pid, os.SCHED_OTHER, os.sched_param(0))
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def finish(self) -> str | None:
        """Does what is left, if anything, in the foreground. None, or why it failed."""
        status = self.process.poll()
        if status == 0:
            return None
        if status is None:
            print(f"--- {' '.join(self.command)}: now at full speed", flush=True)
            self.stop()
        else:
            print(f"--- {' '.join(self.command)} ended with {status} in the background, and is tried again; "
                  f"{self.log} ends so:", flush=True)
            sys.stdout.writelines(self.log.read_text(errors="replace").splitlines(True)[-LOG_LINES:])
        done = subprocess.run([*WITH_US, *self.command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, check=False)
        print(done.stderr, end="", file=sys.stderr, flush=True)
        if done.returncode == 0:
            return None
        said = " ".join(done.stderr.split()) or "it says nothing about it"
        return f"exit status {done.returncode}: {said[-REASON_LEN:]}"
