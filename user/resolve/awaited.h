/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For whom or what threads wait, as a person would write it.
 */
#ifndef RESOLVE_AWAITED_H
#define RESOLVE_AWAITED_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define AWAITED_TEXT_BYTES 320

/**
 * Write what @e means: "10.0.0.5:5432", "[::1]:80", ":8080" (to be connected to), "/run/x.sock",
 * "/srv/data.db", "worker (1234)".  Of a child (@is_child) the name alone: its pid says nothing.
 * "" for ADDER_AWAITED_CODE, whose name is known elsewhere.  @e is untrusted.
 */
void awaited_text(const struct adder_event_awaited *e, int is_child, char *ret, size_t size);

#endif
