/* SPDX-License-Identifier: Apache-2.0 */
/* The task video.thumbnail: one picture of a video as an image file. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_picture.h"
#include "extensions/ffmpeg/media_task.h"
#include "extensions/ffmpeg/thumbnail_frame.h"
#include "extensions/ffmpeg/thumbnail_image.h"

#define PATIENCE_NS     (30 * CLOCK_NS_PER_S)
#define DEFAULT_PERCENT 10
#define SECONDS_MAX     (10.0 * 365 * 86400)

struct thumbnail_settings {
	json_t *at;
	bool exact;
	int format;
	int64_t quality, width, height;
	char *name;
};

static const char *const formats[] = {"jpeg", "png", "webp", NULL};

#define ROW(field) .name = #field, .offset = offsetof(struct thumbnail_settings, field)

static const struct field_row rows[] = {
	{ROW(at),		      .type = FIELD_JSON,
	 .help = "the moment: seconds, a duration as \"1m30s\", or a share as \"25%\"; 10% when absent"        },
	{	     ROW(exact),													       .type = FIELD_BOOL, .default_text = "false",
	 .help = "the very frame of the moment instead of the nearest keyframe; slower"},
	{			 ROW(format),												 .type = FIELD_ENUM,						   .choices = formats,									 .default_text = "jpeg",
	 .help = "the image's format"},
	{									  ROW(quality),										  .type = FIELD_INTEGER,					      .min = 1,							    .max = 100, .default_text = "85",
	 .help = "of JPEG and WebP; PNG is lossless"},
	{									ROW(width),													       .type = FIELD_INTEGER,							.min = 0, .max = 16383, .default_text = "1280",
	 .unit = "pixels", .help = "widest; 0 is any; a small picture is not enlarged"},
	{												     ROW(height),																				  .type = FIELD_INTEGER,                            .min = 0,               .max = 16383, .default_text = "0",
	 .unit = "pixels", .help = "highest; 0 is any"},
	{ROW(name),.type = FIELD_STRING,						 .min = 1,							       .max = 200,
	 .help = "the image's file name without extension; the input's when absent"},
};

static int parse_share(const char *text, size_t length, double *ret_percent,
		       struct berth_error *err)
{
	char *end;

	errno = 0;
	*ret_percent = strtod(text, &end);
	if (errno != 0 || end != text + length - 1 || !(*ret_percent >= 0 && *ret_percent <= 100))
		return berth_fail(err, BERTH_INVALID, 0,
				  "payload: at: \"%.32s\" is no share from 0%% to 100%%", text);
	return 0;
}

static int parse_moment(const json_t *at, struct thumbnail_moment *moment, struct berth_error *err)
{
	const char *text = json_string_value(at);
	size_t length = json_string_length(at);
	uint64_t ms;

	moment->percent = -1;
	if (!at || json_is_null(at)) {
		moment->percent = DEFAULT_PERCENT;
		return 0;
	}
	if (json_is_number(at)) {
		moment->seconds = json_number_value(at);
		if (!(moment->seconds >= 0 && moment->seconds <= SECONDS_MAX))
			return berth_fail(err, BERTH_INVALID, 0,
					  "payload: at: seconds from 0 to %.0f are allowed",
					  SECONDS_MAX);
		return 0;
	}
	if (!text || length == 0)
		return berth_fail(err, BERTH_INVALID, 0,
				  "payload: at: a number of seconds or a text is expected");
	if (text[length - 1] == '%')
		return parse_share(text, length, &moment->percent, err);
	if (amount_parse_duration_ms(text, &ms, err) < 0)
		return berth_fail_context(err, "payload: at");
	moment->seconds = (double)ms / 1000;
	return 0;
}

/* The image appears under its name only when it is whole. */
static int write_image(const char *path, const AVPacket *image, struct berth_error *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = strndup(path, slash ? (size_t)(slash - path) : 0);
	AUTO_CLOSE int directory = -1;

	if (!parent)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output");
	directory = open(*parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", parent);
	if (descriptor_replace_durable(directory, slash ? slash + 1 : path, image->data,
				       (size_t)image->size, err) < 0)
		return -1;
	/* an image is for others to read, as any file a program writes */
	if (fchmodat(directory, slash ? slash + 1 : path, 0644, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "chmod %s", path);
	return 0;
}

static int save(const struct thumbnail_settings *settings, const struct thumbnail_frame *found,
		const char *path, json_t **ret_output, struct berth_error *err)
{
	struct thumbnail_options options = {.format = (enum thumbnail_format)settings->format,
					    .quality = settings->quality,
					    .max_width = settings->width,
					    .max_height = settings->height};
	const char *slash = strrchr(path, '/');
	struct media_picture picture;
	AVPacket *image = av_packet_alloc();
	int width, height, result;

	if (!image)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "image");
	media_picture_init(&picture, found->frame->width, found->frame->height, found->aspect,
			   found->rotation);
	thumbnail_size(&picture, &options, &width, &height);
	result = thumbnail_encode(found->frame, &picture, &options, image, err);
	if (result == 0)
		result = write_image(path, image, err);
	if (result == 0) {
		*ret_output = json_pack(
			"{ss ss sI ss si si sf sf sb si}", "file", slash ? slash + 1 : path, "path",
			path, "bytes", (json_int_t)image->size, "format", formats[settings->format],
			"width", width, "height", height, "requested", found->requested, "actual",
			found->actual, "keyframe", found->keyframe, "rotation", found->rotation);
		if (!*ret_output)
			result = berth_fail(err, BERTH_MEMORY, ENOMEM, "output");
	}
	av_packet_free(&image);
	return result;
}

static int run(struct berth_task *task, const void *record, json_t **ret_output,
	       struct berth_error *err)
{
	const struct thumbnail_settings *settings = record;
	struct thumbnail_moment moment = {.exact = settings->exact};
	double cpus = berth_task_info(task)->cpus;
	struct thumbnail_frame found = {0};
	AUTO_FREE char *path = NULL;
	struct media_guard guard;
	const char *input;
	int result;

	if (media_task_input(task, &input, err) < 0 ||
	    parse_moment(settings->at, &moment, err) < 0 ||
	    media_task_output_path(task, settings->name,
				   thumbnail_extension((enum thumbnail_format)settings->format),
				   &path, err) < 0)
		return -1;
	media_task_guard(task, PATIENCE_NS, &guard);
	if (thumbnail_frame_find(input, &moment, cpus > 1 ? (int)ceil(cpus - 0.01) : 1, &guard,
				 &found, err) < 0)
		return -1;
	result = save(settings, &found, path, ret_output, err);
	av_frame_free(&found.frame);
	return result;
}

int main(int argc, char **argv)
{
	const struct media_task definition = {
		.id = "video.thumbnail",
		.description =
			"Make an image of a video's moment: the nearest keyframe, or exactly",
		.output = "the image file, its size, and the moment asked for and found",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.record_size = sizeof(struct thumbnail_settings),
		.run = run,
	};

	return media_task_main(&definition, argc, argv);
}
