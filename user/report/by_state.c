/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/by_state.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "profile/describe.h"
#include "profile/profile.h"
#include "report/number.h"
#include "report/view.h"

/* Waiting for a CPU: because others have it, for want of quota, or because something that is no
 * thread of this host has it. */
struct queued {
	int64_t contended, throttled, stolen;
};

/* The states of a profile: sums, and for each the function that spent most of it itself. */
struct states {
	struct measures measures;
	int64_t sums[MEASURES_MAX];
	struct rows *rows;
	const struct row *top[ADDER_STATE_NR]; /* NULL where there is no such time */
	struct queued queued;
};

static void states_done(struct states *s)
{
	rows_free(s->rows);
}

static bool is_stolen(const struct profile *p, const struct profile_sample *sample)
{
	const char *detail = profile_label_text(p, sample->labels, "detail");

	return detail && !strcmp(detail, "stolen");
}

/* What @sums has in runq, by cause. */
static struct queued split_queued(const struct profile *p, const struct measures *m,
				  const int64_t *sums)
{
	int throttled = profile_type_find(p, "throttled"), runq = m->state[ADDER_STATE_RUNQ];
	int64_t values[MEASURES_MAX];
	struct queued q = { 0 };

	for (size_t i = 0; i < profile_sample_count(p); i++) {
		struct profile_sample sample = profile_sample_at(p, i);

		measures_of(m, sample.values, values);
		if (!values[runq])
			continue;
		if (is_stolen(p, &sample))
			q.stolen += values[runq];
		else if (throttled >= 0)
			q.throttled += sample.values[throttled];
	}
	q.contended = sums[runq] - q.stolen - q.throttled;
	return q;
}

/* Every state is a row of its own, waiting for work too: this view ranks nothing. */
static int states_take(struct states *s, const struct profile *p, uint32_t states)
{
	int err = measures_init(&s->measures, p, states, MEASURES_WITH_IDLE);

	if (err)
		return err;
	if (!s->measures.is_ledger)
		return -EOPNOTSUPP;
	measures_total(&s->measures, p, s->sums);
	s->queued = split_queued(p, &s->measures, s->sums);
	err = rows_collect(p, &s->measures, ROWS_FUNCTION, NULL, &s->rows);
	for (size_t i = 0; !err && i < rows_count(s->rows); i++) {
		const struct row *row = rows_at(s->rows, i);

		for (int state = 0; state < ADDER_STATE_NR; state++) {
			int m = s->measures.state[state];

			if (row->self[m] > (s->top[state] ? s->top[state]->self[m] : 0))
				s->top[state] = row;
		}
	}
	return err;
}

static void add_columns(struct table *t, int64_t whole)
{
	static const struct table_column columns[] = {
		{ .head = "seconds", .kind = TABLE_SECONDS, .is_kept = true },
		{ .head = "%", .kind = TABLE_PERCENT, .is_kept = true },
		{ .head = "state", .is_kept = true },
		{ .head = "which is", .cut = TABLE_CUT_RIGHT },
		{ .head = "of it", .kind = TABLE_SECONDS },
		{ .head = "most in", .cut = TABLE_CUT_RIGHT },
		{ .head = "where", .cut = TABLE_CUT_LEFT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		struct table_column column = columns[i];

		column.whole = whole;
		table_column(t, &column);
	}
}

/* "able to run, waiting for a CPU", and of which for other reasons than that others had it. */
static void describe_queued(char *dst, size_t size, const struct queued *q)
{
	char throttled[32], stolen[32];

	seconds_alone(throttled, sizeof(throttled), q->throttled);
	seconds_alone(stolen, sizeof(stolen), q->stolen);
	snprintf(dst, size, "%s%s%s%s%s", measures_state_meaning(ADDER_STATE_RUNQ),
		 q->throttled ? "; over its quota " : "", q->throttled ? throttled : "",
		 q->stolen ? "; CPU taken away " : "", q->stolen ? stolen : "");
}

static void add_row(struct table *t, const struct states *s, enum adder_state state,
		    const struct profile *p, bool full)
{
	const struct row *top = s->top[state];
	int m = s->measures.state[state];
	char place[4096] = "", queued[128];
	int64_t line;

	table_row(t, NULL);
	table_number(t, s->sums[m]);
	table_number(t, s->sums[m]);
	table_text(t, measures_state_name(state));
	describe_queued(queued, sizeof(queued), &s->queued);
	table_text(t, state == ADDER_STATE_RUNQ ? queued : measures_state_meaning(state));
	table_number(t, top ? top->self[m] : 0);
	table_text(t, top ? view_name(p, ROWS_FUNCTION, top) : "");
	if (top) {
		const char *file = view_file(p, ROWS_FUNCTION, top, &line);

		describe_place(place, sizeof(place), file, line, full);
		text_make_utf8(place);
	}
	table_text(t, place);
}

int by_state_print(const struct profile *p, const struct report_options *o, FILE *out)
{
	CLEANUP(table_free) struct table *t = table_new();
	struct states s = { 0 };
	int err = t ? states_take(&s, p, view_states(o)) : -ENOMEM;

	if (!err) {
		add_columns(t, s.sums[s.measures.wall]);
		for (int state = 0; state < ADDER_STATE_NR; state++) {
			if (s.sums[s.measures.state[state]])
				add_row(t, &s, state, p, o->full_filenames);
		}
		err = table_error(t);
	}
	if (!err && o->sort && table_find(t, o->sort, NULL) < 0)
		err = -EINVAL;
	if (!err) {
		table_sort(t, o->sort ? table_find(t, o->sort, NULL) : 0, -1);
		table_print(t, 0, o->width, out);
	}
	states_done(&s);
	return err;
}

int by_state_json(const struct profile *p, const struct report_options *o, json_t **ret)
{
	CLEANUP(json_decref) json_t *list = json_array();
	struct states s = { 0 };
	int err = states_take(&s, p, view_states(o));

	for (int state = 0; !err && state < ADDER_STATE_NR; state++) {
		int64_t ns = s.sums[s.measures.state[state]], line;
		const struct row *top = s.top[state];
		json_t *object = json_object();

		json_put_text(object, "state", measures_state_name(state));
		json_put_number(object, "ns", ns);
		if (state == ADDER_STATE_RUNQ) {
			json_put_number(object, "contended_ns", s.queued.contended);
			json_put_number(object, "throttled_ns", s.queued.throttled);
			json_put_number(object, "stolen_ns", s.queued.stolen);
		}
		if (top) {
			json_put_text(object, "function", view_name(p, ROWS_FUNCTION, top));
			json_put_text(object, "file", view_file(p, ROWS_FUNCTION, top, &line));
			json_put_number(object, "line", line);
			json_put_number(object, "function_ns", top->self[s.measures.state[state]]);
		}
		json_array_append_new(list, object);
	}
	states_done(&s);
	if (!err)
		*ret = TAKE_PTR(list);
	return err;
}
