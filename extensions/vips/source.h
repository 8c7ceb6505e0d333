/* SPDX-License-Identifier: Apache-2.0 */
/* The input: recognised, its header read and judged, and decoded once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <vips/vips.h>

#include "base/error.h"
#include "extensions/vips/plan.h"
#include "extensions/vips/request.h"

struct loader_row;

/* What the header says. */
struct source_facts {
	uint64_t file_bytes;
	int stored_width, stored_height;
	int width, height; /* once it stands upright */
	int orientation;   /* EXIF, 1 to 8 */
	int bands;
	int depth; /* bits of a channel */
	int pages; /* frames of an animation; the first is used */
	bool alpha, profile;
	bool interleaved;   /* progressive JPEG, interlaced PNG: decoded as a whole */
	const char *colour; /* libvips' name: "srgb", "b-w", "cmyk" … */
};

struct source {
	int descriptor;
	const struct loader_row *loader;
	struct source_facts facts;
};

/* Opens a regular file and recognises it by its first bytes. BERTH_INVALID when it is not one of
 * the formats of loader_table.c. The header is not read yet. */
int source_open(const char *path, struct source *ret_source, struct berth_error *err);
void source_close(struct source *source);

/* Reads the header. BERTH_LIMIT when it has more pixels than the request allows, BERTH_INVALID
 * when it is damaged. */
int source_read_header(struct source *source, const struct request *request,
		       struct berth_error *err);

/* Bytes that decoding holds at its peak, beyond its result. */
uint64_t source_memory(const struct source *source);

/* What source_decode() came by. */
struct source_decoded {
	double shrink; /* the loader's own, at least 1 */
	int loaded_width, loaded_height;
};

/* Decodes once, upright and in sRGB, to the plan's base in memory; the caller owns *ret_base.
 * watch is called while it runs, in any thread, with 0 … 100; when it returns false, decoding ends
 * with BERTH_LIMIT. */
int source_decode(const struct source *source, const struct request *request,
		  const struct plan *plan, bool (*watch)(void *owner, int percent), void *owner,
		  VipsImage **ret_base, struct source_decoded *ret_decoded,
		  struct berth_error *err);
