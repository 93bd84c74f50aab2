# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of mimamori-decoy share: a decoy of the case's own, what it must leave behind (nothing), and TAP.

All runs in namespaces of their own, so that whatever is left there is this program's.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import telnet
import traces

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("MIMAMORI_DECOY") or os.path.join(ROOT, "build", "mimamori-decoy")
INSIDE = "MIMAMORI_TEST_INSIDE"
WANTED = ("mipsel-instant", "arm-instant", "mipsel", "arm")  # the first that is there is tried
LIMIT_S = 300  # a busy machine boots in minutes
QEMU_STARTS_S = 60
GONE_S = 10
ANSWERS_S = 90
PORT = r"telnet 127\.0\.0\.1 (\d+)"


class Wrong(Exception):
    """It did not do what it has to."""


def need(condition, reason):
    if not condition:
        raise Wrong(reason)


def until(limit_s, condition):
    """What the condition came to, waiting for something true."""
    end = time.monotonic() + limit_s
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def children(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
    return []


def command_line(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().replace(b"\0", b" ").decode("latin-1").strip()
    return ""  # gone, or a zombie


def emulators():
    """Of this namespace: all of them are the test's."""
    return {int(name) for name in os.listdir("/proc")
            if name.isdigit() and "qemu-system" in command_line(name).partition(" ")[0]}


def gone(pid):
    return until(GONE_S, lambda: not command_line(pid))


class Child:
    """A mimamori-decoy that runs. Its standard input stays open until it is closed, unless another is given."""

    def __init__(self, words, folder, env=None, stdin=subprocess.PIPE, before=None):
        self.out_path, self.err_path = (tempfile.mkstemp(dir=folder)[1] for _ in range(2))
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [PROGRAM, *words], stdin=stdin, stdout=out, stderr=err, preexec_fn=before,
                env={**os.environ, **(env or {})})
        self.pid = self.process.pid

    @staticmethod
    def _read(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def out(self):
        return self._read(self.out_path)

    def err(self):
        return self._read(self.err_path).strip()

    def ended(self):
        return self.process.poll() is not None

    def wait(self, limit_s=LIMIT_S):
        """Its exit status."""
        try:
            return self.process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Wrong(f"not done within {limit_s} s: {self.out()[-200:]}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if not self.ended():
            self.kill()
        if self.process.stdin:
            self.process.stdin.close()

    def emulator(self):
        """The QEMU that it has started."""
        def find():
            return [pid for pid in children(self.pid) if "qemu-system" in command_line(pid)] or self.ended()
        found = until(QEMU_STARTS_S, find)
        need(isinstance(found, list), f"no QEMU was started: {self.err()}")
        return found[0]

    def port(self):
        """Of `boot`: waits until the decoy is up; the port of its telnet on 127.0.0.1."""
        return int(self.says(PORT, "it is not up")[1])

    def up(self):
        """The same, and logs in, since a login left alone hangs up after a minute."""
        port, mark = self.port(), PORT
        for prompt, answer in (("ogin: ", "root"), ("assword:", "root")):
            mark += r"(?s:.*)" + prompt
            self.says(mark, f"no \"{prompt}\"")
            self.process.stdin.write(answer.encode() + b"\n")
            self.process.stdin.flush()
        self.says(mark + r"(?s:.*)# ", "no shell")
        return port

    def says(self, pattern, otherwise):
        """Waits until its output has this; the match."""
        found = until(LIMIT_S, lambda: re.search(pattern, self.out()) or self.ended())
        need(isinstance(found, re.Match), f"{otherwise}: {self.err() or self.out()[-200:]}")
        return found


class Bystander:
    """A machine that runs beside those in trouble, and has to go on as if nothing was."""

    def __init__(self, images, name, folder):
        os.mkdir(folder)
        run = os.path.join(folder, "run")
        os.mkdir(run)
        self.child = Child(["--images", images, "--run", run, "boot", name], folder)
        self.qemu = self.child.emulator()
        self.port = self.child.up()

    def check(self):
        need(not self.child.ended(), f"the machine beside it has ended: {self.child.err()}")
        need(command_line(self.qemu), "the QEMU of the machine beside it is gone")
        try:
            with telnet.Telnet("127.0.0.1", self.port, ANSWERS_S) as guest:
                guest.until(b"login: ", ANSWERS_S)
        except (OSError, telnet.TelnetError) as error:
            raise Wrong(f"the machine beside it answers no more: {error}") from error


class Bench:
    """One decoy in a copy of its folder, and a folder for what it writes."""

    def __init__(self, images, name, folder, bystander=None):
        self.origin, self.images, self.top = images, os.path.join(folder, "images"), folder
        self.run = os.path.join(folder, "run")
        self.bystander, self.running = bystander, []
        os.mkdir(self.images)
        os.mkdir(self.run)
        os.chmod(folder, 0o755)
        self.use(name)

    def use(self, name):
        """From now on the case is about this decoy."""
        self.name, self.folder = name, os.path.join(self.images, name)
        if not os.path.exists(self.folder):
            shutil.copytree(os.path.join(self.origin, name), self.folder,
                            ignore=shutil.ignore_patterns("ready.qcow2"))

    def here(self, *names):
        """The first of these decoys that is there, or None."""
        return next((name for name in names
                     if os.path.exists(os.path.join(self.origin, name, "disk.qcow2"))), None)

    def start(self, *words, run=None, **options):
        child = Child(["--images", self.images, "--run", run or self.run, *words], self.top, **options)
        self.running.append(child)
        return child

    def nothing_left(self, run=None):
        """No emulator but the bystander's, and no file."""
        beside = {self.bystander.qemu} if self.bystander else set()
        until(GONE_S, lambda: emulators() <= beside)
        left = [command_line(pid) for pid in emulators() - beside]
        need(not left, f"left behind: {left}")
        files = os.listdir(run or self.run)
        need(not files, f"left in the run folder: {files}")
        if self.bystander:
            self.bystander.check()

    def refused(self, child, *words, run=None, limit_s=LIMIT_S):
        """It ends with one sentence that has these words, and leaves nothing; the sentence."""
        status, said = child.wait(limit_s), child.err()
        need(status == 1, f"it ended with {status}: {child.out()[-200:]} {said}")
        need(len(said.splitlines()) == 1, f"not one sentence: {said!r}")
        for word in words:
            need(word in said, f"no {word!r} in {said!r}")
        self.nothing_left(run)
        return said

    def done(self, child, word):
        """It ends well, and says this; all that it said."""
        status = child.wait()
        need(status == 0 and word in child.out(), f"it ended with {status}: {child.err() or child.out()[-200:]}")
        self.nothing_left()
        return child.out()

    @contextlib.contextmanager
    def changed(self, name, data=None, **replace):
        """A file of the decoy's folder, otherwise for a while: these bytes, or none, or values replaced."""
        path = os.path.join(self.folder, name)
        with open(path, "rb") as file:
            before = file.read()
        if replace:
            lines = [f"{key} = {replace[key]}" if (key := line.partition("=")[0].strip()) in replace
                     else line for line in before.decode().splitlines()]
            data = ("\n".join(lines) + "\n").encode()
        os.unlink(path)  # it may be a link to what all share
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        try:
            yield
        finally:
            with open(path, "wb") as file:
                file.write(before)

    @contextlib.contextmanager
    def small_disk(self, size):
        """A folder to write to that has no more room than this."""
        small = self.run + "-small"
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "tmpfs", small], check=True)
        try:
            yield small
        finally:
            subprocess.run(["umount", "-l", small], check=True)
            os.rmdir(small)

    def close(self):
        for child in self.running:
            child.close()


def fill(folder, leave=0):
    """Writes a file until no more fits, or until so many bytes are left."""
    path = os.path.join(folder, "filler")
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            fs = os.statvfs(folder)
            room = fs.f_bavail * fs.f_frsize - leave
            if room <= 0 or not file.write(bytes(min(room, 1 << 20))):
                break
    return path


def interrupted(number, _frame):
    sys.exit(128 + number)  # by way of all that cleans up


def end_on_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)


