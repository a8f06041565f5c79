/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DYNAMIC_MAX  1024       /* entries of a dynamic section that are looked at */
#define CHAIN_MAX    4096       /* symbols in one hash bucket: more is an attack */
#define SECTIONS_MAX 4096       /* sections that are looked at */
#define NAME_MAX_CMP 64         /* longest symbol or section name that is asked for */
#define TABLE_MAX    (12 << 20) /* bytes of a symbol table, and of its names; Python's has 1 MB */
#define BATCH        64         /* table entries read at once */

int image_read_file(const struct image *image, uint64_t offset, void *dst, size_t size)
{
	ssize_t got;

	if (offset > INT64_MAX - size)
		return -EBADMSG;
	got = pread(image->fd, dst, size, offset);
	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EBADMSG;
}

static const Elf64_Phdr *segment_at(const struct image *image, uint64_t address)
{
	for (int i = 0; i < image->segment_count; i++) {
		const Elf64_Phdr *segment = &image->segments[i];

		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_memsz)
			return segment;
	}
	return NULL;
}

uint64_t image_bytes_at(const struct image *image, uint64_t address)
{
	const Elf64_Phdr *segment = segment_at(image, address);
	uint64_t inside = segment ? address - segment->p_vaddr : 0;

	return segment && inside < segment->p_filesz ? segment->p_filesz - inside : 0;
}

int image_offset(const struct image *image, uint64_t address, uint64_t *ret)
{
	const Elf64_Phdr *segment = segment_at(image, address);

	if (!segment || !image_bytes_at(image, address))
		return -EBADMSG;
	*ret = segment->p_offset + (address - segment->p_vaddr);
	return 0;
}

int image_read(const struct image *image, uint64_t address, void *dst, size_t size)
{
	const Elf64_Phdr *segment = segment_at(image, address);

	if (!segment || image_bytes_at(image, address) < size)
		return -EBADMSG;
	return image_read_file(image, segment->p_offset + (address - segment->p_vaddr), dst, size);
}

bool image_is_code(const struct image *image, uint64_t address)
{
	const Elf64_Phdr *segment = segment_at(image, address);

	return segment && (segment->p_flags & PF_X) &&
	       address - segment->p_vaddr < segment->p_filesz;
}

bool image_is_data(const struct image *image, uint64_t address, uint64_t size)
{
	const Elf64_Phdr *segment = segment_at(image, address);

	return segment && (segment->p_flags & PF_W) &&
	       size <= segment->p_memsz - (address - segment->p_vaddr);
}

const Elf64_Phdr *image_segment(const struct image *image, uint32_t type, uint32_t flags)
{
	for (int i = 0; i < image->segment_count; i++) {
		const Elf64_Phdr *segment = &image->segments[i];

		if (segment->p_type == type && (segment->p_flags & flags) == flags)
			return segment;
	}
	return NULL;
}

bool image_is_large(const struct image *image, bool in_code)
{
	uint64_t left = IMAGE_SEARCHED_MAX;

	for (int i = 0; i < image->segment_count; i++) {
		const Elf64_Phdr *segment = &image->segments[i];

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) == in_code)
			continue;
		if (segment->p_filesz > left)
			return true;
		left -= segment->p_filesz;
	}
	return false;
}

static void note_dynamic(struct image *image, const Elf64_Dyn *entry, uint64_t address)
{
	uint64_t value = entry->d_un.d_val;

	switch (entry->d_tag) {
	case DT_SYMTAB:
		image->symbols = value;
		break;
	case DT_STRTAB:
		image->strings = value;
		break;
	case DT_STRSZ:
		image->strings_bytes = value;
		break;
	case DT_GNU_HASH:
		image->gnu_hash = value;
		break;
	case DT_HASH:
		image->hash = value;
		break;
	case DT_SONAME:
		image->soname = value;
		break;
	case DT_DEBUG:
		image->debug = address + offsetof(Elf64_Dyn, d_un);
		break;
	case DT_NEEDED:
		if (image->needed_count < IMAGE_NEEDED_MAX)
			image->needed[image->needed_count++] = value;
		break;
	}
}

static int read_dynamic(struct image *image)
{
	const Elf64_Phdr *segment = image_segment(image, PT_DYNAMIC, 0);
	uint64_t count = segment ? segment->p_filesz / sizeof(Elf64_Dyn) : 0;
	Elf64_Dyn batch[BATCH];

	if (count > DYNAMIC_MAX)
		count = DYNAMIC_MAX;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t left = count - i < BATCH ? count - i : BATCH;
		uint64_t done = i * sizeof(*batch);

		if (i % BATCH == 0 &&
		    image_read_file(image, segment->p_offset + done, batch, left * sizeof(*batch)))
			return -EBADMSG;
		if (batch[i % BATCH].d_tag == DT_NULL)
			return 0;
		note_dynamic(image, &batch[i % BATCH], segment->p_vaddr + done);
	}
	return 0;
}

