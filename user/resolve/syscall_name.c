/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/syscall_name.h"

#include <stddef.h>

static const char *const names[] = {
#include "syscalls.h"
};

const char *syscall_name(unsigned int number)
{
	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}
