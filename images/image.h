/* SPDX-License-Identifier: Apache-2.0 */
/* Images by name: what a root file system is built from. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "images/layer.h"

#define IMAGE_DEFAULT "host"

struct image_row {
	const char *name;
	const char *description;
	const struct image_layer
		*layers; /* as the recipe has them, before the host was looked at */
	size_t layer_count;
};

/* Every image there is (image_table.c). */
extern const struct image_row image_rows[];
extern const size_t image_row_count;

/* An image as this host can provide it. */
struct image {
	const char *name;
	struct image_layer *layers; /* owned, with the strings that are not of the table */
	size_t layer_count;
	char **owned; /* those strings */
	size_t owned_count;
};

/* Looks the name up and adapts its layers to this host (a /bin that is a link to usr/bin stays
 * one). BERTH_NOT_FOUND names the known images. The caller finishes *ret_image. */
int image_resolve(const char *name, struct image *ret_image, struct berth_error *err);
/* Accepts a zeroed image. */
void image_finish(struct image *image);
