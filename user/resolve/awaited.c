/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolve/awaited.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_OF_A_CLIENT 0xffff /* the kernel half left it out: it is another one each time */
#define MAX_COMPONENTS   16

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

void awaited_text(const struct adder_event_awaited *e, int is_child, char *ret, size_t size)
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
