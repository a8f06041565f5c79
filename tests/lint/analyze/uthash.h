/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What gcc -fanalyzer reads in place of uthash: the real macros' unrolled lists take it minutes a
 * file and end in false leaks.  Never linked.
 */
#ifndef ANALYZE_UTHASH_H
#define ANALYZE_UTHASH_H

#include <stddef.h>

typedef struct {
	void *next;
} UT_hash_handle;

void *hash_find(const void *head, const void *key, size_t size);
void *hash_with(void *head, void *item);
void *hash_without(void *head, void *item);
void *hash_next(const void *head, const void *item);
unsigned int hash_count(const void *head);

#define HASH_FIND(hh, head, key, size, ret) ((ret) = hash_find(head, key, size))
#define HASH_FIND_STR(head, key, ret)       ((ret) = hash_find(head, key, 0))
#define HASH_ADD(hh, head, field, size, item)                                                      \
	((head) = hash_with(head, item), (void)(item)->hh.next, (void)&(item)->field)
#define HASH_ADD_KEYPTR(hh, head, key, size, item)                                                 \
	((head) = hash_with(head, item), (void)(item)->hh.next, (void)(key))
#define HASH_DEL(head, item)        ((head) = hash_without(head, item))
#define HASH_DELETE(hh, head, item) ((head) = hash_without(head, item))
#define HASH_COUNT(head)            hash_count(head)
#define HASH_CLEAR(hh, head)        ((head) = NULL)
#define HASH_ITER(hh, head, item, tmp)                                                             \
	for ((item) = (head); (item) && ((tmp) = hash_next(head, item), 1); (item) = (tmp))

#endif
