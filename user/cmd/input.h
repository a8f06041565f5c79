/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The profile that a verb is about, read from a file; what goes wrong is said here, once.
 */
#ifndef CMD_INPUT_H
#define CMD_INPUT_H

struct profile;

/** The file that adder writes and reads unless told otherwise. */
#define INPUT_DEFAULT "adder.pb.gz"

/**
 * Read the profile @path: "-" is standard input, NULL is INPUT_DEFAULT.  0, or -errno after one
 * line on standard error that says what to do.  @ret is the caller's to free.
 */
int input_open(const char *path, struct profile **ret);

#endif
