# SPDX-License-Identifier: GPL-2.0-or-later
"""
Guessing by real tools at real servers: docs/guessing-lab.md has it as a table, which lab/guesses makes. Half of it
is run in each family, unless MIMAMORI_WHOLE is set.
"""

import os

import case
import guess_live
import guess_run
from case import Skip, check

LIMIT_S = 900
FAST = (guess_live.WRONG, guess_live.RIGHT, guess_live.SINGLE)
PLAN = {family: (guess_live.plan if os.environ.get("MIMAMORI_WHOLE") else guess_live.short_plan)(family)
        for family in (4, 6)}


class Guessers:
    """All cells of a family, once somebody asks for them."""

    def __init__(self, family):
        self.family = family
        self._cells = self.wrong = None

    def cells(self, say):
        if self._cells is None:
            if guess_run.missing():
                raise Skip(f"{', '.join(guess_run.missing())} not installed")
            self._cells, self.wrong = [], []
            self._cells, self.wrong = guess_run.run(self.family, PLAN[self.family], say)
        check(self._cells, "no guesser was run")
        return self._cells


def _case(chosen):
    def run(shared, say):
        mine = [cell for cell in shared.cells(say) if chosen(cell)]
        bad = [str(cell) for cell in mine if not cell.good]
        check(mine, "none was run")
        check(not bad, f"{len(bad)} of {len(mine)} not as they should be: {'; '.join(bad)}")
        return f"{sum(cell.found for cell in mine)} of {len(mine)} found"
    return run


def _beside(shared, say):
    """Whoever was at work at the same services, from another address, is not accused."""
    shared.cells(say)
    check(not shared.wrong, "; ".join(shared.wrong[:5]))
    return "nobody else is accused"


def _fast(tool, port):
    return lambda cell: (cell.tool, cell.port, cell.speed) == (tool, port, "fast") \
        and cell.words in FAST


def _declare(family):
    group = f"guess-{family}"
    def shared():
        yield Guessers(family)

    case.group(group)(shared)
    for tool, port in dict.fromkeys(one[:2] for one in PLAN[family] if one[2] in FAST):
        case.add(f"guess-{tool}-{port}-{family}", group, _case(_fast(tool, port)), LIMIT_S)
    for speed in guess_run.SPEEDS_S:
        case.add(f"guess-{speed.replace(' ', '')}-{family}", group,
                 _case(lambda cell, speed=speed: cell.speed == speed), LIMIT_S)
    for words in guess_live.ROTATE, guess_live.SPRAY, guess_live.NAT:
        if words in {one[2] for one in PLAN[family]}:
            case.add(f"guess-{words}-{family}", group,
                     _case(lambda cell, words=words: cell.words == words), LIMIT_S)
    case.add(f"guess-beside-{family}", group, _beside, LIMIT_S)


for FAMILY in PLAN:
    _declare(FAMILY)
