# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ordinary life that moves much: cameras, downloads, crowds. As many packets as a flood has, each wanted.
"""

import concurrent.futures
import re
import subprocess
import time

import device
import net
from case import check
from life import STRANGERS, act
from life_udp import begin, bound, finish

MBIT = 40
OWN = "10.7.0.1", "fd07::1"
PUBLIC = "10.7.0.1", "2001:db8:7::1"
STREAM_S = 5


def _stream(life, sender, sender_addresses, taker, taker_addresses, port, **more):
    """A stream over each family at once; how many datagrams came."""
    mbit, size, every = more.get("mbit", MBIT), more.get("size", 1316), more.get("every", 4000)
    servers, takers = [], []
    for address in sender_addresses:
        servers.append(begin(life, sender, "serve_stream", address, port, mbit / 2, size, STREAM_S))
    bound(sender, port)
    for source, address in zip(taker_addresses, sender_addresses):
        takers.append(begin(life, taker, "take_stream", source, address, port, every, STREAM_S))
    came = [finish(one) for one in takers]
    sent = sum(finish(one) for one in servers)
    check(sum(came) > 0.5 * mbit * 125000 / size * STREAM_S, f"{sent} sent, {came} came: a bad lab")
    return f"{sum(came)} datagrams of {size} bytes"


@act("camera", bulk=True)
def camera(life):
    """The device is a camera: 40 Mbit/s to whoever asked."""
    return _stream(life, life.device, OWN, life.near, life.neighbour("camera"), 5004)


@act("recorder", bulk=True)
def recorder(life):
    """The device records a camera's 40 Mbit/s."""
    return _stream(life, life.near, life.neighbour("recorder"), life.device, OWN, 5004)


@act("recorder-by-rtsp", bulk=True)
def recorder_by_rtsp(life):
    """The camera is asked over TCP, and sends to a port from which nothing ever goes out."""
    v4, _v6 = life.neighbour("recorder-by-rtsp")
    control = begin(life, life.near, "serve_bytes", v4, 554, 1, STREAM_S)
    net.wait_for(lambda: device.listening(life.near, 6, 554), 5, "the camera's control port")
    hears = begin(life, life.device, "hear_stream", OWN[0], 6970, STREAM_S)
    bound(life.device, 6970)
    life.do(life.device, "take_bytes", OWN[0], v4, 554, 1)
    sent = life.do(life.near, "push_stream", v4, OWN[0], 6970, MBIT, 1316, STREAM_S - 1)
    came = finish(hears)
    finish(control)
    check(came > sent / 2 > 1000, f"{sent} sent, {came} came: a bad lab")
    return f"{came} datagrams"


@act("quic-download", bulk=True)
def quic_download(life):
    """The device downloads from UDP port 443, 80 Mbit/s, one acknowledgement for ten datagrams."""
    return _stream(life, life.far, life.stranger("quic-download"), life.device, PUBLIC, 443, mbit=80,
                   size=1250, every=10)


@act("quic-upload", bulk=True)
def quic_upload(life):
    """Others download from the device's UDP port 443."""
    return _stream(life, life.device, PUBLIC, life.far, life.stranger("quic-upload"), 443, mbit=80,
                   size=1250, every=10)


@act("network-files", bulk=True)
def network_files(life):
    """Datagrams of 8 and 32 kB in fragments, as NFS over UDP reads them."""
    return "; ".join(_stream(life, life.near, life.neighbour("network-files"), life.device, OWN, port,
                             size=size, every=4) for port, size in ((2049, 8192), (2050, 32768)))


@act("downloads", bulk=True)
def downloads(life):
    """100 MB by TCP as fast as the wire has it, to the device and from it."""
    done = 0
    for server, served, client, asking in (
            (life.device, OWN, life.near, life.neighbour("downloads")),
            (life.far, life.stranger("downloads"), life.device, PUBLIC)):
        for address, source in zip(served, asking):
            serves = begin(life, server, "serve_bytes", address, 8088, 100, 8)
            net.wait_for(lambda where=server: device.listening(where, 6, 8088), 5, "the server")
            done += life.do(client, "take_bytes", source, address, 8088, 2)
            life.end(serves)
    check(done == 800, f"{done} MB: a bad lab")
    return f"{done} MB"


@act("iperf3", "iperf3", bulk=True)
def iperf3(life):
    """The device measures its line: TCP and 40 Mbit/s of UDP, there and back."""
    said = []
    for address, own in zip(life.neighbour("iperf3"), OWN):
        server = life.start(life.near, ["iperf3", "-s", "-B", address, "-p", 5201], "iperf3")
        net.wait_for(lambda: device.listening(life.near, 6, 5201), 5, "iperf3")
        for options in (), ("-R",), ("-u", "-b", "40M"), ("-u", "-b", "40M", "-R"):
            out = life.device.run(["iperf3", "-c", address, "-B", own, "-p", 5201, "-t", 2, "-f", "m",
                                   *options])
            said.append(re.findall(r"(\d[\d.]* Mbits)/sec.*receiver", out)[-1])
        life.end(server)
    return ", ".join(said)


