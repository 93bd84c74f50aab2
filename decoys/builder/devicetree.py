# SPDX-License-Identifier: GPL-2.0-or-later
"""A board's device tree, such that QEMU adds none of its own devices to it.

QEMU's vexpress looks for the interrupt controller by the name below, and hangs four virtio-mmio devices on it, which
no such board has (hw/arm/vexpress.c, find_int_controller). Linux's driver is the same one for the other name, which
is as long (drivers/irqchip/irq-gic.c).
"""

from pathlib import Path

from . import BuildError

LOOKED_FOR, INSTEAD = b"arm,cortex-a9-gic\0", b"arm,cortex-a7-gic\0"


def copy(source: Path, out: Path) -> None:
    data = source.read_bytes()
    if data.count(LOOKED_FOR) != 1:
        raise BuildError(f"{source.name} has no interrupt controller \"arm,cortex-a9-gic\"")
    out.write_bytes(data.replace(LOOKED_FOR, INSTEAD))
