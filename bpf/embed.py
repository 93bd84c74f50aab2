#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py OBJECT SECTION NAME OUTPUT: a BPF program's instructions as an array in C."""

import struct
import sys

SHT_RELA, SHT_REL = 4, 9


def sections(image):
    """The sections' names, types and bytes of a 64-bit ELF object, of either byte order."""
    if image[:5] != b"\x7fELF\x02":
        sys.exit("not a 64-bit ELF object")
    order = "<" if image[5] == 1 else ">"
    offset, = struct.unpack_from(order + "Q", image, 40)
    size, count, names = struct.unpack_from(order + "3H", image, 58)
    rows = [struct.unpack_from(order + "2I4Q", image, offset + i * size) for i in range(count)]
    strings = rows[names][4]
    for name, kind, _flags, _address, at, length in rows:
        end = image.index(b"\0", strings + name)
        yield image[strings + name:end].decode(), kind, image[at:at + length]


def main():
    path, wanted, name, output = sys.argv[1:]
    with open(path, "rb") as file:
        found = list(sections(file.read()))
    # The loader knows of no relocations: there must not be any.
    if any(kind in (SHT_REL, SHT_RELA) for _name, kind, _data in found):
        sys.exit(f"{path}: something is left to be relocated")
    code = next((data for section, _kind, data in found if section == wanted), b"")
    if not code or len(code) % 8:
        sys.exit(f"{path}: no program in section {wanted}")
    with open(output, "w", encoding="ascii") as file:
        file.write('#include "sensor/bpf-program.h"\n\n'
                   f"const unsigned int {name}_len = {len(code) // 8};\n"
                   f"const struct bpf_insn_bytes {name}[{len(code) // 8}] = {{\n")
        for i in range(0, len(code), 8):
            file.write("\t{ { " + ", ".join(f"{b:#04x}" for b in code[i:i + 8]) + " } },\n")
        file.write("};\n")


if __name__ == "__main__":
    main()
