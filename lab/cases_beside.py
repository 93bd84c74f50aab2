# SPDX-License-Identifier: GPL-2.0-or-later
"""
The rows of the comparison with other detectors, in a short form: the sensor has to hold each row's
bar. The others run beside it where they are installed; what they find is told, and never a condition.
`lab/beside` has the long form and its table.
"""

import case
import rows
import trial
from case import Fail, Skip

BESIDE_S = 30  # the namespaces, services and tools of a row


def row_case(row):
    def run(_shared, say):
        others, absent = trial.installed()
        for reason in absent:
            say(reason)
        try:
            done = trial.Trial(row, others, brief=True)
        except LookupError as error:
            raise Skip(str(error)) from None
        for reason in done.absent:
            say(reason)
        for rival in done.rivals:
            verdict = done.verdicts[rival.name]
            say(f"{rival.name}: " + (f"after {verdict.packets} packets" if verdict.found
                                     else "nothing so far"))
        broken = done.bar()
        if broken:
            raise Fail(broken)
        verdict = done.verdicts["Mimamori"]
        if row.is_flood:
            return f"{row.title}: {verdict.event}; {verdict.seconds:.1f} s"
        return (f"{row.title}: {verdict.event}; {verdict.contacts} {row.counts}, "
                f"{verdict.decided_packets} packets")
    return run


@case.group("beside")
def _group():
    yield None


for _row in rows.ROWS.values():
    case.add(f"beside-{_row.name}", "beside", row_case(_row), _row.limit_s + BESIDE_S)
