/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text inside XML and HTML.
 */
#ifndef EXPORT_XML_H
#define EXPORT_XML_H

#include <stdio.h>

/**
 * Write @text (valid UTF-8) so that it is text in an element or a quoted attribute and nothing
 * else: markup is escaped, and so are characters that XML does not allow or that a reader obeys.
 */
void xml_print(const char *text, FILE *out);

#endif
