/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RESOLVE_SYSCALL_NAME_H
#define RESOLVE_SYSCALL_NAME_H

/** Name of the syscall @number on this machine, such as "read"; NULL if there is none. */
const char *syscall_name(unsigned int number);

/**
 * How a thread waits, as the label "detail" has it: "read", "page-in", "switch", ...
 *
 * @how      enum adder_how.
 * @syscall  Number of the syscall it waits in, where @how is that.
 *
 * Returns a static text; NULL if there is nothing to say.
 */
const char *wait_detail(unsigned int how, unsigned int syscall);

#endif
