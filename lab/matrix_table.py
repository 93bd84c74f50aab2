# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix as tables, for a terminal and for docs/."""

import os

import matrix_kinds
import matrix_slow

LIVE = {matrix_kinds.FAST: "fast", matrix_kinds.S5: "5 s", matrix_kinds.T1: "-T1"}
COLUMN_NAMES = {**LIVE, **{name: name for name in matrix_slow.SPEEDS}}
COLUMNS = [*LIVE, *matrix_slow.SPEEDS]
HEADS = [*LIVE.values(), *(f"{name}, replay" for name in matrix_slow.SPEEDS)]
LOADS = {0: "Quiet", 2000: "2,000 spoofed SYN/s", 100000: "100,000 spoofed SYN/s"}


def _field(cell):
    if cell is None:
        return "–"
    if not cell.good:
        return f"**{cell.contacts}!**" if cell.found and cell.contacts else "**no**"
    return f"{cell.contacts}" + ("" if cell.true_flood else "*")


def _rows(cells, load):
    of = {(c.kind, c.family, c.speed): c for c in cells if c.load == load}
    for kind in matrix_kinds.KINDS.values():
        for family in kind.families:
            fields = [_field(of.get((kind.name, family, speed))) for speed in COLUMNS]
            if any(f != "–" for f in fields):
                yield [kind.name, f"v{family}", *fields]


def _markdown(rows):
    rows = list(rows)
    heads = ["kind", "IP", *HEADS]
    wide = [max(len(r[i]) for r in [heads, *rows]) for i in range(len(heads))]
    lines = [heads, ["-" * w for w in wide], *rows]
    return ["| " + " | ".join(f.ljust(w) for f, w in zip(line, wide)) + " |" for line in lines]


def _bar(kind):
    return f"{kind.bar} {kind.counts}" if kind.counts != "contacts" else f"{kind.bar}"


def render(cells, wrong, kept, took_s):
    """The tables and what explains them, as Markdown."""
    bad = [c for c in cells if not c.good]
    lines = [f"{len(cells) - len(bad)} of {len(cells)} cells found as they should be"
             + (f", {len(bad)} not" if bad else "") + f"; {took_s / 60:.0f} minutes."]
    for load, title in LOADS.items():
        rows = list(_rows(cells, load))
        if rows:
            lines += ["", f"## {title}", ""]
            if kept.get(load):
                lines += ["Live floods kept " + ", ".join(f"{r:,.0f}" for r in kept[load])
                          + " SYN/s.", ""]
            lines += _markdown(rows)
    if any(not c.true_flood for c in cells):
        lines += ["", "\\* The flood ran only shortly before and after each of the attack's packets, "
                  "which fills every table anew; `lab/matrix --full` lets it run through."]
    lines += ["", "## Not possible", ""]
    for kind in matrix_kinds.KINDS.values():
        if kind.without and any(c.kind == kind.name for c in cells):
            lines.append(f"- {kind.name} over IPv{10 - kind.families[0]}: {kind.without}.")
        if kind.speeds and any(c.kind == kind.name for c in cells):
            lines.append(f"- {kind.name} slower than {COLUMN_NAMES[kind.speeds[-1]]}, or in a "
                         f"replay: {kind.slower}.")
    others = [k for k in matrix_kinds.KINDS.values() if k.bar != 5]
    lines += ["", "Bars other than 5 failed contacts: "
              + "; ".join(f"{k.name}: {_bar(k)}" for k in others) + ". Slow attacks: a fifth more."]
    if bad or wrong:
        lines += ["", "## What went wrong", ""]
        lines += [f"- {c}" for c in bad] + [f"- {w}" for w in wrong]
    return "\n".join(lines) + "\n"


MARK = "<!-- lab/matrix --write puts its table below this line. -->\n"


def put(path, table):
    """Below the mark in the file, in the place of what was there."""
    with open(path, encoding="utf-8") as file:
        head = file.read().split(MARK)[0]
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(head + MARK + "\n" + table)
    os.rename(path + ".new", path)
