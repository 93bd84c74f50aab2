# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the decoys' disk images and kernels: see ../README."""

import errno
import os


class BuildError(Exception):
    """Something a person has to know: what, why, what to do. Printed as one line."""


class Absent(BuildError):
    """Something is not in the cache yet, and whoever asked only looks."""


def sentence(error: OSError, where: os.PathLike | str = "a file") -> str:
    """What this machine refused, and what to do. `where`: which file it was, if the error does not say."""
    name = str(error.filename or where)
    if isinstance(error, FileNotFoundError) and "/" not in name:
        return f"there is no program {name}: \"tools/install-deps decoys crosses\" installs what is needed"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{name}: the disk is full: make room, and start again: what was finished is kept"
    return f"{name}: {error.strerror or error}"
