/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the files of an attempt that is over into one compressed file, block by block. */
#include "runner/log/log_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/crash/crash_point.h"
#include "runner/log/log_index.h"
#include "runner/log/log_sealed.h"
#include "runner/log/log_storage.h"

#define LEVEL       3
#define LEFT_BYTES  4096 /* less than that stays as it is */
#define FIRST_TABLE 16   /* blocks */

struct log_seal {
	struct log_storage storage;
	struct log_sealed_footer footer;
	uint32_t *lengths; /* of the blocks so far */
	uint32_t capacity;
	int fd; /* the unfinished file; -1 when there is none */
	int section;
	uint64_t offset; /* of the next block in the section */
	ZSTD_CCtx *context;
	unsigned char *content, *compressed;
	size_t compressed_size;
};

static char *name_of(const struct log_seal *seal, enum log_file file, char target[LOG_NAME_SIZE])
{
	return log_name_format(seal->storage.run, seal->storage.attempt, file, target);
}

/* The last record of the index has to say that nothing follows; it has all lengths. */
static int read_end(struct log_seal *seal, struct berth_error *err)
{
	unsigned char bytes[LOG_INDEX_RECORD_BYTES];
	struct log_index_record end;
	uint64_t size;
	size_t got;

	if (log_storage_size(&seal->storage, LOG_FILE_INDEX, &size, err) < 0)
		return -1;
	if (size < sizeof(bytes) ||
	    log_storage_read(&seal->storage, LOG_FILE_INDEX, size - sizeof(bytes), bytes,
			     sizeof(bytes), &got, err) < 0 ||
	    got < sizeof(bytes) || !log_index_decode(bytes, &end) || end.source != LOG_INDEX_END)
		return berth_fail(err, BERTH_INVALID, 0, "the log has not ended: it is not sealed");
	memcpy(seal->footer.sections, end.ends, sizeof(end.ends));
	seal->footer.sections[LOG_FILE_INDEX] = size;
	return 0;
}

/* 0, LEFT or failed. */
static int look(struct log_seal *seal, struct berth_error *err)
{
	struct log_storage *storage = &seal->storage;
	char name[LOG_NAME_SIZE];
	uint64_t total = 0;
	int result;

	if (faccessat(storage->directory, name_of(seal, LOG_FILE_SEALED, name), F_OK, 0) == 0) {
		/* interrupted after it was complete */
		result = log_name_remove(storage->directory, storage->run, storage->attempt, false,
					 NULL, err);
		return result < 0 ? -1 : LOG_SEAL_LEFT;
	}
	result = log_storage_open(storage, err);
	if (result)
		return result < 0 ? -1 : LOG_SEAL_LEFT;
	if (read_end(seal, err) < 0)
		return -1;
	for (int section = 0; section < LOG_SECTIONS; section++)
		total += seal->footer.sections[section];
	return total < LEFT_BYTES ? LOG_SEAL_LEFT : 0;
}

