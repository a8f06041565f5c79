/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letting go of what nobody has asked for in a while, while the kernel half still believes it told:
 *
 *   used -> age 0 -> a sweep: 1 -> a sweep: 2, untold: the kernel half tells it again when it comes
 *   again -> a sweep: 3, freed
 *
 * Between two sweeps lies a drain, and before that all is asked for that threads' records hold.  So
 * what a program noted before it was untold has been used by the next sweep, and is kept; unless
 * that program was between asking whether it was told and noting it for all of the quarter second.
 */
#ifndef RESOLVE_AGE_H
#define RESOLVE_AGE_H

#include <stdint.h>

#define AGE_UNTOLD 2

enum age_step { AGE_KEEP, AGE_UNTELL, AGE_FREE };

/** Another sweep, without use since the last: what is to be done. */
static inline enum age_step age_on(uint8_t *age)
{
	if (++*age < AGE_UNTOLD)
		return AGE_KEEP;
	return *age == AGE_UNTOLD ? AGE_UNTELL : AGE_FREE;
}

#endif
