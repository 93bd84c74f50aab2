# SPDX-License-Identifier: GPL-2.0-or-later
"""Small servers: `servers.py udp PORT...` echoes; `servers.py tcp PORT...` greets and closes."""

import selectors
import socket
import sys


def main():
    kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
    selector = selectors.DefaultSelector()
    for port in map(int, sys.argv[2:]):
        server = socket.socket(socket.AF_INET6, kind)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.SOCK_DGRAM:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        server.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            server.listen(64)
        selector.register(server, selectors.EVENT_READ)
    while True:
        for key, _mask in selector.select():
            try:
                if kind == socket.SOCK_DGRAM:
                    # Answered from the address that was asked: the device has many.
                    data, about, _flags, peer = key.fileobj.recvmsg(2048, 256)
                    key.fileobj.sendmsg([data], about, 0, peer)
                else:
                    connection, _peer = key.fileobj.accept()
                    connection.sendall(b"hello\n")
                    connection.close()
            except OSError:
                pass


if __name__ == "__main__":
    main()
