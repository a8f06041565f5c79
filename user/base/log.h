/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What adder says on standard error.  Only main.c and cmd/ say errors and warnings: one failure,
 * one line, naming what was attempted, why it failed and what to do.  Rooms below may say debug.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/** Say everything up to @level; LOG_INFO until this is called. */
void log_set_level(enum log_level level);

/** True if a message of @level would be seen: spares the work of making one. */
int log_enabled(enum log_level level);

/**
 * Say one line on standard error; a newline is added, control characters are escaped.
 * Any live progress line is wiped first.
 */
void log_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_say(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_say(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_say(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_say(LOG_DEBUG, __VA_ARGS__)

/**
 * Say an error that the system gave, as "what: reason", and return @err so that a caller can log
 * and leave in one line.  @err is negative, as functions return it; %-format @what.
 */
int log_errno(int err, const char *what, ...) __attribute__((format(printf, 2, 3)));

/**
 * Replace the live line on standard error (no newline; cut to the terminal's width).  Does nothing
 * unless standard error is a terminal.  log_progress(NULL) wipes it.
 */
void log_progress(const char *line);

/** Say @line once as information where there is no live line to show it: "adder: recording". */
void log_progress_or_info(const char *line);

#endif
