/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a log to be read, wherever they are now: in its raw files or in the sealed one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_name.h"

struct log_sealed;

struct log_storage {
	int directory; /* -1: what is open is all there is */
	int64_t run, attempt;
	int files[LOG_SECTIONS];
	struct log_sealed *sealed;
	uint64_t index_bytes; /* of the index nothing behind that is read; 0: all is */
};

#define LOG_STORAGE_NONE 1 /* there is no log, or not yet */

void log_storage_init(struct log_storage *storage, int directory, int64_t run, int64_t attempt);
void log_storage_finish(struct log_storage *storage);

/* 0 when it is open, also from before; NONE or failed. */
int log_storage_open(struct log_storage *storage, struct berth_error *err);

/* A log by descriptors, for somebody who cannot open it: as it is now, whatever is written to it or
 * becomes of its files. All are the caller's. 0, or NONE: then there are none. */
struct log_snapshot {
	int files[LOG_SECTIONS]; /* -1: it has no bytes; all: it is sealed */
	int sealed;              /* -1: it is not */
	uint64_t index_bytes;
};
int log_storage_pass(struct log_storage *storage, struct log_snapshot *ret_snapshot,
		     struct berth_error *err);
/* Takes the descriptors over, also when it fails. */
int log_storage_adopt(struct log_storage *storage, struct log_snapshot *snapshot,
		      struct berth_error *err);

int log_storage_size(struct log_storage *storage, enum log_file section, uint64_t *ret_size,
		     struct berth_error *err);
/* Up to size bytes from an offset, fewer at the end of what is there. */
int log_storage_read(struct log_storage *storage, enum log_file section, uint64_t offset,
		     void *buffer, size_t size, size_t *ret_length, struct berth_error *err);
