/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the file's messages to the profile: what they may say, and what it means.
 */
#ifndef PPROF_DECODE_H
#define PPROF_DECODE_H

#include "profile.pb-c.h"

struct profile;

/**
 * Build the profile that @file (untrusted; borrowed) describes.  *@ret is the caller's to free.
 * 0, -EBADMSG if it contradicts itself, -EFBIG if it expands beyond PPROF_MAX_BYTES, -ENOMEM.
 */
int decode_profile(const Perftools__Profiles__Profile *file, struct profile **ret);

#endif
