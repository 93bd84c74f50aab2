# SPDX-License-Identifier: GPL-2.0-or-later
"""
Someone at a terminal: `typist.py SECONDS [WAIT TYPE]... -- ARGV` runs ARGV on a terminal of its own,
and whenever its output has WAIT in it, types TYPE and return, as fast as a person does. An empty WAIT
is a pause for thought. Exits as ARGV does; 124 when SECONDS have passed.
"""

import os
import pty
import random
import select
import signal
import sys
import time

KEY_S, THOUGHT_S = (0.05, 0.2), (0.5, 2)


class Late(Exception):
    """The time is up."""


def _output(terminal, deadline, until):
    """Reads until `until` has come, or the program has ended; False then."""
    seen = b""
    while until is None or until not in seen:
        if time.monotonic() > deadline:
            raise Late
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # the other end has closed
                return False
            if not data:
                return False
            seen += data
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
    return True


def _type(terminal, text):
    for key in text + "\r":
        os.write(terminal, key.encode())
        time.sleep(random.uniform(*KEY_S))


def follow(terminal, script, deadline):
    for wait, text in script:
        if not wait:
            time.sleep(random.uniform(*THOUGHT_S))
        elif not _output(terminal, deadline, wait.encode()):
            return
        try:
            _type(terminal, text)
        except OSError:
            return
    _output(terminal, deadline, None)


def main():
    split = sys.argv.index("--")
    words = sys.argv[2:split]
    deadline = time.monotonic() + float(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[split + 1], sys.argv[split + 1:])
    try:
        follow(terminal, list(zip(words[::2], words[1::2])), deadline)
    except Late:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 124
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
