/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/awaited.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uthash.h>

#include "profile/profile.h"
#include "resolve/age.h"
#include "resolve/hooks.h"

#define TEXT_BYTES       320
#define PORT_OF_A_CLIENT 0xffff /* the kernel half left it out: it is another one each time */
#define MAX_COMPONENTS   16

struct awaited {
	uint64_t id;
	uint32_t text, text_of_child; /* the profile's string ids */
	uint8_t age;
	UT_hash_handle hh;
};

static void inet_text(const struct adder_event_awaited *e, char *ret, size_t size)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char address[INET6_ADDRSTRLEN] = "?";
	int v4 = e->family == AF_INET;
	const void *bytes = e->address;

	if (e->family == AF_INET6 && !memcmp(e->address, mapped, sizeof(mapped))) {
		v4 = 1;
		bytes = e->address + sizeof(mapped);
	}
	if (e->family == AF_INET || e->family == AF_INET6)
		inet_ntop(v4 ? AF_INET : AF_INET6, bytes, address, sizeof(address));
	if (!e->port)
		snprintf(ret, size, ":%u", e->local_port);
	else if (e->port == PORT_OF_A_CLIENT)
		snprintf(ret, size, "%s", address);
	else
		snprintf(ret, size, v4 ? "%s:%u" : "[%s]:%u", address, e->port);
}

/* The components come leaf first. */
static void file_text(const struct adder_event_awaited *e, char *ret, size_t size)
{
	const char *parts[MAX_COMPONENTS], *end = e->text + sizeof(e->text);
	size_t count = 0, used = 0;

	for (const char *p = e->text; p < end && *p && count < MAX_COMPONENTS;) {
		size_t length = strnlen(p, end - p);

		if (p + length == end)
			break;
		parts[count++] = p;
		p += length + 1;
	}
	ret[0] = '\0';
	if (count == MAX_COMPONENTS)
		used = snprintf(ret, size, "…");
	while (count-- && used < size)
		used += snprintf(ret + used, size - used, "/%s", parts[count]);
}

/*
 * What @e means: "10.0.0.5:5432", "[::1]:80", ":8080" (to be connected to), "/run/x.sock",
 * "/srv/data.db", "worker (1234)".  Of a child (@is_child) the name alone: its pid says nothing.
 */
static void write_text(const struct adder_event_awaited *e, bool is_child, char *ret, size_t size)
{
	int length = sizeof(e->text);

	ret[0] = '\0';
	switch (e->awaited) {
	case ADDER_AWAITED_INET:
		inet_text(e, ret, size);
		break;
	case ADDER_AWAITED_FILE:
		file_text(e, ret, size);
		break;
	case ADDER_AWAITED_UNIX:
		snprintf(ret, size, "%.*s", length, e->text);
		break;
	case ADDER_AWAITED_PROCESS:
		if (is_child)
			snprintf(ret, size, "%.16s", e->text);
		else
			snprintf(ret, size, "%.16s (%u)", e->text, e->pid);
		break;
	}
}

static struct awaited *find(struct awaited *all, uint64_t id)
{
	struct awaited *awaited;

	HASH_FIND(hh, all, &id, sizeof(id), awaited);
	if (awaited)
		awaited->age = 0;
	return awaited;
}

bool awaited_is_told(struct awaited *all, uint64_t id)
{
	return find(all, id) != NULL;
}

uint32_t awaited_find(struct awaited *all, uint64_t id, bool is_child)
{
	const struct awaited *awaited = find(all, id);

	if (!awaited)
		return 0;
	return is_child ? awaited->text_of_child : awaited->text;
}

void awaited_add(struct awaited **all, struct profile *p, const struct adder_event_awaited *e,
		 uint32_t code_name)
{
	struct awaited *awaited = calloc(1, sizeof(*awaited));
	char text[TEXT_BYTES];

	if (!awaited)
		return;
	awaited->id = e->id;
	if (e->awaited == ADDER_AWAITED_CODE) {
		awaited->text = awaited->text_of_child = code_name;
	} else {
		write_text(e, false, text, sizeof(text));
		awaited->text = profile_string(p, text);
		write_text(e, true, text, sizeof(text));
		awaited->text_of_child = profile_string(p, text);
	}
	HASH_ADD(hh, *all, id, sizeof(awaited->id), awaited);
}

size_t awaited_count(const struct awaited *all)
{
	return HASH_COUNT(all);
}

void awaited_sweep(struct awaited **all, const struct resolver_hooks *hooks)
{
	struct awaited *awaited, *next;

	HASH_ITER (hh, *all, awaited, next) {
		enum age_step step = age_on(&awaited->age);

		if (step == AGE_UNTELL) {
			hooks->untell(hooks->arg, awaited->id);
		} else if (step == AGE_FREE) {
			HASH_DEL(*all, awaited);
			free(awaited);
		}
	}
}

void awaited_free(struct awaited **all)
{
	struct awaited *awaited, *next;

	HASH_ITER (hh, *all, awaited, next) {
		HASH_DEL(*all, awaited);
		free(awaited);
	}
}
