/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an instruction to its source line, by every version's line table.
 */
#ifndef PYTHON_LINETABLE_H
#define PYTHON_LINETABLE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Find the source line of one instruction.
 *
 * @version   0x0306 to 0x030f: which of the four formats @table has.
 * @table     co_lnotab or co_linetable as read from the process: untrusted, may be torn or cut.
 * @size      Bytes in @table.
 * @first     co_firstlineno, the line that the table counts from.
 * @instr     As the walker sends it: bytes from the start of the bytecode, except 3.10: code units.
 *            Negative: not started.
 *
 * Returns the line, from 1; @first if @instr is negative, or the instruction has no line of its own
 * (the nearest line before it serves if there is one); -EBADMSG if @table breaks off before it;
 * -ERANGE if it ends before it.  Pure.
 */
int linetable_line(uint16_t version, const uint8_t *table, size_t size, int first, int32_t instr);

#endif