static bool is_elf64(const Elf64_Ehdr *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN);
}

int image_open(int fd, struct image *ret)
{
	struct image image = { .fd = fd };
	int err = image_read_file(&image, 0, &image.header, sizeof(image.header));

	if (err)
		return err == -EBADMSG ? -ENOEXEC : err;
	if (!is_elf64(&image.header))
		return -ENOEXEC;
	if (image.header.e_phentsize != sizeof(Elf64_Phdr))
		return -EBADMSG;
	image.segment_count = image.header.e_phnum;
	if (image.segment_count > IMAGE_SEGMENTS_MAX)
		image.segment_count = IMAGE_SEGMENTS_MAX;
	err = image_read_file(&image, image.header.e_phoff, image.segments,
			      image.segment_count * sizeof(Elf64_Phdr));
	if (!err)
		err = read_dynamic(&image);
	if (!err)
		*ret = image;
	return err;
}

/* Read a NUL-ended string, cut at @size - 1; what lies behind the end of the file is no error. */
static int read_string(const struct image *image, uint64_t offset, char *dst, size_t size)
{
	ssize_t got = offset > INT64_MAX - size ? -1 : pread(image->fd, dst, size - 1, offset);

	if (got < 0)
		return -EBADMSG;
	dst[got] = '\0';
	return 0;
}

static int read_dynamic_string(const struct image *image, uint64_t at, char *dst, size_t size)
{
	const Elf64_Phdr *segment = segment_at(image, image->strings);

	if (!segment || at >= image->strings_bytes)
		return -EBADMSG;
	return read_string(image, segment->p_offset + (image->strings - segment->p_vaddr) + at, dst,
			   size);
}

int image_needed(const struct image *image, int index, char *dst, size_t size)
{
	if (index >= image->needed_count)
		return -ENOENT;
	return read_dynamic_string(image, image->needed[index], dst, size);
}

/* Is the symbol with number @index the one?  1, 0 or -EBADMSG. */
static int match_symbol(const struct image *image, uint32_t index, const char *name,
			struct image_symbol *ret)
{
	Elf64_Sym symbol;
	char text[NAME_MAX_CMP];

	if (image_read(image, image->symbols + index * sizeof(symbol), &symbol, sizeof(symbol)) ||
	    read_dynamic_string(image, symbol.st_name, text, sizeof(text)))
		return -EBADMSG;
	if (symbol.st_shndx == SHN_UNDEF || strcmp(text, name) != 0)
		return 0;
	*ret = (struct image_symbol){ symbol.st_value, symbol.st_size };
	return 1;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (uint8_t)*name;
	return hash;
}

/* The hash table that glibc's loader reads: a Bloom filter turns most strangers away at once. */
static int find_by_gnu_hash(const struct image *image, const char *name, struct image_symbol *ret)
{
	struct {
		uint32_t buckets, first_symbol, bloom_words, bloom_shift;
	} table;
	uint32_t hash = gnu_hash(name), index, chain;
	uint64_t at = image->gnu_hash, word;

	if (image_read(image, at, &table, sizeof(table)) || !table.buckets || !table.bloom_words)
		return -EBADMSG;
	at += sizeof(table);
	if (image_read(image, at + hash / 64 % table.bloom_words * 8, &word, sizeof(word)))
		return -EBADMSG;
	if (!(word >> hash % 64 & 1) || !(word >> (hash >> (table.bloom_shift & 31)) % 64 & 1))
		return -ENOENT;

	at += table.bloom_words * 8ULL;
	if (image_read(image, at + hash % table.buckets * 4ULL, &index, sizeof(index)))
		return -EBADMSG;
	if (index < table.first_symbol)
		return -ENOENT;
	at += table.buckets * 4ULL;
	for (int i = 0; i < CHAIN_MAX; i++, index++) {
		int found = 0;

		if (image_read(image, at + (index - table.first_symbol) * 4ULL, &chain, 4))
			return -EBADMSG;
		if ((chain | 1) == (hash | 1))
			found = match_symbol(image, index, name, ret);
		if (found)
			return found < 0 ? found : 0;
		if (chain & 1)
			return -ENOENT;
	}
	return -EBADMSG;
}

