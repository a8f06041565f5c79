/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file of a stranger: its segments, dynamic section, symbols and sections.
 *
 * Read with bounded pread()s, never mapped: a file that is cut short or rewritten while it is being
 * read gives errors, not SIGBUS, and judging one costs a few small reads, whatever its size.
 * Addresses are those of the file, before load bias.  This room knows nothing of Python.
 */
#ifndef SYMBOL_IMAGE_H
#define SYMBOL_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The processor that adder is built for: programs of others are not read. */
#ifdef __aarch64__
#define IMAGE_MACHINE EM_AARCH64
#else
#define IMAGE_MACHINE EM_X86_64
#endif

#define IMAGE_SEGMENTS_MAX 32         /* linkers make about 12; what is behind is not seen */
#define IMAGE_NEEDED_MAX   128        /* needed libraries that are looked at */
#define IMAGE_SEARCHED_MAX (32 << 20) /* bytes of code, or of data; of Python's, with BOLT, 24 */

/** An open file; plain data, owns nothing.  Use the functions below, not the fields. */
struct image {
	int fd;
	Elf64_Ehdr header;
	Elf64_Phdr segments[IMAGE_SEGMENTS_MAX];
	int segment_count;
	uint64_t symbols, strings, strings_bytes, gnu_hash, hash; /* addresses; 0: none */
	uint64_t debug;  /* address of DT_DEBUG's value; 0: none */
	uint64_t soname; /* offset in strings; 0: none */
	uint32_t needed[IMAGE_NEEDED_MAX];
	int needed_count;
};

struct image_symbol {
	uint64_t address, size; /* size is not checked */
};

struct image_section {
	uint64_t address, offset, size; /* in bytes; nothing checked */
	uint32_t type;                  /* SHT_* */
};

/**
 * Read the headers of the file open at @fd, which the caller keeps open as long as @ret is used.
 * 0; -ENOEXEC if it is no 64-bit little-endian ELF program or library; -EBADMSG if it is broken;
 * -errno of pread.
 */
int image_open(int fd, struct image *ret);

/** The first segment of @type (PT_*) that has all of @flags (PF_*); NULL if there is none. */
const Elf64_Phdr *image_segment(const struct image *image, uint32_t type, uint32_t flags);

/** Read exactly @size bytes from @offset of the file; 0, -EBADMSG if it ends before, -errno. */
int image_read_file(const struct image *image, uint64_t offset, void *dst, size_t size);

/** The same by address.  -EBADMSG also for what no segment holds, or holds as zeroes (.bss). */
int image_read(const struct image *image, uint64_t address, void *dst, size_t size);

/** Where in the file the byte at @address is.  0, or -EBADMSG if it has none there. */
int image_offset(const struct image *image, uint64_t address, uint64_t *ret);

/** Bytes of the file from @address to the end of its segment; 0 if none holds it. */
uint64_t image_bytes_at(const struct image *image, uint64_t address);

/** True if the byte at @address is of the file and in an executable segment. */
bool image_is_code(const struct image *image, uint64_t address);

/** True if @size bytes from @address lie in a writable segment, initialised or not. */
bool image_is_data(const struct image *image, uint64_t address, uint64_t size);

/**
 * Are the executable segments, or with @in_code false the others, larger than may be searched?
 * Counted is what each has in the file, for several may have the same.
 */
bool image_is_large(const struct image *image, bool in_code);

/** Find a symbol that the file defines and exports.  0, -ENOENT, -EBADMSG. */
int image_find_exported(const struct image *image, const char *name, struct image_symbol *ret);

/**
 * Find symbols, local ones too, in the table that strip removes; each of @ret[@count] that is not
 * there gets address 0.  Reads that table whole: for files known to matter.
 * 0, -ENOENT if there is no table, -EBADMSG, -ENOMEM.
 */
int image_find_static(const struct image *image, const char *const *names, int count,
		      struct image_symbol *ret);

/** Find a section by its name.  0, -ENOENT (also if the file has no sections), -EBADMSG. */
int image_find_section(const struct image *image, const char *name, struct image_section *ret);

/**
 * Copy the name of the @index-th needed library (from 0), cut at @size - 1 bytes.
 * 0, -ENOENT behind the last, -EBADMSG.
 */
int image_needed(const struct image *image, int index, char *dst, size_t size);

#endif
