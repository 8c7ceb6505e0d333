/* SPDX-License-Identifier: Apache-2.0 */
/* The formats inputs are read from: how a file is told, and how libvips loads it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOADER_SNIFF_BYTES 16

/* How a loader can decode to less than the full size. */
enum loader_shrink {
	LOADER_SHRINK_NONE,
	LOADER_SHRINK_POWER, /* "shrink": 1, 2, 4 or 8 (libjpeg's scaled IDCT) */
	LOADER_SHRINK_SCALE, /* "scale": any factor (libwebp's rescaler) */
};

/* What a loader keeps of the picture while it decodes. */
enum loader_holds {
	LOADER_HOLDS_LINES, /* a few lines; the whole when the file is progressive or interlaced */
	LOADER_HOLDS_WHOLE,
};

struct loader_row {
	const char *name;      /* "jpeg" */
	const char *operation; /* libvips' name of the loader */
	enum loader_shrink shrink;
	enum loader_holds holds;
	unsigned bytes_per_sample; /* of the whole, when that is held; a sample is a byte of a
				      channel */
	bool module;               /* lives in libvips' HEIF module */
};

/* Known by its first bytes; NULL when it is none of ours. length may be less than
 * LOADER_SNIFF_BYTES. */
const struct loader_row *loader_recognise(const uint8_t *bytes, size_t length);
