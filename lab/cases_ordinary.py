# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary life beside a sensor that has to stay silent: each act of life_*.py alone, in turn."""

import case
import life
import life_dead  # noqa: F401 pylint: disable=unused-import
import life_lan  # noqa: F401 pylint: disable=unused-import
import life_peers  # noqa: F401 pylint: disable=unused-import
import life_udp  # noqa: F401 pylint: disable=unused-import
import life_web  # noqa: F401 pylint: disable=unused-import
import net


@case.group("ordinary")
def shared_life():
    with net.Network() as network:
        shared = life.Life(network)
        shared.watch()
        yield shared


def declare():
    for name in life.ACTS:
        case.add(f"ordinary-{name}", "ordinary", life.act_case(name))
    case.add("ordinary-at-last", "ordinary", life.quiet_at_last)


declare()
