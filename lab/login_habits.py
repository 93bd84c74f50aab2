# SPDX-License-Identifier: GPL-2.0-or-later
"""
People and programs that log in, as they do all day, with the real clients.

A *habit* is a function of (person, family, until) that goes on until time.monotonic() says `until`, and
returns how often it did what it does. One that could not do it once fails.
"""

import collections
import os
import subprocess
import sys
import time

import device
import logins
from case import check

RUN_S = 40  # of one command
HABITS = {}  # name: Habit
PLUGINS = "/usr/lib/nagios/plugins/"
Habit = collections.namedtuple("Habit", "name function needs")


def habit(name, *needs):
    """Declares a habit; it needs these programs."""
    def declare(function):
        HABITS[name] = Habit(name, function, needs)
        return function
    return declare


def host(person, family):
    """The device, as URLs write it."""
    target = person.target[family]
    return f"[{target}]" if family == 6 else target


def every(seconds, until, act):
    """act(number) again and again; how often it was done. It checks for itself that it worked."""
    done = 0
    while time.monotonic() < until:
        began = time.monotonic()
        act(done)
        done += 1
        pause = min(seconds - (time.monotonic() - began), until - time.monotonic())
        time.sleep(max(0, pause))
    return done


def run(person, argv, expected=0, seconds=RUN_S, **kwargs):
    """A command that has to do what is expected of it; its output."""
    code, output = person.run([str(a) for a in argv], seconds, **kwargs)
    check(code == expected,
          f"{' '.join(map(str, argv))[:160]}: exit {code}: {(output or '')[-200:]}")
    return output


def ssh_options(person, port=logins.SSH, keys=()):
    return ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-o", "IdentitiesOnly=yes",
            *(word for key in keys for word in ("-i", key)), "-o", f"Port={port}"]


def ssh(person, family, *command, port=logins.SSH, keys=None, options=()):
    """ssh by the good key, unless told otherwise."""
    keys = [person.network.key] if keys is None else keys
    return ["ssh", *options, *ssh_options(person, port, keys),
            f"{logins.USER}@{person.target[family]}", *command]


def by_password(argv, password=logins.PASSWORD):
    return ["sshpass", "-p", password, *argv]


def typed(person, seconds, script, argv, expected=0):
    """The program on a terminal, with someone who types."""
    words = [word for pair in script for word in pair]
    return run(person, [sys.executable, "-B", os.path.join(device.HERE, "typist.py"), seconds, *words,
                        "--", *argv], expected, seconds + 5)


def curl(person, *arguments, expected=0):
    return run(person, ["curl", "-sSk", "--max-time", "20", "-o", "/dev/null", "-w", "%{response_code}",
                        *arguments], expected)


# --- ssh ---


def _mistypes(port):
    def mistypes(person, family, until):
        """Thrice wrong, which ends the session; then right. Or wrong twice, and right."""
        def act(number):
            prompt = "assword:"
            wrong = [(prompt, f"Summer202{n}!") for n in range(3)]
            password_only = ssh(person, family, "id", port=port, keys=(),
                                options=("-o", "PubkeyAuthentication=no"))
            if number % 2 == 0:
                typed(person, 60, wrong, password_only, 255)
                typed(person, 60, [(prompt, logins.PASSWORD)], password_only)
            else:
                typed(person, 60, wrong[:2] + [(prompt, logins.PASSWORD)], password_only)
        return every(140, until, act)
    return mistypes


habit("ssh-mistypes", "ssh")(_mistypes(logins.SSH))
habit("dropbear-mistypes", "ssh")(_mistypes(logins.DROPBEAR))


@habit("backup-minute", "rsync", "ssh")
def backup_minute(person, family, until):
    """rsync by key, every minute."""
    return _backup(person, family, until, 60)


@habit("backup-often", "rsync", "ssh")
def backup_often(person, family, until):
    """rsync by key, every ten seconds."""
    return _backup(person, family, until, 10)


def _backup(person, family, until, pause_s):
    remote = " ".join(["ssh", *ssh_options(person, keys=[person.network.key])])

    def act(number):
        with open(os.path.join(person.home, "log"), "a", encoding="utf-8") as file:
            file.write(f"{number}\n" * 200)
        run(person, ["rsync", "-a", "-e", remote, "log", f"{logins.USER}@{host(person, family)}:"
                     f"backup-{person.address[4]}/"])
    return every(pause_s, until, act)


@habit("backup-copy", "scp")
def backup_copy(person, family, until):
    """scp by key to dropbear, which has no sftp, every twenty seconds."""
    def act(_number):
        run(person, ["scp", "-O", "-q", *ssh_options(person, logins.DROPBEAR, [person.network.key]),
                     f"{logins.USER}@{host(person, family)}:notes.txt", "notes.txt"])
    return every(20, until, act)


def _burst(person, argvs):
    running = [person.popen([str(a) for a in argv], stdout=subprocess.DEVNULL) for argv in argvs]
    codes = [process.wait(90) for process in running]
    check(not any(codes), f"a burst of logins ended with {collections.Counter(codes)}")
    return len(codes)


@habit("burst-key", "ssh")
def burst_key(person, family, until):
    """Two dozen hosts' worth of tasks in parallel, by key, each a connection of its own."""
    return every(45, until, lambda _n: _burst(person, [ssh(person, family, "true")] * 24))


