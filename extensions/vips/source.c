/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the input, reading its header, and decoding it once to the size that is needed. */
#include "extensions/vips/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "extensions/vips/library.h"
#include "extensions/vips/loader.h"
#include "extensions/vips/picture.h"

/* Lines that the resizing of a streamed picture keeps, measured when it shrinks a lot. */
#define STREAMED_LINES 2048

static const VipsFailOn fail_levels[] = {
	[REQUEST_FAIL_ON_NONE] = VIPS_FAIL_ON_NONE,
	[REQUEST_FAIL_ON_TRUNCATED] = VIPS_FAIL_ON_TRUNCATED,
	[REQUEST_FAIL_ON_ERROR] = VIPS_FAIL_ON_ERROR,
	[REQUEST_FAIL_ON_WARNING] = VIPS_FAIL_ON_WARNING,
};

int source_open(const char *path, struct source *ret_source, struct berth_error *err)
{
	uint8_t bytes[LOADER_SNIFF_BYTES];
	struct source source = {.descriptor = -1};
	struct stat status;
	ssize_t length;
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "open %s", path);
	if (fstat(fd, &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat %s", path);
	if (!S_ISREG(status.st_mode))
		return berth_fail(err, BERTH_INVALID, 0, "%s is not a regular file", path);
	length = pread(fd, bytes, sizeof(bytes), 0);
	if (length < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read %s", path);
	source.loader = loader_recognise(bytes, (size_t)length);
	if (!source.loader)
		return berth_fail(err, BERTH_INVALID, 0,
				  "%s is not a JPEG, PNG, WebP, GIF, TIFF, HEIC or AVIF file",
				  path);
	source.facts.file_bytes = (uint64_t)status.st_size;
	source.descriptor = steal_fd(&fd);
	*ret_source = source;
	return 0;
}

void source_close(struct source *source)
{
	close_fd(&source->descriptor);
}

/* A lazy image: libvips has read the header and nothing else. */
static int load(const struct source *source, const struct request *request, double shrink,
		VipsImage **ret_image, struct berth_error *err)
{
	const struct loader_row *loader = source->loader;
	VipsFailOn fail_on = fail_levels[request->fail_on];
	VipsSource *bytes = vips_source_new_from_descriptor(source->descriptor);
	VipsImage *image = NULL;
	int status = -1;

	if (!bytes)
		return library_fail(err, BERTH_SYSTEM, loader->name);
	if (loader->shrink == LOADER_SHRINK_POWER)
		status = vips_call(loader->operation, bytes, &image, "access",
				   VIPS_ACCESS_SEQUENTIAL, "fail_on", fail_on, "shrink",
				   (int)shrink, NULL);
	else if (loader->shrink == LOADER_SHRINK_SCALE)
		status = vips_call(loader->operation, bytes, &image, "access",
				   VIPS_ACCESS_SEQUENTIAL, "fail_on", fail_on, "scale",
				   1.0 / shrink, NULL);
	else
		status = vips_call(loader->operation, bytes, &image, "access",
				   VIPS_ACCESS_SEQUENTIAL, "fail_on", fail_on, NULL);
	g_object_unref(bytes);
	if (status != 0)
		return library_fail(err, BERTH_INVALID, loader->name);
	*ret_image = image;
	return 0;
}

static int header_integer(VipsImage *image, const char *name, int fallback)
{
	int value;

	if (vips_image_get_typeof(image, name) != G_TYPE_INT ||
	    vips_image_get_int(image, name, &value) != 0)
		return fallback;
	return value;
}

static void facts_take(struct source_facts *facts, VipsImage *image)
{
	facts->stored_width = vips_image_get_width(image);
	facts->stored_height = vips_image_get_height(image);
	facts->orientation = vips_image_get_orientation(image);
	facts->width = facts->stored_width;
	facts->height = facts->stored_height;
	if (vips_image_get_orientation_swap(image)) {
		facts->width = facts->stored_height;
		facts->height = facts->stored_width;
	}
	facts->bands = vips_image_get_bands(image);
	facts->depth = (int)vips_format_sizeof(vips_image_get_format(image)) * 8;
	facts->pages = header_integer(image, VIPS_META_N_PAGES, 1);
	facts->alpha =
		vips_image_get_coding(image) == VIPS_CODING_NONE && vips_image_hasalpha(image);
	facts->profile = vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0;
	facts->interleaved = header_integer(image, "interlaced", 0) != 0;
	facts->colour =
		vips_enum_nick(VIPS_TYPE_INTERPRETATION, vips_image_get_interpretation(image));
}

int source_read_header(struct source *source, const struct request *request,
		       struct berth_error *err)
{
	const struct source_facts *facts = &source->facts;
	VipsImage *image = NULL;

	if (load(source, request, 1, &image, err) < 0)
		return -1;
	facts_take(&source->facts, image);
	g_object_unref(image);
	if ((int64_t)facts->width * facts->height > request->max_pixels)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "%d x %d are %lld pixels, and max_pixels is %lld", facts->width,
				  facts->height, (long long)facts->width * facts->height,
				  (long long)request->max_pixels);
	return 0;
}

uint64_t source_memory(const struct source *source)
{
	const struct source_facts *facts = &source->facts;
	uint64_t line =
		(uint64_t)facts->stored_width * (uint64_t)facts->bands * (uint64_t)facts->depth / 8;
	uint64_t height = (uint64_t)facts->stored_height;
	uint64_t bytes = line * (height < STREAMED_LINES ? height : STREAMED_LINES);

	if (source->loader->holds == LOADER_HOLDS_WHOLE || facts->interleaved)
		bytes += line * height * source->loader->bytes_per_sample;
	return bytes;
}

/* The loader's share of the shrinking. */
static double loader_shrink(const struct loader_row *loader, double wanted)
{
	double shrink = 1;

	if (loader->shrink == LOADER_SHRINK_SCALE)
		return wanted;
	if (loader->shrink == LOADER_SHRINK_POWER)
		while (shrink < 8 && shrink * 2 <= wanted)
			shrink *= 2;
	return shrink;
}

/* Bridges libvips' "eval" signal to the caller's watch. */
struct watcher {
	bool (*watch)(void *owner, int percent);
	void *owner;
	bool stopped;
};

static void on_eval(VipsImage *image, VipsProgress *progress, gpointer data)
{
	struct watcher *watcher = data;

	if (watcher->watch(watcher->owner, progress->percent))
		return;
	watcher->stopped = true;
	vips_image_set_kill(image, TRUE);
}

/* Runs the lazy image into memory. */
static int evaluate(VipsImage *image, struct watcher *watcher, VipsImage **ret_memory,
		    struct berth_error *err)
{
	VipsImage *memory;
	gulong handler = g_signal_connect(image, "eval", G_CALLBACK(on_eval), watcher);

	vips_image_set_progress(image, TRUE);
	memory = vips_image_copy_memory(image);
	g_signal_handler_disconnect(image, handler);
	if (watcher->stopped) {
		g_clear_object(&memory);
		vips_error_clear();
		return berth_fail(err, BERTH_LIMIT, 0, "decoding was stopped");
	}
	if (!memory)
		return library_fail(err, BERTH_INVALID, "decode");
	*ret_memory = memory;
	return 0;
}

/* The base lies as it is stored: it is turned last, when it is small. */
static int turn_upright(VipsImage **image, struct berth_error *err)
{
	VipsImage *turned = NULL;
	VipsImage *memory;

	if (vips_image_get_orientation(*image) == 1)
		return 0;
	if (vips_autorot(*image, &turned, NULL) != 0)
		return library_fail(err, BERTH_SYSTEM, "rotate");
	memory = vips_image_copy_memory(turned);
	g_object_unref(turned);
	if (!memory)
		return library_fail(err, BERTH_SYSTEM, "rotate");
	g_object_unref(*image);
	*image = memory;
	return 0;
}

int source_decode(const struct source *source, const struct request *request,
		  const struct plan *plan, bool (*watch)(void *owner, int percent), void *owner,
		  VipsImage **ret_base, struct source_decoded *ret_decoded, struct berth_error *err)
{
	const struct source_facts *facts = &source->facts;
	bool turned = facts->width != facts->stored_width;
	struct watcher watcher = {.watch = watch, .owner = owner};
	struct source_decoded decoded = {
		.shrink = loader_shrink(source->loader,
					plan_shrink(plan, facts->width, facts->height))};
	VipsImage *lazy = NULL;
	VipsImage *base = NULL;
	int status = 0;

	if (load(source, request, decoded.shrink, &lazy, err) < 0)
		return -1;
	decoded.loaded_width = vips_image_get_width(lazy);
	decoded.loaded_height = vips_image_get_height(lazy);
	/* Resized as it is, so that the profile is applied to fewer pixels. */
	if (!picture_is_plain(lazy))
		status = picture_to_srgb(&lazy, err);
	if (status == 0)
		status = picture_resize(&lazy, turned ? plan->base_height : plan->base_width,
					turned ? plan->base_width : plan->base_height, err);
	if (status == 0)
		status = picture_to_srgb(&lazy, err);
	if (status == 0)
		status = evaluate(lazy, &watcher, &base, err);
	g_object_unref(lazy);
	if (status == 0)
		status = turn_upright(&base, err);
	if (status < 0) {
		g_clear_object(&base);
		return -1;
	}
	*ret_base = base;
	*ret_decoded = decoded;
	return 0;
}
