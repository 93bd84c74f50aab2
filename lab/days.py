# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures as days: each comes again and again, moved in time, as one stream for `replay -`."""

import struct

HEADER = struct.Struct("<IHHiIII")
RECORD = struct.Struct("<IIII")


def _records(path):
    """[(microseconds, record's sizes, frame)] of a pcap file of this machine's byte order."""
    with open(path, "rb") as file:
        data = file.read()
    at, found = HEADER.size, []
    while at + RECORD.size <= len(data):
        seconds, micros, captured, wire = RECORD.unpack_from(data, at)
        frame = data[at + RECORD.size:at + RECORD.size + captured]
        found.append((seconds * 1000000 + micros, wire, frame))
        at += RECORD.size + captured
    return data[:HEADER.size], found


def plain_ethernet(path):
    """Can spread() read it?"""
    with open(path, "rb") as file:
        head = file.read(HEADER.size)
    return len(head) == HEADER.size and HEADER.unpack(head)[0::6] == (0xA1B2C3D4, 1)


def spread(paths, gap_s, times, write):
    """Writes all captures one after the other, `gap_s` apart, so many times: of one link type."""
    captures = [_records(path) for path in paths]
    captures = [(header, records) for header, records in captures if records]
    now = captures[0][1][0][0]
    write(captures[0][0])
    for _ in range(times):
        for _header, records in captures:
            first = records[0][0]
            write(b"".join(RECORD.pack(*divmod(now + t - first, 1000000), len(frame), wire) + frame
                           for t, wire, frame in records))
            now += records[-1][0] - first + gap_s * 1000000
    return now
