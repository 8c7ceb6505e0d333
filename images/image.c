/* SPDX-License-Identifier: Apache-2.0 */
/* Images by name: what a root file system is built from. */
#include "images/image.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define KNOWN_NAMES_SIZE 128 /* of the images that are named in an error */
#define SHOWN_NAME_SIZE  48  /* of the one asked for */

void image_finish(struct image *image)
{
	for (size_t i = 0; i < image->owned_count; i++)
		free(image->owned[i]);
	free(image->owned);
	free(image->layers);
	*image = (struct image){0};
}

static const struct image_row *find_row(const char *name)
{
	for (size_t i = 0; i < image_row_count; i++)
		if (strcmp(image_rows[i].name, name) == 0)
			return &image_rows[i];
	return NULL;
}

static int fail_unknown(const char *name, struct berth_error *err)
{
	char known[KNOWN_NAMES_SIZE] = "", shown[SHOWN_NAME_SIZE];
	size_t used = 0;
	int length;

	for (size_t i = 0; i < image_row_count && used < sizeof(known) - 1; i++) {
		length = snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
				  image_rows[i].name);
		used += length > 0 ? (size_t)length : 0;
	}
	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	return berth_fail(err, BERTH_NOT_FOUND, 0, "no image \"%s\"; known are: %s", shown, known);
}

static bool is_top_level_bind(const struct image_layer *layer)
{
	return layer->kind == IMAGE_LAYER_BIND && !strchr(layer->target + 1, '/');
}

enum { LAYER_LEFT_OUT = 1 };

/* Turns a bind of a link into the link. LAYER_LEFT_OUT: optional and not there. */
static int adapt(const char *root, struct image_layer *layer, struct image *image,
		 struct berth_error *err)
{
	char path[PATH_MAX], text[PATH_MAX];
	struct stat status;
	ssize_t length;

	if (snprintf(path, sizeof(path), "%s%s", root, layer->source) >= (int)sizeof(path))
		return berth_fail(err, BERTH_LIMIT, 0, "%s: path too long", layer->source);
	if (lstat(path, &status) < 0)
		return layer->optional ? LAYER_LEFT_OUT
				       : berth_fail(err, BERTH_SYSTEM, errno, "stat %s", path);
	if (!S_ISLNK(status.st_mode))
		return 0;
	length = readlink(path, text, sizeof(text));
	if (length < 0 || (size_t)length >= sizeof(text))
		return berth_fail(err, BERTH_SYSTEM, length < 0 ? errno : ENAMETOOLONG,
				  "readlink %s", path);
	text[length] = '\0';
	image->owned[image->owned_count] = strdup(text);
	if (!image->owned[image->owned_count])
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "image %s", image->name);
	layer->kind = IMAGE_LAYER_SYMLINK;
	layer->optional = false;
	layer->source = image->owned[image->owned_count++];
	return 0;
}

static int fill(const char *root, const struct image_row *row, struct image *image,
		struct berth_error *err)
{
	size_t count = *row->layer_count;
	struct image_layer layer;
	int result;

	image->layers = calloc(count, sizeof(*image->layers));
	image->owned = calloc(count, sizeof(*image->owned));
	if (!image->layers || !image->owned)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "image %s", row->name);
	for (size_t i = 0; i < count; i++) {
		layer = row->layers[i];
		result = is_top_level_bind(&layer) ? adapt(root, &layer, image, err) : 0;
		if (result < 0)
			return -1;
		if (result != LAYER_LEFT_OUT)
			image->layers[image->layer_count++] = layer;
	}
	return 0;
}

int image_resolve_under(const char *root, const char *name, struct image *ret_image,
			struct berth_error *err)
{
	const struct image_row *row = find_row(name);
	struct image image = {0};

	if (!row)
		return fail_unknown(name, err);
	image.name = row->name;
	if (fill(root, row, &image, err) < 0) {
		image_finish(&image);
		return -1;
	}
	*ret_image = image;
	return 0;
}

int image_resolve(const char *name, struct image *ret_image, struct berth_error *err)
{
	return image_resolve_under("", name, ret_image, err);
}
