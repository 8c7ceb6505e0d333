/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed log: any bytes, also with a table whose hash is right, are refused or read within
 * bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runner/log/log_index.h"
#include "runner/log/log_sealed.h"
#include "tests/fuzz/log_place.h"

#define AT_BLOCKS (8 * LOG_SECTIONS) /* in the footer */

/* The hash of the table that the footer tells of. */
static void mend(unsigned char *bytes, size_t size)
{
	unsigned char *footer = bytes + size - LOG_SEALED_FOOTER_BYTES;
	uint32_t blocks, hash;
	size_t length;

	memcpy(&blocks, footer + AT_BLOCKS, sizeof(blocks));
	length = log_sealed_table_bytes(blocks);
	if (length > size)
		return;
	hash = log_index_hash(bytes + size - length, length - 12);
	memcpy(footer + AT_BLOCKS + 4, &hash, sizeof(hash));
}

static void try(const uint8_t *data, size_t size, int mended)
{
	AUTO_FREE unsigned char *bytes = malloc(size + 1);
	struct log_place place;

	if (!bytes)
		abort();
	memcpy(bytes, data, size);
	if (mended)
		mend(bytes, size);
	log_place_make(&place);
	log_place_write(&place, LOG_FILE_SEALED, bytes, size);
	log_place_read(&place);
	log_place_remove(&place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try(data, size, 0);
	if (size >= LOG_SEALED_FOOTER_BYTES)
		try(data, size, 1);
	return 0;
}
