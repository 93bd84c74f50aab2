# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary life: peer-to-peer with aria2 and a tracker; most peers that it names have gone."""

import contextlib
import hashlib
import os
import urllib.parse

import device
import net
from case import check
from life import act
from life_udp import begin, finish

GONE, LATER = 40, 24  # peers that left before, and that come after the device has left
PIECE = 1 << 15


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        return b"%d:%s" % (len(data), data)
    return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"


def write_torrent(path, content, announce):
    """Writes the torrent file; its info hash."""
    with open(content, "rb") as file:
        data = file.read()
    pieces = b"".join(hashlib.sha1(data[at:at + PIECE]).digest()
                      for at in range(0, len(data), PIECE))
    info = {"name": os.path.basename(content), "length": len(data), "piece length": PIECE,
            "pieces": pieces}
    with open(path, "wb") as file:
        file.write(bencode({"announce": announce, "info": info}))
    return hashlib.sha1(bencode(info)).digest()


def _aria2(torrent, directory, port, address):
    return ["aria2c", "--no-conf", "-q", "-V", "-d", directory, f"--listen-port={port}",
            f"--interface={address}", "--seed-time=5", "--bt-max-peers=60", "--enable-dht=true",
            f"--dht-listen-port={port}", f"--dht-file-path={directory}/dht-{port}",
            f"--dht-entry-point={address}:{port}", "--bt-enable-lpd=true", "--file-allocation=none",
            "--max-upload-limit=600K", "--bt-tracker-interval=2",
            "--allow-overwrite=true", torrent]


def _announce_gone(life, tracker, digest):
    """Peers that told the tracker of themselves and left."""
    for number, (v4, _v6) in enumerate(life.strangers("peers", GONE)):
        query = urllib.parse.urlencode({
            "info_hash": digest, "peer_id": f"-XX0001-{number:012}", "port": 20000 + number,
            "uploaded": 0, "downloaded": 0, "left": 0, "compact": 1, "event": "started"})
        life.far.run(["curl", "-sS", "--interface", v4, "-o", "/dev/null", f"{tracker}?{query}"])


@act("peers", "aria2c", "opentracker", "curl")
def peers(life):
    """The device joins a swarm, gets its file, and leaves; the swarm does not know that."""
    root, leech = (os.path.dirname(life.path(name, "x")) for name in ("swarm", "leech"))
    film, torrent = os.path.join(root, "film"), life.path("film.torrent")
    with open(film, "wb") as file:
        file.write(os.urandom(1 << 20))
    at = life.stranger("peers")[0]
    tracker = f"http://{at}:6969/announce"
    digest = write_torrent(torrent, film, tracker)
    running = [life.start(life.far, ["opentracker", "-i", at, "-p", 6969, "-P", 6969, "-d",
                                     life.directory, "-u", "nobody"], "tracker")]
    got = os.path.join(leech, "film")
    try:
        net.wait_for(lambda: device.listening(life.far, 6, 6969), 5, "the tracker")
        _announce_gone(life, tracker, digest)
        for number, (v4, _v6) in enumerate(life.strangers("peers", 6)):
            running.append(life.start(life.far, _aria2(torrent, root, 6900 + number, v4), "peer"))
        mine = life.start(life.device, _aria2(torrent, leech, 6881, "10.7.0.1"), "leech")
        running.append(mine)
        # Which peers aria2 tries first is its own affair: a film that comes too late is ordinary, too.
        with contextlib.suppress(net.Timeout):
            net.wait_for(lambda: os.path.exists(got) and not os.path.exists(got + ".aria2"), 20,
                         "the film")
        whole = os.path.exists(got) and not os.path.exists(got + ".aria2")
        life.end(mine)
        later = [begin(life, life.far, verb, v4, "10.7.0.1", 6881, 4, 100)
                 for v4, _v6 in life.strangers("peers", LATER) for verb in ("retry", "ask")]
        refused = sum(finish(one) for one in later)
    finally:
        life.end(*running)
        for name in os.listdir(leech):
            os.unlink(os.path.join(leech, name))
    check(refused == 4 * LATER, f"{refused} refusals: a bad lab")
    return (f"the film {'came' if whole else 'did not come'}; {GONE} of {GONE + 6} peers were gone; "
            f"{LATER} asked twice after the device had left")
