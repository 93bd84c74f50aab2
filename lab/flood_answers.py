# SPDX-License-Identifier: GPL-2.0-or-later
"""
What reflectors send to whom they believe asked: the answers of services that amplify (US-CERT
TA14-017A), as bytes. Each is whole and valid, with made-up content.
"""

import struct


def _dns():
    """An answer to ANY with thirty TXT records (RFC 1035 §4)."""
    name = b"\7example\3org\0"
    head = struct.pack(">HHHHHH", 0x1234, 0x8580, 1, 30, 0, 0)
    text = b"v=spf1 -all " + b"x" * 20
    record = b"\xc0\x0c" + struct.pack(">HHIHB", 16, 1, 3600, len(text) + 1, len(text)) + text
    return head + name + struct.pack(">HH", 255, 1) + record * 30


def _ntp():
    """monlist: an answer of mode 7, implementation 3, code 42, six items of 72 bytes (ntp_request.h)."""
    head = struct.pack(">BBBBHH", 0x97, 0x00, 3, 42, 6, 72)
    return head + b"".join(struct.pack(">IIIIIIBB", n, 1, n, 1, 0x0a000000 + n, 0x0a000001, 3, 4)
                           .ljust(72, b"\0") for n in range(6))


def _ssdp():
    return (b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: upnp:rootdevice\r\n"
            b"USN: uuid:2f402f80-da50-11e1-9b23-001788a1b2c3::upnp:rootdevice\r\nEXT:\r\n"
            b"SERVER: Linux/3.14 UPnP/1.0 IpBridge/1.50\r\n"
            b"LOCATION: http://192.0.2.1:80/description.xml\r\n\r\n")


def _memcached():
    """A frame of a long value: request 1, datagram 3 of 100 (protocol.txt, UDP protocol)."""
    return struct.pack(">HHHH", 1, 3, 100, 0) + b"a" * 1392


def _coap():
    """A block of /.well-known/core: ACK, 2.05, Content-Format 40, Block2 (RFC 7252, 7959)."""
    links = b"</sensors/temperature>;rt=\"temperature\";if=\"sensor\","
    return bytes((0x62, 0x45, 0x12, 0x34, 1, 2, 0xc1, 40, 0xb1, 0x1e, 0xff)) + links * 20


def _snmp():
    """GetBulk's response (RFC 3416): sequences of sysDescr again and again."""
    def tlv(tag, content):
        size = len(content)
        return bytes((tag,)) + (bytes((size,)) if size < 128
                                else b"\x82" + struct.pack(">H", size)) + content
    oid = tlv(6, bytes((0x2b, 6, 1, 2, 1, 1, 1, 0)))
    binding = tlv(0x30, oid + tlv(4, b"Linux switch 2.6.32 #1 SMP armv5tel, a switch of 24 ports"))
    pdu = tlv(2, b"\x12\x34\x56\x78") + tlv(2, b"\0") + tlv(2, b"\0") + tlv(0x30, binding * 15)
    return tlv(0x30, tlv(2, b"\1") + tlv(4, b"public") + tlv(0xa2, pdu))


PORTS = {"DNS": 53, "NTP": 123, "SSDP": 1900, "memcached": 11211, "CoAP": 5683, "SNMP": 161}
ANSWERS = {"DNS": _dns(), "NTP": _ntp(), "SSDP": _ssdp(), "memcached": _memcached(),
           "CoAP": _coap(), "SNMP": _snmp()}
