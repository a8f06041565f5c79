/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

static enum log_level shown = LOG_INFO;
static bool progress_shown;

void log_set_level(enum log_level level)
{
	shown = level;
}

int log_enabled(enum log_level level)
{
	return level <= shown;
}

static void wipe_progress(void)
{
	if (!progress_shown)
		return;
	fputs("\r\033[K", stderr);
	progress_shown = false;
}

/* Names of files and processes come from strangers: what a terminal would obey is escaped. */
static void say_line(const char *prefix, const char *text)
{
	char safe[2048];

	text_escape(safe, sizeof(safe), text);
	wipe_progress();
	fprintf(stderr, "%s%s\n", prefix, safe);
}

static const char *prefix_of(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "adder: ";
	case LOG_WARNING:
		return "adder: warning: ";
	case LOG_DEBUG:
		return "adder: debug: ";
	default:
		return "adder: ";
	}
}

void log_say(enum log_level level, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say_line(prefix_of(level), text);
}

int log_errno(int err, const char *what, ...)
{
	char text[1024], line[1200];
	va_list args;

	va_start(args, what);
	vsnprintf(text, sizeof(text), what, args);
	va_end(args);
	snprintf(line, sizeof(line), "%s: %s", text, strerror(-err));
	say_line(prefix_of(LOG_ERROR), line);
	return err;
}

void log_progress(const char *line)
{
	struct winsize size = { .ws_col = 80 };

	if (!isatty(STDERR_FILENO))
		return;
	wipe_progress();
	if (!line)
		return;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	fprintf(stderr, "%.*s", size.ws_col > 1 ? size.ws_col - 1 : 79, line);
	fflush(stderr);
	progress_shown = true;
}

void log_progress_or_info(const char *line)
{
	if (isatty(STDERR_FILENO))
		log_progress(line);
	else
		log_info("%s", line);
}
