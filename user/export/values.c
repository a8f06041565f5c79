/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/values.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "export/export.h"
#include "profile/describe.h"
#include "profile/profile.h"

int export_type_find(const struct profile *p, const char *name)
{
	uint32_t favourite = profile_meta_get(p)->default_type;
	const char *clock = profile_comment_find(p, "call_clock");
	int type = -1;

	if (name && !strcmp(name, "offcpu") && profile_type_find(p, "wall") >= 0 &&
	    profile_type_find(p, "cpu") >= 0)
		return EXPORT_OFFCPU;
	if (name)
		return profile_type_find(p, name);
	if (clock) /* its calls were timed by that */
		type = profile_type_find(p, clock);
	if (type < 0 && favourite)
		type = profile_type_find(p, profile_text(p, favourite));
	if (type < 0)
		type = profile_type_find(p, "cpu");
	return type >= 0 ? type : (int)profile_type_count(p) - 1;
}

void values_init(struct values *v, const struct profile *p, int type)
{
	struct profile_type chosen;
	int64_t ns;

	*v = (struct values){ .plus = type, .minus = -1 };
	if (type == EXPORT_OFFCPU) {
		v->plus = profile_type_find(p, "wall");
		v->minus = profile_type_find(p, "cpu");
	}
	chosen = profile_type_at(p, v->plus);
	ns = describe_unit_ns(profile_text(p, chosen.unit));
	v->is_time = ns != 0;
	v->scale = ns ? ns : 1;
	v->unit = v->is_time ? "nanoseconds" : profile_text(p, chosen.unit);
	snprintf(v->name, sizeof(v->name), "%s",
		 v->minus >= 0 ? "offcpu" : profile_text(p, chosen.name));
	text_make_utf8(v->name);
}

int64_t values_of(const struct values *v, const int64_t *sample)
{
	int64_t value = sample[v->plus];

	if (v->minus >= 0 && __builtin_sub_overflow(value, sample[v->minus], &value))
		return 0;
	if (value < 0)
		return 0;
	return __builtin_mul_overflow(value, v->scale, &value) ? INT64_MAX : value;
}

void values_measure(const void *context, const int64_t *sample, int64_t *ret)
{
	*ret = values_of(context, sample);
}
