# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the decoys' disk images and kernels: see ../README."""


class BuildError(Exception):
    """Something a person has to know: what, why, what to do. Printed as one line."""
