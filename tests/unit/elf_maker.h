/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small ELF files for tests: just what adder looks at.
 *
 * The whole file is mapped twice: at 0 for reading and executing, and at MAKER_DATA for writing.
 */
#ifndef TESTS_ELF_MAKER_H
#define TESTS_ELF_MAKER_H

#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbol/image.h"

#define MAKER_DATA     0x100000
#define MAKER_PAD      0x10000000 /* and multiples of it: what is padded with */
#define MAKER_BYTES    0x4000
#define MAKER_SYMBOLS  16
#define MAKER_DYNAMIC  0x200
#define MAKER_STRINGS  0x400
#define MAKER_SYMTAB   0x800
#define MAKER_HASH     0xc00
#define MAKER_INTERP   0xd00
#define MAKER_SECTIONS 0xe00
#define MAKER_FREE     0x1000 /* from here on the test's own bytes */

struct maker {
	uint8_t file[MAKER_BYTES];
	size_t strings, entries, symbols;
	size_t padding; /* zeroes behind @file */
};

static inline void *maker_at(struct maker *m, size_t offset)
{
	return m->file + offset;
}

static inline uint32_t maker_string(struct maker *m, const char *text)
{
	uint32_t at = m->strings;

	memcpy(m->file + MAKER_STRINGS + at, text, strlen(text) + 1);
	m->strings += strlen(text) + 1;
	return at;
}

static inline void maker_entry(struct maker *m, int64_t tag, uint64_t value)
{
	Elf64_Dyn *entry = maker_at(m, MAKER_DYNAMIC);

	entry[m->entries++] = (Elf64_Dyn){ .d_tag = tag, .d_un.d_val = value };
}

static inline void maker_needs(struct maker *m, const char *library)
{
	maker_entry(m, DT_NEEDED, maker_string(m, library));
}

/* Export @name; all symbols are in one chain of the hash table. */
static inline void maker_export(struct maker *m, const char *name, uint64_t address)
{
	Elf64_Sym *symbols = maker_at(m, MAKER_SYMTAB);
	uint32_t *hash = maker_at(m, MAKER_HASH);

	symbols[++m->symbols] =
		(Elf64_Sym){ .st_name = maker_string(m, name), .st_shndx = 1, .st_value = address };
	hash[0] = 1;
	hash[1] = MAKER_SYMBOLS;
	hash[2] = m->symbols;
	hash[3 + m->symbols] = m->symbols - 1;
}

static inline void maker_put(struct maker *m, size_t offset, const void *bytes, size_t size)
{
	memcpy(m->file + offset, bytes, size);
}

/* Give the file one named section. */
static inline void maker_section(struct maker *m, const char *name, uint64_t address)
{
	Elf64_Ehdr *header = maker_at(m, 0);
	Elf64_Shdr *sections = maker_at(m, MAKER_SECTIONS);

	header->e_shoff = MAKER_SECTIONS;
	header->e_shentsize = sizeof(*sections);
	header->e_shnum = 3;
	header->e_shstrndx = 1;
	sections[1].sh_offset = MAKER_STRINGS;
	sections[2].sh_name = maker_string(m, name);
	sections[2].sh_addr = address;
}

static inline void maker_init(struct maker *m)
{
	static const Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = IMAGE_MACHINE,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 4,
	};
	static const Elf64_Phdr segments[] = {
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_filesz = MAKER_BYTES,
		  .p_memsz = MAKER_BYTES },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_W,
		  .p_vaddr = MAKER_DATA,
		  .p_filesz = MAKER_BYTES,
		  .p_memsz = 2 * MAKER_BYTES },
		{ .p_type = PT_DYNAMIC,
		  .p_flags = PF_R,
		  .p_offset = MAKER_DYNAMIC,
		  .p_vaddr = MAKER_DYNAMIC,
		  .p_filesz = MAKER_STRINGS - MAKER_DYNAMIC },
		{ .p_type = PT_INTERP, .p_flags = PF_R, .p_offset = MAKER_INTERP, .p_filesz = 64 },
	};

	memset(m, 0, sizeof(*m));
	maker_put(m, 0, &header, sizeof(header));
	maker_put(m, sizeof(header), segments, sizeof(segments));
	maker_string(m, "");
	maker_entry(m, DT_STRTAB, MAKER_STRINGS);
	maker_entry(m, DT_STRSZ, MAKER_SYMTAB - MAKER_STRINGS);
	maker_entry(m, DT_SYMTAB, MAKER_SYMTAB);
	maker_entry(m, DT_HASH, MAKER_HASH);
	maker_entry(m, DT_DEBUG, 0);
}

/* Four more segments, before the others, which all have the same @bytes of zeroes. */
static inline void maker_pad(struct maker *m, uint32_t flags, size_t bytes)
{
	Elf64_Ehdr *header = maker_at(m, 0);
	Elf64_Phdr *segments = maker_at(m, header->e_phoff);

	memmove(segments + 4, segments, 4 * sizeof(*segments));
	for (int i = 0; i < 4; i++)
		segments[i] = (Elf64_Phdr){ .p_type = PT_LOAD,
					    .p_flags = flags,
					    .p_offset = MAKER_BYTES,
					    .p_vaddr = MAKER_PAD * (i + 1),
					    .p_filesz = bytes,
					    .p_memsz = bytes };
	header->e_phnum = 8;
	m->padding = bytes;
}

/* A file of the first @size bytes; the caller closes it. */
static inline int maker_open(const struct maker *m, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	if (fd >= 0 &&
	    (write(fd, m->file, size) != (ssize_t)size || ftruncate(fd, size + m->padding))) {
		close(fd);
		return -1;
	}
	return fd;
}

#endif
