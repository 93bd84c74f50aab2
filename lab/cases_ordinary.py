# SPDX-License-Identifier: GPL-2.0-or-later
"""
Ordinary life beside a sensor that has to stay silent: each act of life_*.py in turn, then all
of them beside each other on a device that forwards, before sensors of either scope.
"""

import case
import life
import life_change  # noqa: F401 pylint: disable=unused-import
import life_dead  # noqa: F401 pylint: disable=unused-import
import life_lan  # noqa: F401 pylint: disable=unused-import
import life_peers  # noqa: F401 pylint: disable=unused-import
import life_udp  # noqa: F401 pylint: disable=unused-import
import life_web  # noqa: F401 pylint: disable=unused-import
import net
from case import check

TOGETHER_S = 180


@case.group("ordinary")
def shared_life():
    with net.Network() as network:
        shared = life.Life(network)
        shared.watch()
        yield shared


def watch_gateway(shared):
    """Sensors of host scope, and of gateway scope that know their networks, and that do not."""
    shared.watch()
    shared.watch(arguments=["--scope", "gateway"],
                 sections={"sensor": {"home": " ".join(life.BEHIND)}})
    shared.watch(arguments=["--scope", "gateway"])


@case.group("ordinary-gateway")
def shared_gateway():
    with net.Network() as network:
        shared = life.Life(network, forwards=True)
        watch_gateway(shared)
        yield shared


def gateway_case(name):
    def run(shared, say):
        say(life.run_act(shared, name))
        shared.charge(shared.accused(name))
        return "nobody is accused"
    return run


@case.case("ordinary-together", "ordinary-gateway", limit_s=TOGETHER_S)
def together_case(shared, say):
    """Everything at once."""
    names = [name for name, one in life.ACTS.items() if not one.behind and not one.bulk]
    said = life.together(shared, names)
    bad = {name: str(what)[-200:] for name, what in said.items() if not isinstance(what, str)}
    say(f"{len(said) - len(bad)} acts beside each other; not done: {bad or 'none'}")
    shared.charge(shared.accused())
    check(len(bad) <= len(said) // 4, "too few acts were done: a bad lab")
    return "nobody is accused"


def declare():
    for name, one in life.ACTS.items():
        if one.behind:
            case.add(f"ordinary-{name}", "ordinary-gateway", gateway_case(name))
        elif not one.bulk:
            case.add(f"ordinary-{name}", "ordinary", life.act_case(name))
    case.add("ordinary-day", "ordinary", life.day_case, after_others=True)
    for name in "ordinary", "ordinary-gateway":
        case.add(f"{name}-at-last", name, life.quiet_at_last, after_others=True)


declare()
