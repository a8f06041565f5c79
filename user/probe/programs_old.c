/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/programs_old.h"

#include "adder_old.skel.h"

struct adder_bpf *programs_open_old(void)
{
	return adder_bpf__open();
}
