# SPDX-License-Identifier: GPL-2.0-or-later
"""A telnet client as a login tool has it (RFC 854): it refuses every option but echo and go-ahead."""

import re
import secrets
import socket
import time

IAC, DO_NOT, DO, WILL_NOT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
ECHO, SUPPRESS_GO_AHEAD = 1, 3


class TelnetError(Exception):
    """The other end did not say what was expected."""


class Telnet:
    def __init__(self, host, port=23, limit_s=20):
        self.socket = socket.create_connection((host, port), timeout=limit_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.limit_s = limit_s
        self.raw, self.text = b"", b""
        self.prompt = b"$ "

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _negotiate(self):
        """Takes commands out of what came, answers them, keeps the rest as text."""
        raw, at = self.raw, 0
        while at < len(raw):
            cut = raw.find(IAC, at)
            if cut < 0:
                self.text += raw[at:]
                at = len(raw)
                break
            self.text += raw[at:cut]
            at = cut
            if len(raw) < at + 2:
                break
            verb = raw[at + 1]
            if verb == SB:
                end = raw.find(bytes([IAC, SE]), at)
                if end < 0:
                    break
                at = end + 2
            elif verb in (DO, DO_NOT, WILL, WILL_NOT):
                if len(raw) < at + 3:
                    break
                option = raw[at + 2]
                if verb == WILL:
                    answer = DO if option in (ECHO, SUPPRESS_GO_AHEAD) else DO_NOT
                    self.socket.sendall(bytes([IAC, answer, option]))
                elif verb == DO:
                    self.socket.sendall(bytes([IAC, WILL_NOT, option]))
                at += 3
            else:
                self.text += bytes([IAC]) if verb == IAC else b""
                at += 2
        self.raw = raw[at:]
        # BusyBox's line editing asks a terminal where its cursor is; a login tool is none and says nothing.
        self.text = self.text.replace(b"\x1b[6n", b"")

    def until(self, what, limit_s=None):
        """All text up to and including `what`: bytes, or a compiled pattern."""
        pattern = what if isinstance(what, re.Pattern) else re.compile(re.escape(what))
        end = time.monotonic() + (limit_s or self.limit_s)
        while True:
            match = pattern.search(self.text)
            if match:
                text, self.text = self.text[:match.end()], self.text[match.end():]
                return text
            left = end - time.monotonic()
            if left <= 0:
                raise TelnetError(f"no {pattern.pattern!r}, but {self.text[-200:]!r}")
            self.socket.settimeout(left)
            try:
                got = self.socket.recv(65536)
            except TimeoutError:
                continue
            if not got:
                raise TelnetError(f"closed before {pattern.pattern!r}, after {self.text[-200:]!r}")
            self.raw += got
            self._negotiate()

    def send(self, text):
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def login(self, user, password):
        self.until(re.compile(rb"login: *$"))
        self.send(user + "\r\n")
        self.until(b"assword: ")
        self.send(password + "\r\n")
        text = self.until(re.compile(rb"[#$] $|ncorrect"))
        if text.endswith(b"ncorrect"):
            raise TelnetError(f"{user} is not let in")
        self.prompt = text[-2:]

    def su(self, password):
        self.send("su\r\n")
        self.until(b"assword: ")
        self.send(password + "\r\n")
        text = self.until(re.compile(rb"# $|ncorrect"))
        if not text.endswith(b"# "):
            raise TelnetError("su: the password of root is not taken")
        self.prompt = b"# "

    def run(self, command, limit_s=None):
        """(status, output) of a command. The mark is not in the line itself, which is echoed."""
        mark = secrets.token_hex(4)
        self.send(f"{command}; echo {mark[:4]}''{mark[4:]} $?\r\n")
        text = self.until(re.compile(rb"(?s)" + mark.encode() + rb" (\d+)\r?\n.*?[#$] $"), limit_s)
        match = re.search(rb"(?s)\r?\n(.*?)" + mark.encode() + rb" (\d+)\r?\n", text)
        return int(match[2]), match[1].decode("latin-1").replace("\r\n", "\n").strip()

    def must(self, command, limit_s=None):
        status, output = self.run(command, limit_s)
        if status:
            raise TelnetError(f"\"{command}\" ended with {status}: {output[-200:]}")
        return output
