/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person calls the things of a profile.  One wording for every table, picture and format.
 * Nothing is escaped here: the writer knows for where.
 */
#ifndef PROFILE_DESCRIBE_H
#define PROFILE_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile;

/**
 * "shop/render.py:42": the last two parts of @filename, or with @full all of it, and @line unless
 * that is 0.  "" without a file.  Cut at @size - 1 bytes.
 */
void describe_place(char *dst, size_t size, const char *filename, int64_t line, bool full);

/** "Renderer.render (shop/render.py:42)": function @id by its name and first line. */
void describe_function(char *dst, size_t size, const struct profile *p, uint32_t id);

/** "app.py (1234)": the process that label set @labels names; "[no process]" if it names none. */
void describe_process(char *dst, size_t size, const struct profile *p, uint32_t labels);

/** True if any sample says which process it is of, as adder's do and most others' do not. */
bool describe_has_processes(const struct profile *p);

/** Nanoseconds in one @unit of a sample type, "milliseconds" or "ms"; 0 if it is not one of time.
 */
int64_t describe_unit_ns(const char *unit);

#endif
