# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a device does all day, which floods then have to stand out from:

  quiet    nothing at all
  client   pages, logins, names, a dead service: client.py
  busy     that, a camera's 40 Mbit/s in and out, and a download of 100 MB after the other
"""

import sys

import device

NORMALS = ("quiet", "client", "busy")
MBIT, DATAGRAM = 40, 1316
HOURS_S = 7200  # longer than any run
PORT_OUT, PORT_IN, PORT_TCP = 8554, 8555, 8556
OWN = {4: "10.7.0.1", 6: "fd07::1"}
CLIENT = {4: "10.7.0.3", 6: "fd07::3"}


class Normal:
    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.client, self._processes = None, []
        if name == "quiet":
            return
        own, client = OWN[lab.family], CLIENT[lab.family]
        self.client = device.Client(lab.network, lab.services, lab.directory, [own])
        if name == "busy":
            self._camera(lab.network.device, own, PORT_OUT, lab.network.client, client)
            self._camera(lab.network.client, client, PORT_IN, lab.network.device, own)
            self._habit(lab.network.device, "serve_bytes", own, PORT_TCP, 100, HOURS_S)
            device_serves(lab.network.device, 6, PORT_TCP)
            self._habit(lab.network.client, "take_often", client, own, PORT_TCP, 5, HOURS_S)

    def _habit(self, where, verb, *arguments):
        self._processes.append(where.popen([sys.executable, "-B", device.HERE + "/habits.py", verb,
                                            *arguments]))

    def _camera(self, where, address, port, taker, taker_address):
        self._habit(where, "serve_stream", address, port, MBIT, DATAGRAM, HOURS_S)
        device_serves(where, 17, port)
        self._habit(taker, "take_stream", taker_address, address, port, 4000, HOURS_S)

    def wait_working(self):
        if self.client:
            self.client.wait_working()
        self.check()

    def check(self):
        ended = [p.args for p in self._processes if p.poll() is not None]
        if ended:
            raise RuntimeError(f"the normal load has ended: {ended[0]}")

    def stop(self):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(5)


def device_serves(where, proto, port):
    device.net.wait_for(lambda: device.listening(where, proto, port), 10, f"port {port}")
