/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a sealed file block by block; nothing in it is trusted. */
#include "runner/log/log_sealed.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "runner/log/log_index.h"

#define MAGIC           UINT64_C(0x3164656c61657362) /* "bsealed1" */
#define SKIPPABLE_MAGIC 0x184D2A5EU
#define NO_BLOCK        UINT32_MAX
/* A frame of one block of bytes that do not compress is hardly longer than these. */
#define COMPRESSED_MAX  (LOG_BLOCK_BYTES + 1024)

struct log_sealed {
	int fd;
	struct log_sealed_footer footer;
	uint32_t first[LOG_SECTIONS]; /* block of each section */
	uint64_t *offsets;            /* of each block, and of the table behind the last */
	ZSTD_DCtx *context;
	uint32_t block;   /* the one in content */
	uint32_t damaged; /* the one that was found damaged last: not tried again and again */
	size_t content_length;
	unsigned char *content, *compressed;
};

static void put_u32(unsigned char *bytes, uint32_t value)
{
	value = htole32(value);
	memcpy(bytes, &value, sizeof(value));
}

static void put_u64(unsigned char *bytes, uint64_t value)
{
	value = htole64(value);
	memcpy(bytes, &value, sizeof(value));
}

static uint32_t get_u32(const unsigned char *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const unsigned char *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

size_t log_sealed_table_bytes(uint32_t blocks)
{
	return LOG_SEALED_FRAME_BYTES + (size_t)blocks * 4 + LOG_SEALED_FOOTER_BYTES;
}

void log_sealed_encode_table(const struct log_sealed_footer *footer, const uint32_t *lengths,
			     unsigned char *ret_bytes)
{
	size_t size = log_sealed_table_bytes(footer->blocks);
	unsigned char *next = ret_bytes;

	put_u32(next, SKIPPABLE_MAGIC);
	put_u32(next + 4, (uint32_t)(size - LOG_SEALED_FRAME_BYTES));
	next += LOG_SEALED_FRAME_BYTES;
	for (uint32_t block = 0; block < footer->blocks; block++, next += 4)
		put_u32(next, lengths[block]);
	for (int section = 0; section < LOG_SECTIONS; section++, next += 8)
		put_u64(next, footer->sections[section]);
	put_u32(next, footer->blocks);
	put_u32(next + 4, log_index_hash(ret_bytes, (size_t)(next + 4 - ret_bytes)));
	put_u64(next + 8, MAGIC);
}

static int read_exactly(int fd, void *buffer, size_t size, uint64_t offset, struct berth_error *err)
{
	char *target = buffer;

	while (size > 0) {
		ssize_t got = pread(fd, target, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read a sealed log");
		if (got == 0)
			return berth_fail(err, BERTH_PROTOCOL, 0, "a sealed log ends too early");
		target += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return 0;
}

static int fail_table(struct berth_error *err)
{
	return berth_fail(err, BERTH_PROTOCOL, 0, "the table of a sealed log is damaged");
}

/* The table's own length, from the end of the file. */
static int read_footer(struct log_sealed *sealed, uint64_t size, struct berth_error *err)
{
	unsigned char bytes[LOG_SEALED_FOOTER_BYTES];
	uint64_t blocks = 0;

	if (size < log_sealed_table_bytes(0))
		return berth_fail(err, BERTH_PROTOCOL, 0, "it is not a sealed log");
	if (read_exactly(sealed->fd, bytes, sizeof(bytes), size - sizeof(bytes), err) < 0)
		return -1;
	if (get_u64(bytes + sizeof(bytes) - 8) != MAGIC)
		return berth_fail(err, BERTH_PROTOCOL, 0, "it is not a sealed log");
	sealed->footer.blocks = get_u32(bytes + 8 * LOG_SECTIONS);
	if (log_sealed_table_bytes(sealed->footer.blocks) > size)
		return fail_table(err);
	for (int section = 0; section < LOG_SECTIONS; section++) {
		uint64_t length = get_u64(bytes + 8 * section);

		if (length > (uint64_t)sealed->footer.blocks * LOG_BLOCK_BYTES)
			return fail_table(err);
		sealed->footer.sections[section] = length;
		sealed->first[section] = (uint32_t)blocks;
		blocks += (length + LOG_BLOCK_BYTES - 1) / LOG_BLOCK_BYTES;
	}
	return blocks == sealed->footer.blocks ? 0 : fail_table(err);
}

static int read_table(struct log_sealed *sealed, uint64_t size, struct berth_error *err)
{
	size_t length = log_sealed_table_bytes(sealed->footer.blocks);
	AUTO_FREE unsigned char *bytes = malloc(length);
	uint64_t offset = 0;

	sealed->offsets = malloc(((size_t)sealed->footer.blocks + 1) * sizeof(*sealed->offsets));
	if (!bytes || !sealed->offsets)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (read_exactly(sealed->fd, bytes, length, size - length, err) < 0)
		return -1;
	if (get_u32(bytes + length - 12) != log_index_hash(bytes, length - 12) ||
	    get_u32(bytes) != SKIPPABLE_MAGIC)
		return fail_table(err);
	for (uint32_t block = 0; block < sealed->footer.blocks; block++) {
		sealed->offsets[block] = offset;
		offset += get_u32(bytes + LOG_SEALED_FRAME_BYTES + (size_t)block * 4);
	}
	sealed->offsets[sealed->footer.blocks] = offset;
	return offset == size - length ? 0 : fail_table(err);
}

static int prepare(struct log_sealed *sealed, struct berth_error *err)
{
	struct stat facts;

	if (fstat(sealed->fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat a sealed log");
	if (read_footer(sealed, (uint64_t)facts.st_size, err) < 0 ||
	    read_table(sealed, (uint64_t)facts.st_size, err) < 0)
		return -1;
	sealed->context = ZSTD_createDCtx();
	sealed->content = malloc(LOG_BLOCK_BYTES);
	sealed->compressed = malloc(COMPRESSED_MAX);
	if (!sealed->context || !sealed->content || !sealed->compressed)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	return 0;
}

int log_sealed_open(int fd, struct log_sealed **ret_sealed, struct berth_error *err)
{
	struct log_sealed *sealed = calloc(1, sizeof(*sealed));

	if (!sealed) {
		(void)close(fd);
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	}
	sealed->fd = fd;
	sealed->block = sealed->damaged = NO_BLOCK;
	if (prepare(sealed, err) < 0) {
		log_sealed_close(sealed);
		return -1;
	}
	*ret_sealed = sealed;
	return 0;
}

void log_sealed_close(struct log_sealed *sealed)
{
	if (!sealed)
		return;
	(void)close(sealed->fd);
	(void)ZSTD_freeDCtx(sealed->context);
	free(sealed->offsets);
	free(sealed->content);
	free(sealed->compressed);
	free(sealed);
}

int log_sealed_descriptor(const struct log_sealed *sealed)
{
	return sealed->fd;
}

uint64_t log_sealed_size(const struct log_sealed *sealed, enum log_file section)
{
	return sealed->footer.sections[section];
}

static int decompress(struct log_sealed *sealed, uint32_t block, size_t length,
		      struct berth_error *err)
{
	uint64_t offset = sealed->offsets[block];
	uint64_t compressed = sealed->offsets[block + 1] - offset;
	size_t got;

	if (compressed > COMPRESSED_MAX)
		return fail_table(err);
	if (read_exactly(sealed->fd, sealed->compressed, compressed, offset, err) < 0)
		return -1;
	sealed->block = NO_BLOCK;
	got = ZSTD_decompressDCtx(sealed->context, sealed->content, length, sealed->compressed,
				  compressed);
	if (!ZSTD_isError(got) && got == length) {
		sealed->block = block;
		sealed->content_length = length;
		return 0;
	}
	sealed->damaged = block;
	return 1;
}

/* Brings a block, of which length bytes are expected, into content. */
static int load_block(struct log_sealed *sealed, uint32_t block, size_t length,
		      struct berth_error *err)
{
	int result = 1;

	if (block == sealed->block)
		return 0;
	if (block != sealed->damaged)
		result = decompress(sealed, block, length, err);
	if (result > 0)
		return berth_fail(err, BERTH_PROTOCOL, 0, "block %u of a sealed log is damaged",
				  block);
	return result;
}

int log_sealed_read(struct log_sealed *sealed, enum log_file section, uint64_t offset, void *buffer,
		    size_t size, size_t *ret_length, struct berth_error *err)
{
	uint64_t end = sealed->footer.sections[section];
	char *target = buffer;
	size_t done = 0;

	while (done < size && offset < end) {
		uint64_t start = offset / LOG_BLOCK_BYTES * LOG_BLOCK_BYTES;
		uint32_t block = sealed->first[section] + (uint32_t)(start / LOG_BLOCK_BYTES);
		size_t within = (size_t)(offset - start), part = size - done;

		if (load_block(sealed, block,
			       end - start < LOG_BLOCK_BYTES ? (size_t)(end - start)
							     : LOG_BLOCK_BYTES,
			       err) < 0)
			return -1;
		if (part > sealed->content_length - within)
			part = sealed->content_length - within;
		memcpy(target + done, sealed->content + within, part);
		done += part;
		offset += part;
	}
	*ret_length = done;
	return 0;
}