@habit("burst-password", "ssh", "sshpass")
def burst_password(person, family, until):
    """The same by password, half of it to dropbear."""
    def act(_number):
        _burst(person, [by_password(ssh(person, family, "true", port=port, keys=(),
                                        options=("-o", "PubkeyAuthentication=no")))
                        for port in (logins.SSH, logins.DROPBEAR)] * 6)
    return every(45, until, act)


@habit("monitor", PLUGINS + "check_ssh", PLUGINS + "check_tcp", PLUGINS + "check_ftp")
def monitor(person, family, until):
    """Looks at every login port and leaves, once it has seen the greeting or at once."""
    target = person.target[family]

    def act(_number):
        for port in logins.SSH, logins.DROPBEAR:
            run(person, [PLUGINS + "check_ssh", "-p", port, target])
        run(person, [PLUGINS + "check_ftp", "-H", target])
        for port in logins.SSH, logins.TELNET, logins.FTP, logins.MQTT, logins.HTTP, logins.RTSP:
            run(person, [PLUGINS + "check_tcp", "-H", target, "-p", port])
    return every(5, until, act)


@habit("git", "git", "ssh")
def git(person, family, until):
    """Clones, then fetches again and again, as a build server does."""
    where = f"repo-{person.address[4]}.git"
    environment = {"GIT_SSH_COMMAND": " ".join(["ssh", *ssh_options(person, keys=[person.network.key])]),
                   "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "w", "GIT_AUTHOR_EMAIL": "w@lab",
                   "GIT_COMMITTER_NAME": "w", "GIT_COMMITTER_EMAIL": "w@lab"}
    url = f"ssh://{logins.USER}@{host(person, family)}/home/{logins.USER}/{where}"
    run(person, ssh(person, family, "git", "init", "-q", "--bare", where))

    def act(number):
        if number % 10 == 0:
            run(person, ["git", "clone", "-q", url, f"clone-{number}"], env=environment)
            return
        inside = ["git", "-C", f"clone-{number - number % 10}"]
        run(person, [*inside, "commit", "-q", "--allow-empty", "-m", str(number)], env=environment)
        for verb in ("push", "-q", "origin", "HEAD"), ("fetch", "-q", "origin"), ("ls-remote", "-q"):
            run(person, [*inside, *verb], env=environment)
    return every(4, until, act)


@habit("many-keys", "ssh", "ssh-add", "ssh-agent")
def many_keys(person, family, until):
    """A laptop's agent offers five keys before one fits; now and then none does, and the password."""
    keys = [os.path.join(person.home, f"key{n}") for n in range(5)]
    for key in keys:
        run(person, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
    socket = os.path.join(person.home, "agent")
    agent = person.popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        with open(person.network.key, encoding="utf-8") as file:
            good = file.read()
        last = os.path.join(person.home, "good")
        with open(os.open(last, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(good)
        run(person, ["ssh-add", "-q", *keys, last], env={"SSH_AUTH_SOCK": socket})
        options = ("-o", "IdentitiesOnly=no")

        def act(number):
            port = (logins.SSH, logins.DROPBEAR)[number % 2]
            run(person, ssh(person, family, "true", port=port, keys=(), options=options),
                env={"SSH_AUTH_SOCK": socket})
            if number % 6 == 5:
                run(person, by_password(ssh(person, family, "true", keys=keys[:4])))
        return every(8, until, act)
    finally:
        agent.terminate()
        agent.wait()


@habit("multiplexed", "ssh")
def multiplexed(person, family, until):
    """One connection for many sessions, kept for a while after the last of them."""
    options = ("-o", "ControlMaster=auto", "-o", f"ControlPath={person.home}/mux",
               "-o", "ControlPersist=5")

    def act(number):
        # The first is told to stay: it must not keep the pipe of its output open.
        with open(os.devnull, "wb") as nowhere:
            run(person, ssh(person, family, "true", options=options), stdout=nowhere, stderr=nowhere)
        if number % 8 == 7:
            time.sleep(7)
    return every(1.5, until, act)


@habit("reconnects", "ssh")
def reconnects(person, family, until):
    """A tunnel that is kept up, and whose link breaks: killed, and begun again."""
    def act(_number):
        argv = ssh(person, family, options=("-N", "-R", "0:localhost:9"))
        process = person.popen(argv, stdout=subprocess.DEVNULL)
        time.sleep(12)
        check(process.poll() is None, f"the tunnel ended with {process.returncode}")
        process.kill()
        process.wait()
    return every(15, until, act)


@habit("sftp", "sftp")
def sftp(person, family, until):
    """Files by sftp, by key and by password."""
    with open(os.path.join(person.home, "batch"), "w", encoding="utf-8") as file:
        file.write("get notes.txt\nls\nput notes.txt other.txt\n")

    def act(number):
        argv = ["sftp", "-q", "-oBatchMode=no", "-b", "batch",
                *ssh_options(person, keys=[person.network.key] if number % 2 else ()),
                f"{logins.USER}@{host(person, family)}"]
        run(person, argv if number % 2 else by_password(argv))
    return every(12, until, act)


@habit("shell", "ssh")
def shell(person, family, until):
    """Someone at work on a terminal over ssh."""
    work = [("$", "cat notes.txt"), ("", "ls -l"), ("$", "id")] * 4

    def act(_number):
        typed(person, 80, [*work, ("$", "exit")], ssh(person, family))
    return every(60, until, act)
