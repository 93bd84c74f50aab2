# SPDX-License-Identifier: GPL-2.0-or-later
"""What an attacker's host serves: a file by HTTP, FTP and bare TCP (nc), over IPv4 and IPv6. TFTP is dnsmasq's."""

import functools
import http.server
import os
import socket
import socketserver
import threading

LIMIT_S = 60


class _Http(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class _Ftp(socketserver.StreamRequestHandler):
    """As much of RFC 959 and 2428 as ftpget and ftpput ask for."""
    timeout = LIMIT_S

    def answer(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def listen(self, word):
        self.data = socket.create_server((self.connection.getsockname()[0], 0),
                                         family=self.connection.family)
        self.data.settimeout(LIMIT_S)
        host, port = self.data.getsockname()[:2]
        if word == "EPSV":
            self.answer(f"229 extended passive (|||{port}|)")
        else:
            self.answer(f"227 passive ({host.replace('.', ',')},{port >> 8},{port & 255})")

    def transfer(self, word, path):
        self.answer("150 here it comes")
        peer = self.data.accept()[0]
        with self.data, peer, open(path, "rb" if word == "RETR" else "wb") as file:
            peer.settimeout(LIMIT_S)
            if word == "RETR":
                peer.sendfile(file)
            else:
                while chunk := peer.recv(65536):
                    file.write(chunk)
        self.answer("226 done")

    def handle(self):
        self.answer("220 ready")
        for line in self.rfile:
            word, _, rest = line.decode("latin-1").strip().partition(" ")
            path = os.path.join(self.server.folder, os.path.basename(rest))
            if word in ("EPSV", "PASV"):
                self.listen(word)
            elif word in ("RETR", "STOR"):
                self.transfer(word, path)
            elif word == "SIZE":
                self.answer(f"213 {os.path.getsize(path)}")
            elif word == "QUIT":
                self.answer("221 bye")
                return
            else:
                self.answer({"USER": "331 password?", "PASS": "230 in", "TYPE": "200 so be it"}.get(
                    word, "502 not here"))


class _Give(socketserver.BaseRequestHandler):
    """Sends the file to whoever connects."""

    def handle(self):
        self.request.settimeout(LIMIT_S)
        with open(self.server.file, "rb") as file:
            self.request.sendfile(file)


class _Take(socketserver.BaseRequestHandler):
    """Takes what is sent."""

    def handle(self):
        self.request.settimeout(LIMIT_S)
        got = b""
        while chunk := self.request.recv(65536):
            got += chunk
        self.server.taken.append(got)
        self.server.arrived.release()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True

    def __init__(self, host, port, handler):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), handler)
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()


class Servers:
    """All of them, at each of the hosts; the files of `folder`, one of which nc is given."""

    HTTP, FTP, GIVE, TAKE = 80, 21, 4000, 4001

    def __init__(self, hosts, folder, file):
        self.servers, self.taken, self.arrived = [], [], threading.Semaphore(0)
        handler = functools.partial(_Http, directory=folder)
        for host in hosts:
            for port, kind in ((self.HTTP, handler), (self.FTP, _Ftp), (self.GIVE, _Give),
                               (self.TAKE, _Take)):
                server = _Server(host, port, kind)
                server.folder, server.file = folder, os.path.join(folder, file)
                server.taken, server.arrived = self.taken, self.arrived
                self.servers.append(server)

    def take(self):
        """What was sent last, waiting for it."""
        return self.taken.pop() if self.arrived.acquire(timeout=LIMIT_S) else None

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
