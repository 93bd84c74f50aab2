# SPDX-License-Identifier: GPL-2.0-or-later
"""A board's device tree with the one processor that the machine has.

Of more than one, Linux says at each boot that the interrupt controller's mask for them cannot be found
(drivers/irqchip/irq-gic.c), and a kernel for one processor warns of the others. Nodes are overwritten by what stands
for nothing (FDT_NOP; Devicetree Specification 0.4, 5.4), so that the rest stays where it is.
"""

import struct
from pathlib import Path

from . import BuildError

MAGIC = 0xd00dfeed
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
NOTHING = struct.pack(">I", NOP)


def _padded(length: int) -> int:
    return (length + 3) & ~3


def _without_others(data: bytes) -> bytes:
    magic, _, place, strings = struct.unpack_from(">4I", data)
    if magic != MAGIC:
        raise ValueError("it is none")
    out, path, began = bytearray(data), [], 0
    while (token := struct.unpack_from(">I", data, place)[0]) != END:
        start, place = place, place + 4
        if token == BEGIN_NODE:
            end = data.index(b"\0", place)
            path.append(data[place:end])
            place += _padded(end + 1 - place)
            if len(path) == 3 and path[1] == b"cpus" and path[2].startswith(b"cpu@") and path[2] != b"cpu@0":
                began = start
        elif token == END_NODE:
            if began and len(path) == 3:
                out[began:place] = NOTHING * ((place - began) // 4)
                began = 0
            path.pop()
        elif token == PROP:
            length, name = struct.unpack_from(">2I", data, place)
            place += 8 + _padded(length)
            if data.startswith(b"interrupt-affinity\0", strings + name):  # names those that are gone
                out[start:place] = NOTHING * ((place - start) // 4)
        elif token != NOP:
            raise ValueError(f"it has a token {token}")
    return bytes(out)


def keep_one(file: Path) -> None:
    try:
        file.write_bytes(_without_others(file.read_bytes()))
    except (ValueError, IndexError, struct.error) as error:
        raise BuildError(f"{file.name} is no device tree that can be read: {error}") from error
