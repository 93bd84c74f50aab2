# SPDX-License-Identifier: GPL-2.0-or-later
"""
Floods of every kind by real tools, one after the other, each for as long as it takes to be found:
found in time as what it is, at the right victim, and closed in time. `lab/floods` has the long form.
"""

import shutil

import case
import device
import flood_kinds
import flood_run
import net
from case import Skip, check

RATES = (300, 2000, 20000)  # in turn, so that each kind comes at one of them
CLEARLY = 2.5  # times the rate below which a kind is no flood: less, and the next rate is taken
SHORT_S = 4  # that a flood lasts which is not found
GROUP_S = 300  # to close them all; to have them first, if it is run by itself
TOOLS = ("hping3", "atk6-thcsyn6")


def shared_floods(family):
    def shared():
        with net.Network() as network:
            lab = flood_run.FloodLab(network, family, "client")
            yield lab
            lab.stop()
    return shared


def needs(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing or not device.bench_tool("flood"):
        raise Skip(f"not installed or built: {' '.join(missing) or 'bench/flood'}")


def flood_case(kind, rate, family):
    def run(lab, say):
        program = kind.program(family, rate)
        if program != "flood":
            needs({"thcsyn6": "atk6-thcsyn6"}.get(program, program))
        needs()
        cell = lab.run(kind, rate, SHORT_S, until_found=True)
        lab.judge(cell)
        say(f"{program} to {cell.target}: {cell}")
        check(not cell.wrong, "; ".join(cell.wrong))
        check(cell.event, f"the sender kept only {cell.sent / (cell.end - cell.onset):.0f}/s: a bad lab")
        return f"{cell.event}"
    return run


def closed_case(lab, say):
    """Everything that was found is closed in time, and the innocent are not accused.

    Run by itself it has every kind flood first, at one rate: there is nothing to judge otherwise.
    """
    if not lab.cells:
        for kind in flood_kinds.mixed(lab.family):
            lab.judge(lab.run(kind, RATES[-1], SHORT_S, until_found=True))
    lab.wait_closed()
    for cell in lab.cells:
        before = len(cell.wrong)
        lab.close(cell)
        cell.wrong = cell.wrong[before:]
    found = [c for c in lab.cells if c.event]
    bad = [str(c) for c in found if c.wrong]
    say(f"{len(found)} of {len(lab.cells)} floods found, {len(found) - len(bad)} closed in time")
    check(not bad, "; ".join(bad[:6]))
    check(found, "nothing was found")
    client = lab.load.client.address[lab.family]
    accused = [str(e) for _told, e in lab.teller.told if e.is_peer(client)]
    check(not accused, f"the benign client is accused: {accused[:3]}")
    return f"closed after {max((c.closed_s for c in found), default=0):.1f} s at most"


def declare():
    for family in (4, 6):
        group = f"flood-{family}"
        case.group(group)(shared_floods(family))
        for number, kind in enumerate(flood_kinds.mixed(family)):
            rate = max(RATES[number % len(RATES)],
                       next((r for r in RATES if r > CLEARLY * kind.least), RATES[-1]))
            case.add(f"flood-{kind.short}-{family}", group, flood_case(kind, rate, family))
        case.add(f"flood-closed-{family}", group, closed_case, GROUP_S)


declare()
