# SPDX-License-Identifier: GPL-2.0-or-later
"""The guessers as tables, for a terminal and for docs/guessing-lab.md."""

import guess_judge
import guess_live
import guess_tools
import matrix_table

COLUMNS = (("30 wrong", "wrong", "fast"), ("right one 21st", "right", "fast"),
           ("a run each", "single", "fast"), ("one per 20 s", "single", "20 s"),
           ("one a minute", "single", "60 s"))
MARK = matrix_table.MARK.replace("lab/matrix", "lab/guesses")
GROUP_NAMES = {guess_live.ROTATE: "ten addresses of a /64 in turn", guess_live.SPRAY: "30 peers, two tries each",
               guess_live.NAT: "behind one address with someone at work"}


def _one(cell):
    if not cell.found:
        return ("**no**" if cell.why else "no") + f" ({cell.connections})"
    told = f"{cell.ended}" + (f" ({cell.signs})" if cell.lit else "")
    if cell.sensor == "log":
        told = f"log {cell.tries}"
    elif cell.speed == "fast":
        told += f", {cell.seconds:.0f} s"
    if cell.outcome == "succeeded":
        told += ", in"
    return f"**{told}!**" if cell.why else told


def _field(cells):
    """Of the two sensors' cells, or of a replay's one."""
    told = [_one(cell) for cell in sorted(cells, key=lambda c: c.sensor)]
    return "; ".join(dict.fromkeys(told)) or "–"


def _markdown(heads, rows):
    wide = [max(len(r[i]) for r in [heads, *rows]) for i in range(len(heads))]
    lines = [heads, ["-" * w for w in wide], *rows]
    return ["| " + " | ".join(f.ljust(w) for f, w in zip(line, wide)) + " |" for line in lines]


def _rows(cells, family):
    for port, server in sorted(guess_live.SERVER.items(), key=lambda one: guess_tools.SERVICE_OF[one[0]]):
        for tool in guess_tools.TOOLS:
            mine = [c for c in cells if (c.tool, c.port, c.family) == (tool, port, family)
                    and c.words not in GROUP_NAMES]
            if mine:
                yield [guess_tools.SERVICE_OF[port], server, tool,
                       *(_field([c for c in mine if (c.words, c.speed) == (words, speed)])
                         for _name, words, speed in COLUMNS)]


def _groups(cells):
    for words, name in GROUP_NAMES.items():
        for key in dict.fromkeys((c.port, c.family) for c in cells if c.words == words):
            mine = [c for c in cells if c.words == words and (c.port, c.family) == key]
            yield [name, f"{mine[0].service} v{key[1]}", _field(mine)]


def render(cells, wrong, took_s):
    barred = [c for c in cells if c.barred]
    bad = [c for c in cells if not c.good]
    lines = [f"{sum(c.good for c in barred)} of {len(barred)} cells of the bar found as they should be; "
             f"{sum(c.found for c in cells if not c.barred)} of {sum(not c.barred for c in cells)} "
             f"others found; {took_s / 60:.0f} minutes."]
    for family in 4, 6:
        rows = list(_rows(cells, family))
        if rows:
            lines += ["", f"## IPv{family}", "",
                      *_markdown(["service", "server", "tool", *(c[0] for c in COLUMNS)], rows)]
    rows = list(_groups(cells))
    if rows:
        lines += ["", "## Many addresses, or one for many", "", *_markdown(["who", "at", "found"], rows)]
    if bad or wrong:
        lines += ["", "## What went wrong", "", *(f"- {c}" for c in bad), *(f"- {w}" for w in wrong)]
    lines += ["", f"Bars: {guess_judge.FAST_BAR} ended connections, {guess_judge.SLOW_BAR} of slow ones, "
              f"{guess_judge.LOG_BONUS} fewer ended or logged with the system's log; thirty peers: "
              f"{guess_judge.SPRAY_BAR}."]
    lines += [f"{tool} at {guess_live.SERVER[port]}: {why}." for (tool, port), why in
              guess_live.NEVER.items()]
    return "\n".join(lines) + "\n"


def put(path, table):
    """Below the mark in the file, in the place of what was there."""
    with open(path, encoding="utf-8") as file:
        head = file.read().split(MARK)[0]
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + MARK + "\n" + table)
