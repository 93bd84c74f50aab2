# SPDX-License-Identifier: GPL-2.0-or-later
"""
A camera's servers: `digests.py USER PASSWORD rtsp:PORT http:PORT` answer 401 until a request is
authenticated by a digest (RFC 2069's, as cameras do) or basic, one thread a connection.
"""

import base64
import hashlib
import re
import socket
import socketserver
import sys
import threading

REALM, NONCE = "device", "8f1c2b3a4d5e6f70"
TIMEOUT_S, REQUESTS, BODY = 30, 100, b"v=0\r\ns=camera\r\nm=video 0 RTP/AVP 96\r\n"


def _md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def authorized(head, method, user, password):
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    if re.search(rf"^authorization: basic {re.escape(basic)}\r?$", head, re.I | re.M):
        return True
    given = dict(re.findall(r'(\w+)="?([^",\r]*)"?', head.partition("Digest ")[2].split("\n")[0]))
    wanted = _md5(f"{_md5(f'{user}:{REALM}:{password}')}:{NONCE}:"
                  f"{_md5(method + ':' + given.get('uri', ''))}")
    return given.get("username") == user and given.get("response") == wanted


class Handler(socketserver.StreamRequestHandler):
    timeout = TIMEOUT_S

    def handle(self):
        for _ in range(REQUESTS):
            head = ""
            while not head.endswith("\r\n\r\n"):
                line = self.rfile.readline(4096)
                if not line:
                    return
                head += line.decode("latin-1")
            self.answer(head)

    def answer(self, head):
        method, _, version = head.split("\r\n")[0].partition(" ")
        version = version.rsplit(" ", 1)[-1]
        lines = re.findall(r"^CSeq: .*(?=\r)", head, re.M)
        good = method == "OPTIONS" or authorized(head, method, *self.server.account)
        if not good:
            lines += [f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"',
                      f'WWW-Authenticate: Basic realm="{REALM}"']
        body = BODY if good and method != "OPTIONS" else b""
        lines += ["Public: OPTIONS, DESCRIBE", f"Content-Length: {len(body)}"]
        status = "200 OK" if good else "401 Unauthorized"
        self.wfile.write("\r\n".join([f"{version} {status}", *lines, "", ""]).encode() + body)


class Server(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True
    request_queue_size = 64

    def __init__(self, port, account):
        self.account = account
        super().__init__(("::", port), Handler)

    def handle_error(self, request, client_address):
        """A client that went away is no error."""


def main():
    user, password, *services = sys.argv[1:]
    servers = [Server(int(one.split(":")[1]), (user, password)) for one in services]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