static uint32_t sysv_hash(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (uint8_t)*name;
		hash ^= hash >> 24 & 0xf0;
	}
	return hash & 0x0fffffff;
}

/* The older hash table, for files that have no other. */
static int find_by_sysv_hash(const struct image *image, const char *name, struct image_symbol *ret)
{
	struct {
		uint32_t buckets, chains;
	} table;
	uint32_t index;
	uint64_t at = image->hash;

	if (image_read(image, at, &table, sizeof(table)) || !table.buckets)
		return -EBADMSG;
	at += sizeof(table);
	if (image_read(image, at + sysv_hash(name) % table.buckets * 4ULL, &index, sizeof(index)))
		return -EBADMSG;
	at += table.buckets * 4ULL;
	for (int i = 0; i < CHAIN_MAX; i++) {
		int found = index ? match_symbol(image, index, name, ret) : -ENOENT;

		if (found)
			return found < 0 ? found : 0;
		if (image_read(image, at + index * 4ULL, &index, sizeof(index)))
			return -EBADMSG;
	}
	return -EBADMSG;
}

int image_find_exported(const struct image *image, const char *name, struct image_symbol *ret)
{
	if (image->gnu_hash)
		return find_by_gnu_hash(image, name, ret);
	if (image->hash)
		return find_by_sysv_hash(image, name, ret);
	return -ENOENT;
}

static int read_section(const struct image *image, uint32_t index, Elf64_Shdr *ret)
{
	if (index >= image->header.e_shnum || image->header.e_shentsize != sizeof(*ret))
		return -ENOENT;
	return image_read_file(image, image->header.e_shoff + index * sizeof(*ret), ret,
			       sizeof(*ret));
}

/* Find the first section with this name, or without a name the first of @type. */
static int find_section(const struct image *image, const char *name, uint32_t type, Elf64_Shdr *ret)
{
	Elf64_Shdr names, section;
	char text[NAME_MAX_CMP];
	int err = read_section(image, image->header.e_shstrndx, &names);

	for (uint32_t i = 1; !err && i < SECTIONS_MAX; i++) {
		err = read_section(image, i, &section);
		if (!err && name)
			err = read_string(image, names.sh_offset + section.sh_name, text,
					  sizeof(text));
		if (!err && (name ? strcmp(text, name) == 0 : section.sh_type == type)) {
			*ret = section;
			return 0;
		}
	}
	return err ? err : -ENOENT;
}

int image_find_section(const struct image *image, const char *name, struct image_section *ret)
{
	Elf64_Shdr section;
	int err = find_section(image, name, 0, &section);

	if (!err)
		*ret = (struct image_section){ .address = section.sh_addr,
					       .offset = section.sh_offset,
					       .size = section.sh_size,
					       .type = section.sh_type };
	return err;
}

/* Read a whole section; the caller frees @ret_data. */
static int load_section(const struct image *image, const Elf64_Shdr *section, void **ret_data)
{
	cleanup_free char *data = NULL;
	int err;

	if (section->sh_type == SHT_NOBITS || !section->sh_size || section->sh_size > TABLE_MAX)
		return -EBADMSG;
	data = malloc(section->sh_size);
	if (!data)
		return -ENOMEM;
	err = image_read_file(image, section->sh_offset, data, section->sh_size);
	if (!err)
		*ret_data = TAKE_PTR(data);
	return err;
}

static void match_static(const Elf64_Sym *symbol, const char *text, const char *const *names,
			 int count, struct image_symbol *ret)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(text, names[i]) == 0 && !ret[i].address)
			ret[i] = (struct image_symbol){ symbol->st_value, symbol->st_size };
	}
}

int image_find_static(const struct image *image, const char *const *names, int count,
		      struct image_symbol *ret)
{
	cleanup_free void *symbols = NULL, *strings = NULL;
	Elf64_Shdr table, texts;
	int err = find_section(image, NULL, SHT_SYMTAB, &table);

	memset(ret, 0, count * sizeof(*ret));
	if (!err)
		err = read_section(image, table.sh_link, &texts);
	if (!err)
		err = load_section(image, &table, &symbols);
	if (!err)
		err = load_section(image, &texts, &strings);
	if (err)
		return err;

	((char *)strings)[texts.sh_size - 1] = '\0';
	for (uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Sym); i++) {
		const Elf64_Sym *symbol = (const Elf64_Sym *)symbols + i;

		if (symbol->st_shndx != SHN_UNDEF && symbol->st_name < texts.sh_size)
			match_static(symbol, (char *)strings + symbol->st_name, names, count, ret);
	}
	return 0;
}
