/* SPDX-License-Identifier: BSD-2-Clause */
#include "python/opcodes.h"

#include <stddef.h>

#include "base/cleanup.h"

static const struct opcodes table[] = {
	{
		.version = 0x030b,
		.undefined = { { 181, 254 } },
		.roles = { { 151, OPCODE_ENTRY },
			   { 150, OPCODE_ENTRY_QUICK },
			   { 83, OPCODE_RETURN },
			   { 86, OPCODE_YIELD },
			   { 75, OPCODE_GENERATOR } },
	},
	{
		.version = 0x030c,
		.undefined = { { 169, 170 }, { 177, 236 }, { 255, 255 } },
		.roles = { { 151, OPCODE_ENTRY },
			   { 240, OPCODE_ENTRY },
			   { 83, OPCODE_RETURN },
			   { 242, OPCODE_RETURN },
			   { 121, OPCODE_RETURN },
			   { 247, OPCODE_RETURN },
			   { 150, OPCODE_YIELD },
			   { 243, OPCODE_YIELD },
			   { 75, OPCODE_GENERATOR } },
		.unreachable = 17, /* RESERVED */
	},
	{
		.version = 0x030d,
		.undefined = { { 119, 148 }, { 223, 235 }, { 255, 255 } },
		.roles = { { 149, OPCODE_ENTRY },
			   { 236, OPCODE_ENTRY },
			   { 207, OPCODE_ENTRY_QUICK },
			   { 36, OPCODE_RETURN },
			   { 239, OPCODE_RETURN },
			   { 103, OPCODE_RETURN },
			   { 240, OPCODE_RETURN },
			   { 118, OPCODE_YIELD },
			   { 241, OPCODE_YIELD },
			   { 35, OPCODE_GENERATOR },
			   { 70, OPCODE_EXECUTOR } },
	},
	{
		.version = 0x030e,
		.undefined = { { 121, 127 }, { 212, 233 } },
		.roles = { { 128, OPCODE_ENTRY },
			   { 245, OPCODE_ENTRY },
			   { 196, OPCODE_ENTRY_QUICK },
			   { 35, OPCODE_RETURN },
			   { 246, OPCODE_RETURN },
			   { 120, OPCODE_YIELD },
			   { 247, OPCODE_YIELD },
			   { 34, OPCODE_GENERATOR },
			   { 255, OPCODE_EXECUTOR },
			   { 175, OPCODE_EXECUTOR } },
	},
	{
		.version = 0x030f,
		.undefined = { { 120, 127 }, { 219, 232 } },
		.roles = { { 128, OPCODE_ENTRY },
			   { 244, OPCODE_ENTRY },
			   { 200, OPCODE_ENTRY_QUICK },
			   { 201, OPCODE_ENTRY_QUICK },
			   { 33, OPCODE_RETURN },
			   { 245, OPCODE_RETURN },
			   { 119, OPCODE_YIELD },
			   { 246, OPCODE_YIELD },
			   { 32, OPCODE_GENERATOR },
			   { 254, OPCODE_EXECUTOR },
			   { 181, OPCODE_EXECUTOR } },
	},
};

const struct opcodes *opcodes_find(uint16_t version)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].version == version)
			return &table[i];
	}
	return NULL;
}

bool opcodes_is_defined(const struct opcodes *o, uint8_t opcode)
{
	for (int i = 0; i < OPCODES_UNDEFINED_MAX && o->undefined[i].last; i++) {
		if (opcode >= o->undefined[i].first && opcode <= o->undefined[i].last)
			return false;
	}
	return true;
}

bool opcodes_is_unreachable(const struct opcodes *o, uint8_t opcode)
{
	return opcode == 0 || opcode == o->unreachable;
}
