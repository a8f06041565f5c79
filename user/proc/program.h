/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which program a command will run: as execvp() finds it, and through the interpreters of scripts.
 */
#ifndef PROC_PROGRAM_H
#define PROC_PROGRAM_H

/**
 * Open the program file that running @command (a name that PATH is searched for, or a path) ends
 * in: of a script the one behind its "#!", of "#!/usr/bin/env NAME" what NAME is.  What a script
 * runs itself is not known.
 *
 * Returns a descriptor (close-on-exec), the caller's to close, or -errno: -ENOENT if there is no
 * such program, -ELOOP if scripts lead to scripts to scripts ...
 */
int program_open(const char *command);

#endif
