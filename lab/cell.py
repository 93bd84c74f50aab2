# SPDX-License-Identifier: GPL-2.0-or-later
"""
A cell for daemons that write where they like: `cell.py LOG [FROM:OVER]... -- ARGV [-- ARGV]...`

They see the host's files read-only, each directory or file OVER replaced by FROM, the socket LOG as
/dev/log, terminals of their own, and no process but theirs. They end with this process, however they
daemonize.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
NODES = ("null", "zero", "full", "random", "urandom", "tty")
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name} {arguments}: {os.strerror(number)}")


def _mount(source, target, kind=None, flags=0, data=None):
    _call("mount", source.encode(), target.encode(), kind and kind.encode(),
          ctypes.c_ulong(flags), data and data.encode())


def _furnish(log, over):
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    devices = os.path.join(os.path.dirname(log), "dev")
    os.mkdir(devices)
    _mount("dev", devices, "tmpfs")
    for name in NODES:
        os.close(os.open(os.path.join(devices, name), os.O_CREAT))
        _mount(f"/dev/{name}", os.path.join(devices, name), None, MS_BIND)
    os.mkdir(os.path.join(devices, "pts"))
    _mount("devpts", os.path.join(devices, "pts"), "devpts", 0, "newinstance,ptmxmode=0666,mode=0620")
    os.symlink("pts/ptmx", os.path.join(devices, "ptmx"))
    os.symlink("/proc/self/fd", os.path.join(devices, "fd"))
    os.close(os.open(os.path.join(devices, "log"), os.O_CREAT))
    _mount(log, os.path.join(devices, "log"), None, MS_BIND)
    _mount(devices, "/dev", None, MS_BIND | MS_REC)
    for pair in over:
        _mount(*pair.split(":"), None, MS_BIND)
    _mount("proc", "/proc", "proc")
    # Bind mounts keep what they are when the root below them becomes read-only.
    _mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)


def _commands(words):
    command = []
    for word in words:
        if word == "--":
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _init(log, over, commands):
    """The cell's first process: starts what it is told, and reaps until none is left."""
    _furnish(log, over)
    for argv in commands:
        if os.fork() == 0:
            os.setsid()
            os.chdir("/")  # one that is seen by all
            os.execvp(argv[0], argv)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def main():
    split = sys.argv.index("--")
    log, over = sys.argv[1], sys.argv[2:split]
    _call("unshare", CLONE_NEWNS | CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        _call("prctl", 1, signal.SIGKILL)  # and with a namespace's first process all others go
        _init(log, over, list(_commands(sys.argv[split + 1:])))
        os._exit(0)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
