# SPDX-License-Identifier: GPL-2.0-or-later
"""Habits (login_habits.py) of people and programs whose passwords go in clear text."""

import os
import time

import logins
from case import check
from login_habits import curl, every, habit, host, run, typed

GOOD = f"{logins.USER}:{logins.PASSWORD}"


def telnet(person, family, port=logins.TELNET):
    return ["telnet", person.target[family], str(port)]


def _login(password=logins.PASSWORD, prompt="login:"):
    return [(prompt, logins.USER), ("assword:", password)]


def _telnet_works(port):
    def works(person, family, until):
        """A minute's work over telnet; then a login for one command."""
        work = [("$", "cat notes.txt"), ("", "ls -l /"), ("$", "id")] * 4

        def act(number):
            typed(person, 90, [*_login(), *(work if number % 2 == 0 else work[:1]), ("$", "exit")],
                  telnet(person, family, port))
        return every(20, until, act)
    return works


habit("telnet-work", "telnet")(_telnet_works(logins.TELNET))
habit("telnet-work-pam", "telnet")(_telnet_works(logins.LOGIN_TELNET))


@habit("telnet-mistypes", "telnet")
def telnet_mistypes(person, family, until):
    """Wrong twice, then right, in one session; a hundred seconds later wrong thrice, then right."""
    def act(number):
        wrong = [word for n in range(2) for word in _login(f"Summer202{n}!")]
        if number % 2 == 0:
            typed(person, 90, [*wrong, *_login(), ("$", "exit")], telnet(person, family))
        else:
            typed(person, 90, [*wrong, *_login("Winter"), ("", "")], telnet(person, family))
            typed(person, 90, [*_login(), ("$", "exit")], telnet(person, family))
    return every(130, until, act)


@habit("ftp", "curl", "busybox", "wget")
def ftp(person, family, until):
    """Logs in over FTP and fetches, lists or stores, by three clients."""
    where = f"ftp://{host(person, family)}"

    def act(number):
        if number % 3 == 0:
            curl(person, "-u", GOOD, f"{where}/notes.txt", "--next", "-u", GOOD, f"{where}/")
        elif number % 3 == 1 and family == 4:
            run(person, ["busybox", "ftpget", "-u", logins.USER, "-p", logins.PASSWORD,
                         person.target[4], "got", "notes.txt"])
        else:
            run(person, ["wget", "-q", "-O", os.devnull, f"--user={logins.USER}",
                         f"--password={logins.PASSWORD}", f"{where}/notes.txt"])
    return every(4, until, act)


@habit("ftp-mistypes", "curl")
def ftp_mistypes(person, family, until):
    """A file manager that is told a wrong password three times, then the right one."""
    def act(_number):
        for password in ("Summer2020!", "Summer2021!", "Summer2022!"):
            curl(person, "-u", f"{logins.USER}:{password}", f"ftp://{host(person, family)}/",
                 expected=67)
            time.sleep(3)
        curl(person, "-u", GOOD, f"ftp://{host(person, family)}/notes.txt")
    return every(150, until, act)


@habit("digest", "curl")
def digest(person, family, until):
    """First a 401, then the digest, every time: what each HTTP and RTSP client of a camera does."""
    where = host(person, family)

    def act(_number):
        for url in f"http://{where}:{logins.DIGEST_HTTP}/", f"rtsp://{where}/live":
            told = curl(person, "--digest", "-u", GOOD, *(["-X", "DESCRIBE"] if "rtsp" in url else []),
                        url)
            check(told.endswith("200"), f"{url}: {told}")
        for port in logins.HTTP, logins.BUSYBOX_HTTP:
            told = curl(person, "--anyauth", "-u", GOOD, f"http://{where}:{port}/index.html")
            check(told.endswith("200"), f"port {port}: {told}")
    return every(2, until, act)


@habit("browser", "curl")
def browser(person, family, until):
    """A page of twelve parts behind a password, fetched in parallel; the first answer is 401."""
    page = f"http://{host(person, family)}/index.html"

    def act(number):
        check(curl(person, page) == "401", "no password was asked for")
        if number % 10 == 3:  # mistyped
            for password in "Summer2020!", "Summer2021!":
                check(curl(person, "-u", f"{logins.USER}:{password}", page) == "401", "let in")
                time.sleep(3)
        told = curl(person, "--parallel", "-u", GOOD, *(["-o", os.devnull, page] * 12))
        check(told.count("200") == 13 - (told.count("200") == 12), f"a page of parts: {told}")
    return every(10, until, act)


@habit("mqtt", "mosquitto_pub", "mosquitto_sub")
def mqtt(person, family, until):
    """A sensor that tells its value on a connection of its own each time, and a listener that reconnects."""
    account = ["-h", person.target[family], "-u", logins.USER, "-P", logins.PASSWORD]

    def act(number):
        run(person, ["mosquitto_pub", *account, "-t", "room/heat", "-m", number, "-q", "1"])
        if number % 5 == 0:
            run(person, ["mosquitto_sub", *account, "-t", "room/#", "-W", "2"], 27)
    return every(1, until, act)
