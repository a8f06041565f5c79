/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a profile: what is read must also be writable.
 *
 * The text of what a fuzzed file says is also walked, so that a bad id in the profile is met here.
 */
#include "pprof/pprof.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static size_t text_length(const struct profile *p)
{
	size_t length = 0;

	for (size_t i = 0; i < profile_string_count(p); i++)
		length += strlen(profile_text(p, i));
	for (size_t i = 0; i < profile_function_count(p); i++)
		length += strlen(profile_text(p, profile_function_at(p, i).name));
	for (size_t i = 0; i < profile_labels_count(p); i++)
		length += profile_label_number(p, i, "pid", 0) != 0;
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	CLEANUP(profile_free) struct profile *p = NULL;
	cleanup_close int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (pprof_parse(bytes, size, &p) != 0)
		return 0;
	if (text_length(p) > PPROF_MAX_BYTES || pprof_write(p, fd) != 0)
		abort();
	return 0;
}
