/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding one variant into its file. */
#include "extensions/vips/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "extensions/vips/format.h"
#include "extensions/vips/library.h"
#include "extensions/vips/picture.h"

#define PARTIAL_SIZE (OUTPUT_NAME_SIZE + 16)

void output_name(const struct variant *variant, char ret_name[OUTPUT_NAME_SIZE])
{
	(void)snprintf(ret_name, OUTPUT_NAME_SIZE, "%s.%s", variant->name,
		       format_rows[variant->format].extension);
}

/* Hidden, and no variant's name: those do not start with a dot. */
static void partial_name(const struct variant *variant, char ret_name[PARTIAL_SIZE])
{
	char name[OUTPUT_NAME_SIZE];

	output_name(variant, name);
	(void)snprintf(ret_name, PARTIAL_SIZE, ".%s.partial", name);
}

void output_discard(const struct variant *variant, int directory)
{
	char name[PARTIAL_SIZE];

	partial_name(variant, name);
	(void)unlinkat(directory, name, 0); /* most often there is none */
}

static int encode(VipsImage *image, const struct variant *variant, bool strip, VipsTarget *target)
{
	int quality = (int)variant->quality;
	int effort = (int)variant->effort;
	gboolean lossless = variant->lossless;

	switch ((enum variant_format)variant->format) {
	case VARIANT_WEBP:
		return vips_webpsave_target(image, target, "Q", quality, "effort", effort,
					    "lossless", lossless, "strip", strip, NULL);
	case VARIANT_AVIF:
		return vips_heifsave_target(image, target, "Q", quality, "effort", effort,
					    "lossless", lossless, "compression",
					    VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "bitdepth", 8,
					    "strip", strip, NULL);
	case VARIANT_JPEG:
		return vips_jpegsave_target(image, target, "Q", quality, "optimize_coding", TRUE,
					    "strip", strip, NULL);
	case VARIANT_PNG:
		return vips_pngsave_target(image, target, "compression", effort, "strip", strip,
					   NULL);
	}
	return -1;
}

/* What is visible of the step's picture, on its canvas, with the channels its format has. */
static int finish_picture(VipsImage **image, const struct plan_step *step,
			  const struct variant *variant, struct berth_error *err)
{
	const uint8_t *colour = variant->background_rgba;

	if (picture_resize(image, step->scaled_width, step->scaled_height, err) < 0 ||
	    picture_cut(image, step->area_left, step->area_top, step->area_width, step->area_height,
			err) < 0 ||
	    picture_place(image, step->canvas_left, step->canvas_top, step->canvas_width,
			  step->canvas_height, colour, err) < 0)
		return -1;
	return format_rows[variant->format].alpha ? 0 : picture_flatten(image, colour, err);
}

/* libvips tells only in words why writing failed; a full disk will be as full in a retry. */
static int fail_encode(const struct variant *variant, int descriptor, struct berth_error *err)
{
	struct statvfs space;
	bool full = fstatvfs(descriptor, &space) == 0 && space.f_bavail == 0;

	return library_fail(err, full ? BERTH_LIMIT : BERTH_SYSTEM, variant->name);
}

static int encode_to(VipsImage *image, const struct variant *variant, bool strip, int descriptor,
		     struct berth_error *err)
{
	VipsTarget *target = vips_target_new_to_descriptor(descriptor);
	int status;

	if (!target)
		return library_fail(err, BERTH_SYSTEM, variant->name);
	status = encode(image, variant, strip, target);
	g_object_unref(target);
	return status == 0 ? 0 : fail_encode(variant, descriptor, err);
}

static enum berth_code create_code(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT ? BERTH_LIMIT : BERTH_SYSTEM;
}

int output_write(VipsImage *image, const struct plan_step *step, const struct request *request,
		 int directory, struct output *ret_output, struct berth_error *err)
{
	const struct variant *variant = &request->variants[step->variant];
	struct output output = {.width = step->canvas_width, .height = step->canvas_height};
	char partial[PARTIAL_SIZE], name[OUTPUT_NAME_SIZE];
	AUTO_CLOSE int fd = -1;
	struct stat status = {0};
	int result;

	partial_name(variant, partial);
	output_name(variant, name);
	output_discard(variant, directory); /* of an earlier attempt */
	fd = openat(directory, partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	result = fd < 0 ? berth_fail(err, create_code(errno), errno, "create %s", partial) : 0;
	if (result == 0)
		result = finish_picture(&image, step, variant, err);
	if (result == 0)
		result = encode_to(image, variant, request->strip, fd, err);
	g_object_unref(image);
	if (result == 0 && (fstat(fd, &status) < 0 || status.st_size == 0))
		result = berth_fail(err, BERTH_SYSTEM, 0, "%s came out empty", name);
	if (result == 0 && renameat(directory, partial, directory, name) < 0)
		result = berth_fail(err, BERTH_SYSTEM, errno, "rename %s to %s", partial, name);
	if (result < 0) {
		output_discard(variant, directory);
		return -1;
	}
	output.bytes = (uint64_t)status.st_size;
	*ret_output = output;
	return 0;
}
