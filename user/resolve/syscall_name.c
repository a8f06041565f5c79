/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/syscall_name.h"

#include <asm/unistd.h>
#include <stddef.h>

#include "wire.h"

static const char *const names[] = {
#include "syscalls.h"
};

const char *syscall_name(unsigned int number)
{
	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}

const char *wait_detail(unsigned int how, unsigned int syscall)
{
	switch (how) {
	case ADDER_HOW_SWITCH:
		return "switch";
	case ADDER_HOW_THROTTLED:
		return "quota";
	case ADDER_HOW_PAGE_IN:
		return "page-in";
	case ADDER_HOW_FAULT:
		return "page-fault";
	case ADDER_HOW_SYSCALL:
		return syscall_name(syscall);
	default:
		return NULL;
	}
}
