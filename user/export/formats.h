/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats by name, for the list in formats.c.
 */
#ifndef EXPORT_FORMATS_H
#define EXPORT_FORMATS_H

struct exporter;

extern const struct exporter export_folded, export_flamegraph, export_speedscope, export_pstats;

#endif