static int prepare(struct log_seal *seal, struct berth_error *err)
{
	char name[LOG_NAME_SIZE];

	seal->compressed_size = ZSTD_compressBound(LOG_BLOCK_BYTES);
	seal->content = malloc(LOG_BLOCK_BYTES);
	seal->compressed = malloc(seal->compressed_size);
	seal->context = ZSTD_createCCtx();
	if (!seal->content || !seal->compressed || !seal->context ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(seal->context, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(seal->context, ZSTD_c_checksumFlag, 1)))
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	seal->fd = openat(seal->storage.directory, name_of(seal, LOG_FILE_UNFINISHED, name),
			  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (seal->fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", name);
	return 0;
}

int log_seal_create(int directory, int64_t run, int64_t attempt, struct log_seal **ret_seal,
		    struct berth_error *err)
{
	struct log_seal *seal = calloc(1, sizeof(*seal));
	int result;

	if (!seal)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	seal->fd = -1;
	log_storage_init(&seal->storage, directory, run, attempt);
	result = look(seal, err);
	if (result == 0)
		result = prepare(seal, err);
	if (result) {
		log_seal_destroy(seal);
		return result;
	}
	*ret_seal = seal;
	return 0;
}

static int note_length(struct log_seal *seal, uint32_t length, struct berth_error *err)
{
	if (seal->footer.blocks == seal->capacity) {
		uint32_t capacity = seal->capacity ? 2 * seal->capacity : FIRST_TABLE;
		uint32_t *grown = reallocarray(seal->lengths, capacity, sizeof(*grown));

		if (!grown)
			return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
		seal->lengths = grown;
		seal->capacity = capacity;
	}
	seal->lengths[seal->footer.blocks++] = length;
	return 0;
}

static int seal_block(struct log_seal *seal, struct berth_error *err)
{
	uint64_t left = seal->footer.sections[seal->section] - seal->offset;
	size_t length = left < LOG_BLOCK_BYTES ? (size_t)left : LOG_BLOCK_BYTES, got;

	if (log_storage_read(&seal->storage, (enum log_file)seal->section, seal->offset,
			     seal->content, length, &got, err) < 0)
		return -1;
	memset(seal->content + got, 0, length - got); /* lost in a power cut: docs/logs.md */
	seal->offset += length;
	got = ZSTD_compress2(seal->context, seal->compressed, seal->compressed_size, seal->content,
			     length);
	if (ZSTD_isError(got))
		return berth_fail(err, BERTH_MEMORY, 0, "compress a log: %s",
				  ZSTD_getErrorName(got));
	if (note_length(seal, (uint32_t)got, err) < 0)
		return -1;
	return descriptor_write_all(seal->fd, seal->compressed, got, err);
}

static int finish(struct log_seal *seal, struct berth_error *err)
{
	const struct log_storage *storage = &seal->storage;
	size_t size = log_sealed_table_bytes(seal->footer.blocks);
	AUTO_FREE unsigned char *table = malloc(size);
	char unfinished[LOG_NAME_SIZE], sealed[LOG_NAME_SIZE];

	if (!table)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	log_sealed_encode_table(&seal->footer, seal->lengths, table);
	if (descriptor_write_all(seal->fd, table, size, err) < 0)
		return -1;
	(void)name_of(seal, LOG_FILE_UNFINISHED, unfinished);
	(void)name_of(seal, LOG_FILE_SEALED, sealed);
	if (fdatasync(seal->fd) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fdatasync %s", unfinished);
	crash_point(CRASH_SEAL_BEFORE_RENAME);
	if (renameat(storage->directory, unfinished, storage->directory, sealed) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "rename %s", unfinished);
	crash_point(CRASH_SEAL_AFTER_RENAME);
	close_fd(&seal->fd);
	return log_name_remove(storage->directory, storage->run, storage->attempt, false, NULL,
			       err);
}

int log_seal_step(struct log_seal *seal, struct berth_error *err)
{
	while (seal->section < LOG_SECTIONS &&
	       seal->offset == seal->footer.sections[seal->section]) {
		seal->section++;
		seal->offset = 0;
	}
	if (seal->section == LOG_SECTIONS)
		return finish(seal, err);
	return seal_block(seal, err) < 0 ? -1 : LOG_SEAL_MORE;
}

void log_seal_destroy(struct log_seal *seal)
{
	char name[LOG_NAME_SIZE];

	if (!seal)
		return;
	if (seal->fd >= 0) {
		/* best effort: the next seal truncates it */
		(void)unlinkat(seal->storage.directory, name_of(seal, LOG_FILE_UNFINISHED, name),
			       0);
		close_fd(&seal->fd);
	}
	log_storage_finish(&seal->storage);
	(void)ZSTD_freeCCtx(seal->context);
	free(seal->lengths);
	free(seal->content);
	free(seal->compressed);
	free(seal);
}

int log_seal_attempt(int directory, int64_t run, int64_t attempt, struct berth_error *err)
{
	struct log_seal *seal = NULL;
	int result = log_seal_create(directory, run, attempt, &seal, err);

	if (result)
		return result;
	do {
		result = log_seal_step(seal, err);
	} while (result == LOG_SEAL_MORE);
	log_seal_destroy(seal);
	return result;
}
