# SPDX-License-Identifier: GPL-2.0-or-later
"""Is an event the right one about an attack?"""

import ipaddress

import matrix_kinds
from matrix_net import covers

DISTRIBUTED_PEERS = 3  # named at least


def about(event, attack):
    """Does the event accuse the attack's addresses, alone or as a group?"""
    if event.data.get("event_type") != "alert" or event.finding.get("phase") != "start":
        return False
    sources = {ipaddress.ip_address(s) for s in attack.sources}
    if event.finding.get("scope", "host") == "host":
        network = ipaddress.ip_network(event.peer, strict=False)
        return any(s in network for s in sources)
    sample = {ipaddress.ip_address(p) for p in event.finding.get("peer_sample", ())}
    return bool(sample & sources)


def wrong(event, attack):
    """Why the event, which is about the attack, is not the one that it should be; or None."""
    kind, finding = attack.kind, event.finding
    if finding.get("kind") != "scan":
        return f"not a scan: {event}"
    if finding.get("technique") not in kind.techniques:
        return f"technique {finding.get('technique')}, not {' or '.join(kind.techniques)}"
    if finding.get("scope", "host") != kind.scope:
        return f"scope {finding.get('scope')}, not {kind.scope}"
    if kind.scope == matrix_kinds.HOST and not event.is_peer(attack.address):
        return f"peer {event.peer}, not {attack.address}"
    if kind.scope == matrix_kinds.PREFIX:
        length = 64 if attack.family == 6 else 24
        whole = ipaddress.ip_network(f"{attack.address}/{length}", strict=False)
        mine = ipaddress.ip_network(event.peer, strict=False)
        sample = finding.get("peer_sample", ())
        if not mine.subnet_of(whole) or not covers(event.peer, sample):
            return f"prefix {event.peer}, not within {whole} or not around {sample}"
    if kind.scope == matrix_kinds.DISTRIBUTED and finding.get("peers", 0) < DISTRIBUTED_PEERS:
        return f"{finding.get('peers')} peers"
    if kind.scope == matrix_kinds.DECOYS and finding.get("real", attack.address) != attack.address:
        return f"names {finding['real']} as the real one, not {attack.address}"
    return None


def right(events, attack):
    """(the event, None), or (None, why not so far)."""
    mine = [e for e in events if about(e, attack)]
    reasons = []
    for event in mine:
        reason = wrong(event, attack)
        if not reason:
            return event, None
        reasons.append(reason)
    return None, "; ".join(dict.fromkeys(reasons)) or "no alert about it"


def true_flood(event):
    """Is it what the lab's own flood is: SYNs from everywhere?"""
    return (event.finding.get("kind"), event.finding.get("technique")) == ("flood", "syn") \
        and event.finding.get("scope") != "host"


def false_accusations(events, attacks, flooded):
    """Alerts about nobody who attacked, and single decoys that are accused, as sentences."""
    nobody, decoys = [], []
    for event in events:
        if event.data.get("event_type") != "alert" or event.finding.get("phase") != "start":
            continue
        if flooded and true_flood(event):
            continue
        who = [a for a in attacks if about(event, a)]
        decoy = [a for a in who if a.kind.scope == matrix_kinds.DECOYS
                 and event.finding.get("scope", "host") == "host"
                 and not event.is_peer(a.address)]
        if decoy:
            decoys.append(event)
        elif not who:
            nobody.append(event)
    return [f"{len(found)} alerts accuse {whom}, first: {found[0]}" for found, whom in
            ((decoys, "single decoys"), (nobody, "who attacked nobody")) if found]
