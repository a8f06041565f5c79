/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options that say which processes, the same for every verb that looks at processes.
 */
#ifndef CMD_FILTERS_H
#define CMD_FILTERS_H

#include <argp.h>

#include "recorder/filter.h"

/**
 * A child parser for argp: its input is a struct filter, zeroed, whose texts it borrows from argv.
 * What is misused ends the program with status 2, as argp does.
 */
extern const struct argp filters_argp;

/** Add the process ids in @list, "N[,N...]", which is changed; misuse ends the program. */
void filters_add_pids(struct argp_state *state, struct filter *f, char *list);

/** Of a filter that matches no process now: say what is waited for. */
void filters_say_waiting(const struct filter *f);

#endif
