/* SPDX-License-Identifier: BSD-2-Clause */
#include "json/json.h"

#include <errno.h>

void json_put_text(json_t *object, const char *key, const char *text)
{
	json_t *value = text ? json_string(text) : NULL;

	json_object_set_new(object, key, value ? value : json_null());
}

void json_put_number(json_t *object, const char *key, int64_t number)
{
	json_object_set_new(object, key, json_integer(number));
}

int json_write_text(const char *text, FILE *out)
{
	CLEANUP(json_decref) json_t *value = json_string(text);

	if (!value)
		return fputs("\"?\"", out) < 0 ? -EIO : 0;
	return json_dumpf(value, out, JSON_ENCODE_ANY) ? -EIO : 0;
}

static int write_value(const json_t *value, size_t flags, FILE *out)
{
	if (!value)
		return -ENOMEM;
	if (json_dumpf(value, out, flags) || fputc('\n', out) == EOF)
		return -EIO;
	return 0;
}

int json_write(const json_t *value, FILE *out)
{
	return write_value(value, JSON_INDENT(2), out);
}

int json_write_line(const json_t *value, FILE *out)
{
	return write_value(value, JSON_COMPACT, out);
}
