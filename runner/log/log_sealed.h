/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed file: what is in it, and reading any part of any section (docs/logs.md). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_name.h"

#define LOG_BLOCK_BYTES (128U << 10)

/* As it stands at the end of the file, without the blocks' lengths before it. */
struct log_sealed_footer {
	uint64_t sections[LOG_SECTIONS]; /* lengths in bytes */
	uint32_t blocks;
};
#define LOG_SEALED_FOOTER_BYTES (8 * LOG_SECTIONS + 4 + 4 + 8)
#define LOG_SEALED_FRAME_BYTES  8

/* The bytes of the table for blocks of these compressed lengths: the skippable frame's header, the
 * lengths, the footer. ret_bytes holds log_sealed_table_bytes(footer->blocks). */
size_t log_sealed_table_bytes(uint32_t blocks);
void log_sealed_encode_table(const struct log_sealed_footer *footer, const uint32_t *lengths,
			     unsigned char *ret_bytes);

struct log_sealed;

/* Takes fd over, also when it fails. BERTH_PROTOCOL: it is no sealed log, or its table is
 * damaged. */
int log_sealed_open(int fd, struct log_sealed **ret_sealed, struct berth_error *err);
void log_sealed_close(struct log_sealed *sealed);

/* Stays the log's. */
int log_sealed_descriptor(const struct log_sealed *sealed);

uint64_t log_sealed_size(const struct log_sealed *sealed, enum log_file section);

/* Up to size bytes from an offset, fewer at the section's end. BERTH_PROTOCOL: a block is
 * damaged. */
int log_sealed_read(struct log_sealed *sealed, enum log_file section, uint64_t offset, void *buffer,
		    size_t size, size_t *ret_length, struct berth_error *err);
