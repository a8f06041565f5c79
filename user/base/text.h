/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text from strangers, made safe to show, and a few string helpers.  Target memory, /proc and
 * profile files may hold anything: escapes, newlines, broken UTF-8.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Copy @text to @dst so that a terminal shows it and obeys nothing: control characters (C0, DEL,
 * C1), bidirectional overrides and line separators become \n, \t, \e, \xHH or \u{HHHH}; bytes that
 * are not UTF-8 become \xHH.  Cut at @size - 1 bytes, never within an escape or a character.
 *
 * Returns the bytes written, without the final NUL.
 */
size_t text_escape(char *dst, size_t size, const char *text);

/**
 * Make @text valid UTF-8 in place of size @size: each broken byte becomes '?'.
 * For names that go into files and JSON, where the reader escapes for itself.
 */
void text_make_utf8(char *text);

/** Columns that @text (valid UTF-8) takes on a terminal; wide characters count two. */
int text_width(const char *text);

/** Number of bytes of @text (valid UTF-8) that fit in @columns. */
size_t text_fit(const char *text, int columns);

/** Parse a whole number within [@min, @max]; 0, -EINVAL or -ERANGE (then *@ret is untouched). */
int text_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/** Parse seconds: "2", "0.5", "500ms", "2s", "3m", "1h"; 0 or -EINVAL. @ret is nanoseconds, > 0. */
int text_to_duration(const char *text, uint64_t *ret);

/** True if @text begins with @prefix. */
bool text_starts(const char *text, const char *prefix);

/** True if @text ends with @suffix. */
bool text_ends(const char *text, const char *suffix);

/** The part behind the last '/', or @path itself. */
const char *text_basename(const char *path);

#endif