@act("pings", "ping", bulk=True)
def pings(life):
    """ping -f for a second or two, both ways, and large ones."""
    answers = 0
    for where, target, own in ((life.near, OWN[0], life.neighbour("pings")[0]),
                               (life.device, life.neighbour("pings")[0], OWN[0])):
        for size in 56, 1400:
            out = where.run(["ping", "-q", "-f", "-c", 500, "-w", 3, "-s", size, "-I", own, target])
            answers += int(out.split(" received")[0].split()[-1])
    check(answers > 500, f"{answers} answers: a bad lab")
    return f"{answers} answers"


@act("clients-come-back", "nginx", bulk=True)
def clients_come_back(life):
    """A thousand clients whose server was away for a moment: all ask at once, and again until it is back."""
    life.device.nft("table inet away { chain in { type filter hook input priority 0; "
                    "tcp dport 80 tcp flags & (syn | ack) == syn reject with tcp reset; }; }")
    life.who.update((f"198.18.{n}.{m}", "clients-come-back") for n in range(256) for m in range(256))
    crowds = [begin(life, life.far, "crowd", prefix, target, 80, 500, 2)
              for prefix, target in zip(STRANGERS, PUBLIC)]
    time.sleep(2)
    life.device.run(["nft", "delete", "table", "inet", "away"])
    done = [finish(one, 40) for one in crowds]
    check(sum(done) > 900, f"{done} pages: a bad lab")
    return f"{sum(done)} of 1000 clients have their page"


@act("held-for-long", bulk=True)
def held_for_long(life):
    """Three hundred connections that stay after their page, as browsers' and web sockets do."""
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda pair: life.do(life.far, "stay", pair[0], "10.7.0.1", 80, 50, 8),
                             life.strangers("held-for-long", 6)))
    check(sum(done) > 200, f"{done} held: a bad lab")
    return f"{sum(done)} connections held"


@act("many-peers", bulk=True)
def many_peers(life):
    """Sixty peers, whom nobody had asked, talk to a file sharer's UDP port, and are answered."""
    served = begin(life, life.device, "peer_serve", "10.7.0.1", 6881, 7)
    bound(life.device, 6881)
    answered = life.do(life.far, "peer_ask", "198.18.0.0/16", "10.7.0.1", 6881, 60, 20, 5)
    came = finish(served)
    check(answered > 3000, f"{came} came, {answered} answered: a bad lab")
    return f"{answered} answers to 60 peers"


@act("television", bulk=True)
def television(life):
    """Multicast that the switch sends to everyone: 20 Mbit/s of television, and mDNS chatter."""
    v4, _v6 = life.neighbour("television")
    life.near.ip(f"route replace 239.1.1.1/32 dev eth0 src {v4}",
                 f"route replace 224.0.0.251/32 dev eth0 src {v4}")
    sends = begin(life, life.near, "push_stream", v4, "239.1.1.1", 5000, 20, 1316, STREAM_S)
    chatter = life.do(life.near, "push_stream", v4, "224.0.0.251", 5353, 0.5, 200, STREAM_S)
    sent = finish(sends)
    check(sent > 5000 and chatter > 1000, f"{sent}, {chatter}: a bad lab")
    return f"{sent} packets of television, {chatter} of mDNS"


@act("log-server", bulk=True)
def log_server(life):
    """Three machines write their logs to the device by UDP, 20 lines a second each, nothing goes back."""
    hears = begin(life, life.device, "hear_stream", "10.7.0.1", 514, STREAM_S + 1)
    bound(life.device, 514)
    sends = [begin(life, life.near, "push_stream", life.neighbour("log-server")[0], "10.7.0.1", 514,
                   0.032, 200, STREAM_S) for _ in range(3)]
    sent = sum(finish(one) for one in sends)
    came = finish(hears)
    check(came > sent / 2 > 100, f"{sent} sent, {came} came: a bad lab")
    return f"{came} lines"


@act("upload", "curl", bulk=True)
def upload(life):
    """The device sends a backup away, and its own pings and questions go on."""
    v4 = life.stranger("upload")[0]
    serves = begin(life, life.device, "serve_bytes", "10.7.0.1", 8089, 200, 6)
    net.wait_for(lambda: device.listening(life.device, 6, 8089), 5, "the server")
    pinging = life.device.popen(["ping", "-q", "-i", "0.05", "-c", 60, v4],
                                stdout=subprocess.DEVNULL)
    done = life.do(life.far, "take_bytes", v4, "10.7.0.1", 8089, 1)
    pinging.wait(10)
    life.end(serves)
    check(done == 200, f"{done} MB: a bad lab")
    return f"{done} MB"
