/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a log to be read, wherever they are now: in its raw files or in the sealed one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_name.h"

struct log_sealed;

struct log_storage {
	int directory;
	int64_t run, attempt;
	int files[LOG_SECTIONS];
	struct log_sealed *sealed;
};

#define LOG_STORAGE_NONE 1 /* there is no log, or not yet */

void log_storage_init(struct log_storage *storage, int directory, int64_t run, int64_t attempt);
void log_storage_finish(struct log_storage *storage);

/* 0 when it is open, also from before; NONE or failed. */
int log_storage_open(struct log_storage *storage, struct berth_error *err);

int log_storage_size(struct log_storage *storage, enum log_file section, uint64_t *ret_size,
		     struct berth_error *err);
/* Up to size bytes from an offset, fewer at the end of what is there. */
int log_storage_read(struct log_storage *storage, enum log_file section, uint64_t offset,
		     void *buffer, size_t size, size_t *ret_length, struct berth_error *err);
