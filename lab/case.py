# SPDX-License-Identifier: GPL-2.0-or-later
"""What a case is, and how cases are run and reported."""

import contextlib
import os
import signal
import sys
import time
import traceback

import net

LIMIT_S = 90  # of a case that names no other


class Fail(Exception):
    """The sensor did not do what a user relies on."""


class Skip(Exception):
    """The case cannot run here."""


class Case:
    def __init__(self, name, group, run, limit_s, after_others):
        self.name, self.group, self.run, self.limit_s = name, group, run, limit_s
        self.after_others = after_others  # it judges what they did: as the first it says nothing


GROUPS = {}  # name: a function that returns the context manager which all its cases share
CASES = {}


def group(name):
    """Declares a group by the context that its cases share."""
    def declare(function):
        GROUPS[name] = contextlib.contextmanager(function)
        return function
    return declare


def add(name, group_name, run, limit_s=LIMIT_S, after_others=False):
    CASES[name] = Case(name, group_name, run, limit_s, after_others)


def case(name, group_name, limit_s=LIMIT_S):
    """Declares a function of (shared, say) as a case. It returns what was found, as a sentence."""
    def declare(function):
        add(name, group_name, function, limit_s)
        return function
    return declare


def check(condition, reason):
    if not condition:
        raise Fail(reason)


@contextlib.contextmanager
def _time_limit(seconds):
    def expire(_number, _frame):
        raise Fail(f"not done within {seconds} s")

    signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _run_one(one, shared, say, first):
    """(verdict, reason) of one case; is it the first of its group?"""
    if first and one.after_others:
        return "SKIP", "it judges what others of its group did"
    try:
        with _time_limit(one.limit_s):
            return "PASS", one.run(shared, say)
    except Skip as skip:
        return "SKIP", str(skip)
    except (Fail, net.Timeout) as fail:
        return "FAIL", str(fail)
    except ImportError as error:
        return "SKIP", str(error)
    except Exception as error:  # pylint: disable=broad-except
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "FAIL", f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"


def cannot_run():
    """Why nothing can run here, or None."""
    import device  # pylint: disable=import-outside-toplevel

    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in ("ip", "nsenter", "nmap", "tcpdump", "nginx", "sshd", "busybox",
                                 "nft", "ssh-keygen", "sysctl") if not _which(tool)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not os.access(device.sensor_path(), os.X_OK):
        return f"{device.sensor_path()} is not built"
    return None


def _which(tool):
    import shutil  # pylint: disable=import-outside-toplevel

    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Report:
    """Says what happens, for people or as TAP."""

    def __init__(self, tap):
        self.tap = tap
        self.number = 0
        self.verdicts = {"PASS": 0, "FAIL": 0, "SKIP": 0}

    def say(self, text):
        for line in str(text).splitlines():
            print(("# " if self.tap else "  ") + line, flush=True)

    def begin(self, one):
        if not self.tap:
            print(one.name, flush=True)

    def verdict(self, one, verdict, reason, seconds):
        self.number += 1
        self.verdicts[verdict] += 1
        reason = " ".join(str(reason or "").split())
        if not self.tap:
            self.say(reason)
            print(f"  {verdict} ({seconds:.1f} s)", flush=True)
            return
        if verdict == "SKIP":
            print(f"ok {self.number} - {one.name} # SKIP {reason}", flush=True)
        else:
            print(f"{'ok' if verdict == 'PASS' else 'not ok'} {self.number} - {one.name}")
            self.say(reason)


def run(cases, tap=False, keep=False):
    """Runs cases, those of a group in one set of namespaces. The exit code."""
    report = Report(tap)
    if tap:
        print(f"1..{len(cases)}", flush=True)
    reason = cannot_run()
    if reason:
        for one in cases:
            report.begin(one)
            report.verdict(one, "SKIP", reason, 0)
        return 0 if tap else 77
    for name in dict.fromkeys(one.group for one in cases):
        _run_group(name, [one for one in cases if one.group == name], report, keep)
    if not tap and len(cases) > 1:
        print(", ".join(f"{n} {verdict}" for verdict, n in report.verdicts.items()))
    if report.verdicts["FAIL"]:
        return 1
    return 77 if not tap and not report.verdicts["PASS"] else 0


def _run_group(name, cases, report, keep):
    left = list(cases)
    try:
        with GROUPS[name]() as shared:
            while left:
                one = left.pop(0)
                report.begin(one)
                started = time.monotonic()
                verdict, reason = _run_one(one, shared, report.say, one is cases[0])
                report.verdict(one, verdict, reason, time.monotonic() - started)
                if verdict == "FAIL" and hasattr(shared, "explain"):
                    report.say(shared.explain())
            if keep:
                print("kept until a key is pressed: ip netns list", file=sys.stderr)
                sys.stdin.readline()
    except (RuntimeError, net.Timeout, OSError) as error:
        for one in left or cases[-1:]:
            report.begin(one)
            report.verdict(one, "FAIL", f"the lab itself: {error}", 0)
            error = "as above"
