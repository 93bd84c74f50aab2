# SPDX-License-Identifier: GPL-2.0-or-later
"""The guessers' tools, as command lines."""

import os
import shutil

import logins

WRONG = ("123456", "password", "12345678", "qwerty", "admin", "root", "letmein", "welcome", "monkey",
         "dragon", "master", "shadow", "sunshine", "princess", "football", "iloveyou", "trustno1",
         "superman", "batman", "starwars", "xc3511", "vizxv", "888888", "xmhdipc", "juantech", "54321",
         "support", "default", "guest", "anko")
assert len(WRONG) == 30

# service: the ports that serve it
SERVICES = {"ssh": (logins.SSH, logins.DROPBEAR), "telnet": (logins.TELNET, logins.LOGIN_TELNET),
            "ftp": (logins.FTP,), "http": (logins.HTTP, logins.BUSYBOX_HTTP), "mqtt": (logins.MQTT,),
            "rtsp": (logins.RTSP,)}
SERVICE_OF = {port: name for name, ports in SERVICES.items() for port in ports}


def _hydra(family, target, port, words, at_once):
    service = SERVICE_OF[port]
    scheme, page = ("http-get", "/") if service == "http" else (service, "")  # "/" means else, too
    host = f"[{target}]" if family == 6 else target
    return ["hydra", "-I", *(["-6"] if family == 6 else []), "-l", logins.USER, "-P", words, "-f",
            "-t", at_once, f"{scheme}://{host}:{port}{page}"]


def _medusa(_family, target, port, words, at_once):
    return ["medusa", "-h", target, "-u", logins.USER, "-P", words, "-f", "-M", SERVICE_OF[port],
            "-n", port, "-t", at_once]


def _ncrack(family, target, port, words, at_once):
    host = f"[{target}]" if family == 6 else target
    return ["ncrack", *(["-6"] if family == 6 else []), "-f", "--user", logins.USER, "-P", words,
            "-g", f"CL={at_once},cl={at_once}", f"{SERVICE_OF[port]}://{host}:{port}"]


# tool: (command line, services)
TOOLS = {"hydra": (_hydra, ("ssh", "telnet", "ftp", "http", "rtsp")),
         "medusa": (_medusa, ("ssh", "telnet", "ftp", "http")),
         "ncrack": (_ncrack, ("ssh", "telnet", "ftp", "http", "mqtt"))}


# Medusa has no IPv6, and Ncrack reads no IPv6 address: they guess through a relay on their own machine.
NO_IPV6 = ("medusa", "ncrack")


def relay(target, port):
    """From this machine's IPv4 to the target's IPv6."""
    return ["socat", f"TCP4-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", f"TCP6:[{target}]:{port}"]


def missing():
    return [tool for tool in (*TOOLS, "socat") if not shutil.which(tool)]


def word_list(directory, name, words):
    """Writes a list of passwords; its path."""
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(word + "\n" for word in words))
    return path


def guess(tool, family, target, port, words, at_once=4):
    """The command line of a tool that guesses USER's password at a port, by a file of words."""
    return TOOLS[tool][0](family, target, port, words, at_once)
