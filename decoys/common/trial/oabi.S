/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For ARM's binary interface of before 2005: the number is in the instruction, 0x900000 up. */
	.text
	.global _start
_start:
	mov	r0, #1
	adr	r1, line
	mov	r2, #10
	swi	0x900004
	cmp	r0, #10
	movne	r0, #1
	moveq	r0, #0
	swi	0x900001
line:
	.ascii	"trial: ok\n"
