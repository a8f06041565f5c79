/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RESOLVE_SYSCALL_NAME_H
#define RESOLVE_SYSCALL_NAME_H

/** Name of the syscall @number on this machine, such as "read"; NULL if there is none. */
const char *syscall_name(unsigned int number);

#endif
