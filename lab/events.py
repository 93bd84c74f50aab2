# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads events as a user of the file would, and holds each against docs/eve.schema.json."""

import datetime
import ipaddress
import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCHEMA = os.environ.get("MIMAMORI_SCHEMA") or os.path.join(ROOT, "docs", "eve.schema.json")


class Event:
    """One line; `t` is its time in Unix microseconds."""

    def __init__(self, data):
        self.data = data
        stamp = datetime.datetime.strptime(data["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        self.t = (stamp - epoch) // datetime.timedelta(microseconds=1)

    @property
    def finding(self):
        return self.data.get("mimamori", {})

    @property
    def peer(self):
        return self.finding.get("peer_prefix", "")

    def about(self, address):
        """Does its peer prefix, or its source, cover the address? Decoys accuse only who is real."""
        address = ipaddress.ip_address(address)
        if self.finding.get("scope") == "decoys" and "real" not in self.finding:
            return False
        if self.finding.get("kind") == "flood" and self.finding.get("scope") != "host":
            return False  # a flood's prefix holds whoever is not in it, too
        if self.data.get("src_ip") and ipaddress.ip_address(self.data["src_ip"]) == address:
            return True
        if self.finding.get("scope") == "distributed":  # the prefix holds more than its peers
            return str(address) in self.finding.get("peer_sample", [])
        try:
            return address in ipaddress.ip_network(self.peer, strict=False)
        except ValueError:
            return False

    def is_peer(self, address):
        """Is its peer exactly this one address?"""
        return self.peer != "" and (ipaddress.ip_network(self.peer, strict=False)
                                    == ipaddress.ip_network(address))

    def __str__(self):
        f = self.finding
        if f.get("kind") == "flood":
            amount = (f"{f['connections']} connections" if "connections" in f else
                      f"{f.get('packets')} packets, {f.get('packets_per_second')}/s")
            return (f"flood/{f['technique']} {f['phase']} of {self.data.get('dest_ip')} port "
                    f"{self.data.get('dest_port', 'any')} by {self.peer}, {amount}, "
                    f"forged: {f.get('forged')}")
        if f.get("kind") == "source":
            return f"source {f['source']} {f['phase']}: {f.get('reason', 'well')}"
        if f.get("kind") == "guess":
            return (f"guess/{f['service']} {f['phase']} of {self.data.get('dest_ip')} by {self.peer}, "
                    f"{f.get('attempts')} attempts, {f.get('outcome')}")
        return (f"{self.data.get('event_type')} {f.get('kind')}/{f.get('technique')} "
                f"{f.get('phase')} by {self.peer}, {f.get('probes')} probes, "
                f"{f.get('failed')} failed, confidence {f.get('confidence')}")


def parse_lines(text):
    """Whole lines to events; a line that is no event is an error."""
    return [Event(json.loads(line)) for line in text.splitlines() if line.strip()]


class EventFile:
    """The sensor's event file, followed while it grows: findings, and what it says of itself."""

    def __init__(self, path):
        self.path = path
        self.events = []
        self.own = []
        self._offset = 0

    def update(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return self.events
        whole = data.rfind(b"\n") + 1
        for event in parse_lines(data[:whole].decode()):
            (self.own if event.finding.get("kind") == "source" else self.events).append(event)
        self._offset += whole
        return self.events


def schema_errors(events):
    """Why these events are not valid, as sentences. Raises ImportError without jsonschema."""
    import jsonschema  # pylint: disable=import-outside-toplevel

    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.Draft7Validator(schema)
    if "2019" in schema.get("$schema", "") or "2020" in schema.get("$schema", ""):
        validator = jsonschema.Draft202012Validator(schema)
    return [f"{'.'.join(map(str, error.absolute_path)) or 'event'}: {error.message}"
            for event in events for error in validator.iter_errors(event.data)]
