/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/measures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "profile/describe.h"
#include "profile/profile.h"

#define NAME_OF(id, name, text)    name,
#define MEANING_OF(id, name, text) text,
static const char *const state_names[] = { ADDER_STATE_LIST(NAME_OF) };
static const char *const state_meanings[] = { ADDER_STATE_LIST(MEANING_OF) };

const char *measures_state_name(enum adder_state state)
{
	return state_names[state];
}

const char *measures_state_meaning(enum adder_state state)
{
	return state_meanings[state];
}

/* Add a measure, of which no sample type is part yet. */
static int add(struct measures *m, const char *name, bool is_time, bool is_shown)
{
	struct measure *new = &m->list[m->count];

	snprintf(new->name, sizeof(new->name), "%s", name);
	new->is_time = is_time;
	new->is_shown = is_shown;
	new->exported = MEASURE_NONE;
	return m->count++;
}

static void feed(struct measures *m, int type, int measure)
{
	if (type >= 0 && type < MEASURES_TYPES_MAX)
		m->adds_to[type] |= 1u << measure;
}

static void read_types(struct measures *m, const struct profile *p)
{
	m->type_count = profile_type_count(p);
	if (m->type_count > MEASURES_TYPES_MAX)
		m->type_count = MEASURES_TYPES_MAX;
	for (size_t i = 0; i < m->type_count; i++) {
		struct profile_type type = profile_type_at(p, i);
		int64_t ns = describe_unit_ns(profile_text(p, type.unit));

		snprintf(m->names[i], sizeof(m->names[i]), "%s", profile_text(p, type.name));
		m->scale[i] = ns ? ns : 1;
	}
}

static bool is_time(const struct profile *p, size_t type)
{
	return describe_unit_ns(profile_text(p, profile_type_at(p, type).unit)) != 0;
}

/* adder's file is known by its types: other tools have some of them, but not all of these. */
static bool is_ledger(const struct profile *p)
{
	static const char *const needed[] = { "wall", "cpu", "runq", "gil", "poll", "sleep" };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		int type = profile_type_find(p, needed[i]);

		if (type < 0 || !is_time(p, type))
			return false;
	}
	return true;
}

/* Types beside the states: "of which" times and counts.  Sorted by on demand, rarely shown. */
static void add_further_types(struct measures *m, const struct profile *p)
{
	for (size_t i = 0; i < m->type_count && m->count < MEASURES_MAX; i++) {
		int measure;

		if (m->adds_to[i] || !strcmp(m->names[i], "wall"))
			continue;
		measure = add(m, m->names[i], is_time(p, i), !strcmp(m->names[i], "calls"));
		feed(m, i, measure);
		m->list[measure].exported = i;
	}
}

static void init_ledger(struct measures *m, const struct profile *p, uint32_t states,
			enum measures_idle idle)
{
	uint32_t ranked = idle == MEASURES_WITH_IDLE ? states : states & ~MEASURES_IDLE;
	uint32_t counted = idle == MEASURES_WITHOUT_IDLE ? ranked : states;
	int busy, idle_sum, whole;

	m->wall = add(m, "wall", true, true);
	for (int s = 0; s < ADDER_STATE_NR; s++) {
		uint32_t bit = 1u << s;
		int type = profile_type_find(p, state_names[s]);

		m->state[s] = add(m, state_names[s], true, (counted & ~MEASURES_IDLE) & bit);
		m->list[m->state[s]].exported = type;
		if (states & bit)
			feed(m, type, m->state[s]);
		if (counted & bit)
			feed(m, type, m->wall);
	}
	m->cpu = m->state[ADDER_STATE_CPU];
	idle_sum = add(m, "idle", true, counted & MEASURES_IDLE);
	busy = add(m, "busy", true, false);
	whole = add(m, "wall", true, false);
	m->list[whole].exported = profile_type_find(p, "wall");
	for (int s = 0; s < ADDER_STATE_NR; s++) {
		int type = profile_type_find(p, state_names[s]);

		if (states & MEASURES_IDLE & 1u << s)
			feed(m, type, idle_sum);
		if (ranked & 1u << s)
			feed(m, type, busy);
		if (states & 1u << s)
			feed(m, type, whole);
	}
	m->rank = busy;
	if (states == MEASURES_ALL)
		add_further_types(m, p);
}

/* Anyone's: each type for itself; the file names the one to rank by, or it is the last. */
static void init_plain(struct measures *m, const struct profile *p)
{
	uint32_t favourite = profile_meta_get(p)->default_type;

	for (size_t i = 0; i < m->type_count && m->count < MEASURES_MAX; i++) {
		int measure = add(m, m->names[i], is_time(p, i), true);

		feed(m, i, measure);
		m->list[measure].exported = i;
	}
	m->rank = m->count - 1;
	for (size_t i = 0; i < m->count && favourite; i++) {
		if (profile_type_at(p, i).name == favourite)
			m->rank = i;
	}
}

int measures_init(struct measures *m, const struct profile *p, uint32_t states,
		  enum measures_idle idle)
{
	memset(m, 0, sizeof(*m));
	m->wall = m->cpu = MEASURE_NONE;
	for (int s = 0; s < ADDER_STATE_NR; s++)
		m->state[s] = MEASURE_NONE;
	read_types(m, p);
	if (m->type_count == 0)
		return -ENODATA;
	m->is_ledger = is_ledger(p);
	if (!m->is_ledger && states != MEASURES_ALL)
		return -EOPNOTSUPP;
	if (m->is_ledger)
		init_ledger(m, p, states, idle);
	else
		init_plain(m, p);
	return 0;
}

static void add_saturated(int64_t *sum, int64_t value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = value < 0 ? INT64_MIN : INT64_MAX;
}

void measures_of(const struct measures *m, const int64_t *values, int64_t *ret)
{
	memset(ret, 0, m->count * sizeof(*ret));
	for (size_t type = 0; type < m->type_count; type++) {
		int64_t value;

		if (!values[type])
			continue;
		if (__builtin_mul_overflow(values[type], m->scale[type], &value))
			value = values[type] < 0 ? INT64_MIN : INT64_MAX;
		for (uint32_t left = m->adds_to[type]; left; left &= left - 1)
			add_saturated(&ret[__builtin_ctz(left)], value);
	}
}

void measures_add(const struct measures *m, int64_t *sums, const int64_t *values)
{
	for (size_t i = 0; i < m->count; i++)
		add_saturated(&sums[i], values[i]);
}

void measures_total(const struct measures *m, const struct profile *p, int64_t *ret)
{
	int64_t values[MEASURES_MAX];

	memset(ret, 0, m->count * sizeof(*ret));
	for (size_t i = 0; i < profile_sample_count(p); i++) {
		measures_of(m, profile_sample_at(p, i).values, values);
		measures_add(m, ret, values);
	}
}

int measures_find(const struct measures *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!strcasecmp(m->list[i].name, name))
			return i;
	}
	return MEASURE_NONE;
}
