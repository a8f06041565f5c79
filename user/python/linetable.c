/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four formats: 3.6 to 3.9 co_lnotab (Objects/lnotab_notes.txt), 3.10 co_linetable (the same file),
 * 3.11 on co_linetable (Objects/locations.md, InternalDocs/code_objects.md).
 */
#include "python/linetable.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>

#define UNIT 2 /* bytes of a code unit */

/* A table as it is being read. */
struct cursor {
	const uint8_t *at, *end;
	int64_t line;
};

/* Lines are from 1; what a damaged table adds up to must not look like an error. */
static int to_line(int64_t line, int first)
{
	if (line < 1 || line > INT_MAX)
		line = first;
	return line < 1 ? 1 : line;
}

/* Pairs of bytes: how far in the bytecode, how far in lines.  The last line goes on to the end. */
static int line_3_6(struct cursor cursor, int first, int64_t instr)
{
	int64_t at = 0;

	for (; cursor.end - cursor.at >= 2; cursor.at += 2) {
		at += cursor.at[0];
		if (at > instr)
			break;
		cursor.line += (int8_t)cursor.at[1];
	}
	return to_line(cursor.line, first);
}

/* Pairs of bytes: the length of a range, and how far its line is from the one before. */
static int line_3_10(struct cursor cursor, int first, int64_t instr)
{
	int64_t end = 0;

	for (; cursor.end - cursor.at >= 2; cursor.at += 2) {
		end += cursor.at[0];
		if ((int8_t)cursor.at[1] != INT8_MIN)
			cursor.line += (int8_t)cursor.at[1];
		if (end > instr * UNIT)
			return to_line(cursor.line, first);
	}
	return cursor.at < cursor.end ? -EBADMSG : -ERANGE;
}

/* Six bits a byte, the lowest first; bit 6 says that there are more.  The sign is bit 0. */
static bool read_signed(struct cursor *cursor, int64_t *ret)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 36; shift += 6) {
		uint8_t byte;

		if (cursor->at == cursor->end || (*cursor->at & 0x80))
			return false;
		byte = *cursor->at++;
		value |= (uint64_t)(byte & 0x3f) << shift;
		if (byte & 0x40)
			continue;
		*ret = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
		return true;
	}
	return false;
}

/* Entries of several bytes, of which the first alone has bit 7: its form, and how many units. */
static int line_3_11(struct cursor cursor, int first, int64_t instr)
{
	int64_t end = 0;

	while (cursor.at < cursor.end) {
		uint8_t head = *cursor.at++;
		uint8_t form = head >> 3 & 15;
		int64_t delta = 0;

		if (!(head & 0x80))
			return -EBADMSG;
		if (form >= 10 && form <= 12)
			delta = form - 10;
		else if ((form == 13 || form == 14) && !read_signed(&cursor, &delta))
			return -EBADMSG;
		cursor.line += delta;
		end += ((head & 7) + 1) * UNIT;
		if (end > instr)
			return to_line(cursor.line, first);
		while (cursor.at < cursor.end && !(*cursor.at & 0x80))
			cursor.at++; /* columns */
	}
	return -ERANGE;
}

int linetable_line(uint16_t version, const uint8_t *table, size_t size, int first, int32_t instr)
{
	struct cursor cursor = { table, table + size, first };

	if (instr < 0)
		return to_line(first, first);
	if (version < 0x030a)
		return line_3_6(cursor, first, instr);
	if (version == 0x030a)
		return line_3_10(cursor, first, instr);
	return line_3_11(cursor, first, instr);
}
