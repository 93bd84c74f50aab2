# SPDX-License-Identifier: GPL-2.0-or-later
"""The floods as tables, for a terminal and for docs/."""

import os

import flood_kinds

RATES = {"quiet": (300, 2000, 20000, 100000), "busy": (2000, 20000)}
TITLES = {"quiet": "On a quiet device", "client": "Beside a benign client",
          "busy": "Beside a benign client, a camera's 40 Mbit/s in and out, and downloads"}
FORGED = {flood_kinds.HERE: "no", flood_kinds.FORGED: "yes", flood_kinds.EITHER: "–"}
MARK = "<!-- lab/floods --write puts its table below this line. -->\n"


def _field(cell):
    if cell is None:
        return "–"
    if cell.found_s is None:
        return "below" if cell.below and not cell.wrong else "**no**"
    text = f"{max(cell.found_s, 0):.1f}"
    text += f" / {cell.closed_s:.0f}" if cell.closed_s is not None else " / –"
    if cell.forged == "unknown":
        text += " ?"
    return f"**{text}!**" if cell.wrong else text


def _rows(cells, rates):
    of = {(c.kind.name, c.family, c.rate): c for c in cells}
    for kind in flood_kinds.KINDS.values():
        for family in kind.families:
            fields = [_field(of.get((kind.name, family, rate))) for rate in rates]
            if any(f != "–" for f in fields):
                yield [kind.name, f"v{family}", kind.technique, str(kind.port or "–"),
                       FORGED[kind.forged], *fields]


def _markdown(rows, rates):
    heads = ["flood", "IP", "told as", "port", "forged", *(f"{rate:,}/s" for rate in rates)]
    rows = list(rows)
    wide = [max(len(r[i]) for r in [heads, *rows]) for i in range(len(heads))]
    return ["| " + " | ".join(f.ljust(w) for f, w in zip(line, wide)) + " |"
            for line in [heads, ["-" * w for w in wide], *rows]]


def _totals(cells):
    """How far the closing events' packets are from what was sent."""
    ratios = sorted(c.counted / c.sent for c in cells if c.counted and c.sent)
    if not ratios:
        return []
    middle = ratios[len(ratios) // 2]
    return ["", f"Packets told at the end, of those sent: {ratios[0]:.0%} at the least, {middle:.0%} in "
            f"the middle, {ratios[-1]:.0%} at the most."]


def _kept(cells, rate):
    """The rate that its senders kept, in the middle of all."""
    kept = sorted(c.sent / (c.end - c.onset) for c in cells if c.rate == rate)
    return f"{kept[len(kept) // 2]:,.0f}"


def render(cells, wrong, took_s):
    """The tables and what explains them, as Markdown."""
    bad = [c for c in cells if c.wrong]
    lines = [f"{len(cells) - len(bad)} of {len(cells)} floods found and closed as they should be"
             + (f", {len(bad)} not" if bad else "") + f"; {took_s / 60:.0f} minutes."]
    for normal, title in TITLES.items():
        mine = [c for c in cells if c.normal == normal]
        rates = sorted({c.rate for c in mine})
        if mine:
            lines += ["", f"## {title}", "", *_markdown(_rows(mine, rates), rates), "",
                      "The senders kept " + ", ".join(_kept(mine, rate) for rate in rates)
                      + " packets/s (median)."]
    lines += _totals(cells)
    if bad or wrong:
        lines += ["", "## What went wrong", ""]
        lines += [f"- {c}" for c in bad] + [f"- {w}" for w in wrong]
    return "\n".join(lines) + "\n"


def put(path, table):
    """Below the mark in the file, in the place of what was there."""
    with open(path, encoding="utf-8") as file:
        head = file.read().split(MARK)[0]
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(head + MARK + "\n" + table)
    os.rename(path + ".new", path)
