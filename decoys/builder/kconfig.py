# SPDX-License-Identifier: GPL-2.0-or-later
"""Fragments of kernel and BusyBox configurations: what was asked for against what came of it."""

import re
from pathlib import Path

from . import BuildError

LINE = re.compile(r"(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set")


def parse(text: str) -> dict[str, str]:
    """Option -> value, "n" where it is said to be off. A later line overrides an earlier one."""
    options = {}
    for line in text.splitlines():
        if match := LINE.fullmatch(line.strip()):
            options[match[1] or match[3]] = match[2] if match[1] else "n"
    return options


def merge(*texts: str) -> str:
    """One fragment of several, each overriding those before it."""
    options = {}
    for text in texts:
        options.update(parse(text))
    return "".join(f"# {name} is not set\n" if value == "n" else f"{name}={value}\n"
                   for name, value in options.items())


def dropped(asked: str, final: str) -> list[str]:
    """What Kconfig left out or changed, since something else that it depends on is missing."""
    got = parse(final)
    return [f"{name}={value} (now {got.get(name, 'n')})" for name, value in parse(asked).items()
            if got.get(name, "n") != value]


def check(asked: str, config: Path, where: str) -> None:
    lost = dropped(asked, config.read_text())
    if lost:
        raise BuildError(f"{where}: the configuration dropped {', '.join(lost)}; "
                         "the fragment lacks what they depend on")
