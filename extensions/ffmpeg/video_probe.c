/* SPDX-License-Identifier: Apache-2.0 */
/* The task video.probe: what a media file holds, from its header when that suffices. */
#include <errno.h>
#include <libavformat/avformat.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_input.h"
#include "extensions/ffmpeg/media_task.h"
#include "extensions/ffmpeg/probe_fill.h"
#include "extensions/ffmpeg/probe_packets.h"
#include "extensions/ffmpeg/probe_stream.h"

#define PATIENCE_NS (20 * CLOCK_NS_PER_S)
#define TAG_SIZE    512
#define TAGS_MAX    64

struct probe_settings {
	bool deep;
};

static const struct field_row rows[] = {
	{.name = "deep",
	 .type = FIELD_BOOL,
	 .offset = offsetof(struct probe_settings, deep),
	 .default_text = "false",
	 .help = "read every packet: exact frame counts, durations, bit rates and keyframe distances"},
};

static json_t *format_tags(const AVDictionary *metadata)
{
	const AVDictionaryEntry *entry = NULL;
	char key[TAG_SIZE], value[TAG_SIZE];
	json_t *tags = json_object();

	for (int i = 0; i < TAGS_MAX; i++) {
		entry = av_dict_get(metadata, "", entry, AV_DICT_IGNORE_SUFFIX);
		if (!entry)
			break;
		(void)text_sanitize(entry->key, strlen(entry->key), key, sizeof(key));
		(void)text_sanitize(entry->value, strlen(entry->value), value, sizeof(value));
		(void)json_object_set_new(tags, key, json_string(value));
	}
	return tags;
}

static int64_t bit_rate_of(const struct media_input *input)
{
	int64_t duration = media_input_duration(input);

	if (duration <= 0)
		return 0;
	return av_rescale(input->size_bytes, 8 * (int64_t)AV_TIME_BASE, duration);
}

static json_t *format_file(const struct media_input *input, bool header_only)
{
	const AVFormatContext *format = input->format;
	json_t *object;

	object = json_pack("{ss ss sI sb sI}", "container", format->iformat->name, "container_name",
			   format->iformat->long_name ?: "", "size_bytes",
			   (json_int_t)input->size_bytes, "header_only", header_only, "chapters",
			   (json_int_t)format->nb_chapters);
	if (!object)
		return NULL;
	if (media_input_duration(input) > 0) {
		(void)json_object_set_new(
			object, "duration",
			json_real((double)media_input_duration(input) / AV_TIME_BASE));
		(void)json_object_set_new(object, "bit_rate", json_integer(bit_rate_of(input)));
	}
	if (format->start_time != AV_NOPTS_VALUE)
		(void)json_object_set_new(object, "start",
					  json_real((double)format->start_time / AV_TIME_BASE));
	(void)json_object_set_new(object, "tags", format_tags(format->metadata));
	return object;
}

static json_t *format_streams(const struct media_input *input)
{
	json_t *streams = json_array();

	for (unsigned i = 0; i < input->format->nb_streams; i++)
		(void)json_array_append_new(streams,
					    probe_stream(input->format, input->format->streams[i]));
	return streams;
}

/* A header that asks for the impossible leaves streams that nothing is known about. */
static int check_known(const struct media_input *input, struct berth_error *err)
{
	const AVCodecParameters *codec;

	for (unsigned i = 0; i < input->format->nb_streams; i++) {
		codec = input->format->streams[i]->codecpar;
		if (codec->codec_type == AVMEDIA_TYPE_VIDEO   ? codec->width > 0
		    : codec->codec_type == AVMEDIA_TYPE_AUDIO ? codec->sample_rate > 0
							      : codec->codec_id != AV_CODEC_ID_NONE)
			return 0;
	}
	return berth_fail(err, BERTH_INVALID, 0, "none of the %u streams could be understood",
			  input->format->nb_streams);
}

/* Opens the input as far as needed: the header, then the first packets, then the whole search. */
static int open_input(struct media_input *input, const char *path, struct media_guard *guard,
		      bool *ret_header_only, struct berth_error *err)
{
	int result;

	if (media_input_init(input, path, MEDIA_HEADER, guard, err) < 0)
		return -1;
	*ret_header_only = input->header_sufficed;
	if (!input->header_sufficed)
		return 0;
	result = probe_fill(input, err);
	if (result <= 0)
		return result;
	media_input_finish(input);
	*ret_header_only = false;
	return media_input_init(input, path, MEDIA_STREAMS, guard, err);
}

static int probe_input(struct media_input *input, struct media_guard *guard, const char *path,
		       bool deep, json_t **ret_output, struct berth_error *err)
{
	AUTO_JSON json_t *output = NULL;
	json_t *streams;
	bool header_only = false;

	if (open_input(input, path, guard, &header_only, err) < 0 || check_known(input, err) < 0)
		return -1;
	output = format_file(input, header_only);
	streams = format_streams(input);
	if (!output || json_object_set_new(output, "streams", streams) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output");
	if (deep && probe_packets(input, streams, err) < 0)
		return -1;
	*ret_output = json_incref(output);
	return 0;
}

static int run(struct berth_task *task, const void *settings, json_t **ret_output,
	       struct berth_error *err)
{
	const struct probe_settings *probe = settings;
	struct media_input input = {0};
	struct media_guard guard;
	const char *path;
	int result;

	if (media_task_input(task, &path, err) < 0)
		return -1;
	media_task_guard(task, PATIENCE_NS, &guard);
	result = probe_input(&input, &guard, path, probe->deep, ret_output, err);
	media_input_finish(&input);
	return result;
}

int main(int argc, char **argv)
{
	static const struct media_task definition = {
		.id = "video.probe",
		.description =
			"Describe a media file: container, streams, codecs, colours, rotation",
		.output = "container, duration, size and bit rate, and one object a stream",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.record_size = sizeof(struct probe_settings),
		.run = run,
	};

	return media_task_main(&definition, argc, argv);
}
