# SPDX-License-Identifier: GPL-2.0-or-later
"""Port knocking that is configured: whoever knows the sequence opens ssh and is not accused."""

import time

import case
from case import check

SEQUENCE = (7000, 8000, 9000)


def knock(namespace, target, ports):
    """As people knock: one connection after the other, whatever comes of it."""
    for port in ports:
        namespace.run(["sh", "-c", 'busybox timeout 1 busybox nc "$0" "$1" </dev/null || true',
                       target, port])


def knock_case(where, family):
    def run(lab, say):
        lab.start(sections={"scan": {"knock": ",".join(map(str, SEQUENCE))}})
        friend, address, target = lab.network.new_attacker(where, family)
        for _ in range(2):
            knock(friend, target, SEQUENCE)
            banner = friend.run(["sh", "-c", 'busybox timeout 1 busybox nc "$0" 22 </dev/null || true',
                                 target])
            check("SSH" in banner, f"no ssh after knocking: {banner!r}: a bad lab")
            time.sleep(4)  # the sensor takes what comes sooner for repeats
        other, stranger, _target = lab.network.new_attacker(where, family)
        knock(other, target, reversed(SEQUENCE))
        knock(other, target, (7001,))
        time.sleep(12)
        mine = [str(e) for e in lab.sensor.events() if e.about(address)]
        check(not mine, f"who knocked is accused: {mine}")
        wrong = [str(e) for e in lab.sensor.events() if e.about(stranger)]
        check(wrong, f"{stranger} tried the ports in another order: no event")
        lab.sensor.stop()
        counted = [line.strip() for line in lab.sensor.log().splitlines() if "knocks" in line]
        say(f"{wrong[0]}; the summary: {counted}")
        check(counted, "the summary does not count knocks")
        return f"two knocks by {address}: no event"
    return run


for FAMILY in 4, 6:
    case.add(f"knock-{FAMILY}", "life", knock_case("near", FAMILY))
