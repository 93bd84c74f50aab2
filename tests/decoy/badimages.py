# SPDX-License-Identifier: GPL-2.0-or-later
"""Disk images that no import may take: each function makes one, or returns what makes it, of (path, bench)."""

import os
import struct
import subprocess

BIG = "mips"  # the big-endian decoy, whose old-style disk is what good ones are copied from


class Wrong(Exception):
    """It did not do what it has to."""


def need(condition, reason):
    if not condition:
        raise Wrong(reason)


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    need(done.returncode == 0, f"{' '.join(argv)}: {done.stderr or done.stdout}")
    return done.stdout


def bytes_of(data):
    def make(path, _bench):
        with open(path, "wb") as file:
            file.write(data)
    return make


def created(*options):
    return lambda path, _bench: run("qemu-img", "create", "-q", *options[:-1], path, options[-1])


def copied(change):
    """A good disk, changed by this."""
    def make(path, bench):
        run("cp", "--sparse=always", f"{bench.old(BIG)}/disk.img", path)
        change(path)
    return make


def to_qcow2(path):
    run("qemu-img", "convert", "-O", "qcow2", path, path + ".2")
    os.replace(path + ".2", path)


def cut_qcow2(path):
    to_qcow2(path)
    os.truncate(path, 3000)


def refers(name):
    """To a file of this host, whose text would be on the guest's disk: by the very header."""
    def make(path, _bench):
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", name, "-F", "raw", path)
    return make


def keeps_data_in(path, _bench):
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o",
        f"data_file={path}.raw,data_file_raw=on", path, "16M")


def bomb(path, _bench=None):
    """A qcow2 image of 400 kB that holds 24 GB: all its clusters are one and the same."""
    size, cluster = 24 << 30, 65536
    tables = size // (cluster * cluster // 8)
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, size, 0, tables,
                       3 * cluster, cluster, 1, 0, 0)
    pages = [head, struct.pack(">Q", 2 * cluster), struct.pack(">6H", *[1] * 6),
             struct.pack(">Q", 4 * cluster) * tables, struct.pack(">Q", 5 * cluster) * (cluster // 8),
             b"x" * cluster]
    with open(path, "wb") as file:
        file.write(b"".join(page.ljust(cluster, b"\0") for page in pages))
