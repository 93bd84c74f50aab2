# SPDX-License-Identifier: GPL-2.0-or-later
"""What a visitor of a decoy could read of the logins that proved it."""

import re

# What is there of logins, and of this project's name; the brackets keep the line itself from being found.
ASK = ("echo fou''nd:; for f in /root/.*history /home/*/.*history; do [ -f $f ] && cat $f; done; "
       "grep -rl 'mi[m]amori' /root /home /var /tmp /etc | sed 's/^/named: /'; "
       "for f in wtmp btmp lastlog auth.log; do f=/var/log/$f; [ -s $f ] && echo \"logins: $f\"; done; "
       "echo en''d")


class Traces(ValueError):
    """There are some."""


def typed(text):
    """What ASK printed: the lines of the histories, and whoever has typed them, by the marks in them."""
    lines, end, _ = (text.replace("\r", "") + "\n").partition("found:\n")[2].partition("end\n")
    if not end:
        raise Traces(f"the histories were not shown: {text}")
    marks = []
    for line in lines.splitlines():
        if line.startswith(("named: ", "logins: ")):
            raise Traces(f"on the disk is the project's name, or a login: {line}")
        mark = re.search(r"\b([0-9a-f]{4})''([0-9a-f]{4})\b|\b([0-9a-f]{8})\b", line)
        if not mark:
            raise Traces(f"a line of somebody else: {line}")
        marks.append("".join(part for part in mark.groups() if part))
    return lines.splitlines(), set(marks)
