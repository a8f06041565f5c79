/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON, for every room that writes it: the only one that knows jansson.
 *
 * Text from a profile is valid UTF-8 (profile.h), which is what jansson asks for; anything else
 * must pass text_make_utf8() first.
 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(json_t *, json_decref);

/** Set @key of @object to @text; a NULL or broken @text becomes null. */
void json_put_text(json_t *object, const char *key, const char *text);

/** Set @key of @object to @number. */
void json_put_number(json_t *object, const char *key, int64_t number);

/** Write @text as a JSON string, quotes included.  0 or -EIO; ask ferror() of @out for the reason.
 */
int json_write_text(const char *text, FILE *out);

/** Write @value, indented, and a newline.  0, -ENOMEM if @value is NULL, or -EIO. */
int json_write(const json_t *value, FILE *out);

/** The same on one line. */
int json_write_line(const json_t *value, FILE *out);

#endif
