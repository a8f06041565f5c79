/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs.  Each takes its arguments as main() does, with argv[0] the verb itself, and returns
 * the exit status.  This room knows every other and is known by main.c alone; only it says errors.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

enum { CMD_DONE = 0, CMD_FAILED = 1, CMD_MISUSED = 2 };

int cmd_profile(int argc, char **argv); /* no verb: record ten seconds, then report */
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_calls(int argc, char **argv);
int cmd_dump(int argc, char **argv);

#endif