def enter_namespaces():
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=TERM", "--mount-proc",
            sys.executable, "-B", os.path.abspath(sys.argv[0]), *sys.argv[1:]]
    os.execvpe(argv[0], argv, {**os.environ, INSIDE: "yes"})


def run_case(function, images, decoy, bystander):
    """(reason of a failure or None, what is worth telling)."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(images, decoy, folder, bystander)
        try:
            return None, function(bench)
        except (Wrong, traces.Traces, OSError, subprocess.SubprocessError, telnet.TelnetError) as error:
            return str(error) or repr(error), ""
        finally:
            bench.close()
            for pid in emulators() - ({bystander.qemu} if bystander else set()):
                os.kill(pid, signal.SIGKILL)  # of a case that failed: the next is to begin without


def main(description, cases, beside=False):
    """Runs the cases, {name: function(bench)}, and prints TAP; beside: with another machine that runs on."""
    end_on_signals()
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--images", default=os.environ.get("MIMAMORI_DECOYS")
                        or os.path.join(ROOT, "build-decoys"))
    parser.add_argument("--only", action="append", choices=list(cases))
    parser.add_argument("decoy", nargs="?")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("1..0 # SKIP namespaces need root")
        return 0
    decoy = args.decoy or next((name for name in WANTED
                                if os.path.exists(os.path.join(args.images, name, "disk.qcow2"))), None)
    if not decoy:
        print(f"1..0 # SKIP no decoys in {args.images}: make decoys")
        return 0
    if not os.environ.get(INSIDE):
        enter_namespaces()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    wanted = args.only or list(cases)
    print(f"1..{len(wanted)}", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        bystander = None
        if beside:
            try:
                bystander = Bystander(args.images, decoy, os.path.join(folder, "beside"))
            except Wrong as error:
                print(f"not ok 1 - the machine beside\n# {' '.join(str(error).split())}")
                return 1
        for number, name in enumerate(wanted, 1):
            reason, said = run_case(cases[name], args.images, decoy, bystander)
            failed |= reason is not None
            print(f"{'ok' if reason is None else 'not ok'} {number} - {name}", flush=True)
            print(f"# {' '.join((reason or said).split())}", flush=True)
        if bystander:
            bystander.child.close()
    return 1 if failed else 0
