/* SPDX-License-Identifier: Apache-2.0 */
/* Images by name: what a root file system is built from. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "images/layer.h"

#define IMAGE_DEFAULT "host"

/* A recipe: layers as they are written, before the host was looked at. */
struct image_row {
	const char *name;
	const char *description;
	const struct image_layer *layers;
	const size_t *layer_count;
};

/* Every image there is (image_table.c). */
extern const struct image_row image_rows[];
extern const size_t image_row_count;

/* An image as this host can provide it. */
struct image {
	const char *name;
	struct image_layer *layers; /* owned; its strings are the recipe's or in owned */
	size_t layer_count;
	char **owned; /* texts of links that were read from the host */
	size_t owned_count;
};

/* Looks the name up and adapts its layers to this host: a bind directly below / that is a link on
 * the host (/bin on a merged /usr) becomes the same link, an optional one that is not there is
 * left out. BERTH_NOT_FOUND names the known images. The caller finishes *ret_image. */
int image_resolve(const char *name, struct image *ret_image, struct berth_error *err);

/* The same with the host's top directories looked up below root (tests). */
int image_resolve_under(const char *root, const char *name, struct image *ret_image,
			struct berth_error *err);

/* Accepts a zeroed image. */
void image_finish(struct image *image);
