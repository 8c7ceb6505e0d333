/* SPDX-License-Identifier: Apache-2.0 */
/* Opening somebody's media file: one regular file, read through our own descriptor, from the
 * known containers, within limits. */
#include "extensions/ffmpeg/media_input.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/avstring.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_formats_table.h"

#define READ_BUFFER_BYTES   (64 * 1024)
#define ANALYZE_US          (5 * AV_TIME_BASE)
#define SKIPPED_PACKETS_MAX 1000 /* damaged packets in a row before the file is given up */

static int open_regular(struct media_input *input, const char *path, struct berth_error *err)
{
	struct stat status;

	/* O_NONBLOCK: opening a FIFO must not wait for a writer (fifo(7)) */
	input->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (input->fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "open %s", path);
	if (fstat(input->fd, &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat %s", path);
	if (!S_ISREG(status.st_mode))
		return berth_fail(err, BERTH_INVALID, 0, "%s is not a regular file", path);
	if (status.st_size == 0)
		return berth_fail(err, BERTH_INVALID, 0, "%s is empty", path);
	input->size_bytes = status.st_size;
	return 0;
}

static int read_bytes(void *owner, uint8_t *buffer, int size)
{
	struct media_input *input = owner;
	int64_t left = input->size_bytes - input->position;
	ssize_t got;

	if (media_guard_cancelled(input->guard) || media_guard_expired(input->guard))
		return AVERROR_EXIT;
	if (left <= 0)
		return AVERROR_EOF;
	do {
		got = pread(input->fd, buffer, (size_t)(size < left ? size : left),
			    input->position);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return AVERROR(errno);
	if (got == 0)
		return AVERROR_EOF;
	input->position += got;
	return (int)got;
}

static int64_t seek_bytes(void *owner, int64_t offset, int whence)
{
	struct media_input *input = owner;

	switch (whence & ~AVSEEK_FORCE) {
	case AVSEEK_SIZE:
		return input->size_bytes;
	case SEEK_CUR:
		offset += input->position;
		break;
	case SEEK_END:
		offset += input->size_bytes;
		break;
	default:
		break;
	}
	if (offset < 0)
		return AVERROR(EINVAL);
	input->position = offset;
	return offset;
}

/* Media that names other files (external tracks, playlists) does not get to open them. */
static int refuse_open(struct AVFormatContext *format, AVIOContext **io, const char *url, int flags,
		       AVDictionary **options)
{
	(void)format;
	(void)io;
	(void)url;
	(void)flags;
	(void)options;
	return AVERROR(EPERM);
}

static int prepare_format(struct media_input *input, struct berth_error *err)
{
	char list[MEDIA_FORMAT_LIST_SIZE];
	uint8_t *buffer;

	buffer = av_malloc(READ_BUFFER_BYTES);
	if (!buffer)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read buffer");
	input->io = avio_alloc_context(buffer, READ_BUFFER_BYTES, 0, input, read_bytes, NULL,
				       seek_bytes);
	if (!input->io) {
		av_free(buffer);
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read context");
	}
	input->format = avformat_alloc_context();
	if (!input->format)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "format context");
	media_format_list(list);
	input->format->format_whitelist = av_strdup(list);
	input->format->codec_whitelist = av_strdup(media_decoder_whitelist);
	input->format->protocol_whitelist = av_strdup("none");
	if (!input->format->format_whitelist || !input->format->codec_whitelist ||
	    !input->format->protocol_whitelist)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "format lists");
	input->format->pb = input->io;
	input->format->flags |= AVFMT_FLAG_CUSTOM_IO;
	input->format->io_open = refuse_open;
	input->format->interrupt_callback = media_guard_callback(input->guard);
	input->format->probesize = MEDIA_SIDE_BYTES_MAX;
	input->format->max_analyze_duration = ANALYZE_US;
	return 0;
}

/* A library call that was interrupted says nothing useful about the reason. */
static int fail_reading(const struct media_input *input, int averror, const char *what,
			struct berth_error *err)
{
	if (media_guard_cancelled(input->guard))
		return media_fail_cancelled(err);
	if (media_guard_expired(input->guard))
		return berth_fail(err, BERTH_LIMIT, 0, "%s: nothing came of it for %llu s", what,
				  (unsigned long long)(input->guard->patience_ns / 1000000000));
	return media_fail(err, averror, "%s", what);
}

static int check_stream(const AVStream *stream, struct berth_error *err)
{
	const AVCodecParameters *codec = stream->codecpar;
	int64_t pixels = (int64_t)codec->width * codec->height;

	if (codec->codec_type != AVMEDIA_TYPE_VIDEO)
		return 0;
	if (codec->width > MEDIA_DIMENSION_MAX || codec->height > MEDIA_DIMENSION_MAX ||
	    pixels > MEDIA_PIXELS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "stream %d is %dx%d; at most %d a side and %lld pixels are read",
				  stream->index, codec->width, codec->height, MEDIA_DIMENSION_MAX,
				  (long long)MEDIA_PIXELS_MAX);
	return 0;
}

static int check_streams(const AVFormatContext *format, struct berth_error *err)
{
	if (format->nb_streams == 0)
		return berth_fail(err, BERTH_INVALID, 0, "the file has no streams");
	if (format->nb_streams > MEDIA_STREAMS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "the file has %u streams; at most %d are read",
				  format->nb_streams, MEDIA_STREAMS_MAX);
	for (unsigned i = 0; i < format->nb_streams; i++)
		if (check_stream(format->streams[i], err) < 0)
			return -1;
	return 0;
}

/* Without these an encoder's or a viewer's first question has no answer. */
static bool header_is_complete(const struct media_input *input)
{
	const AVCodecParameters *codec;

	if (!input->kind->header_tells)
		return false;
	for (unsigned i = 0; i < input->format->nb_streams; i++) {
		codec = input->format->streams[i]->codecpar;
		if (codec->codec_type == AVMEDIA_TYPE_VIDEO &&
		    (codec->codec_id == AV_CODEC_ID_NONE || codec->width <= 0 ||
		     codec->height <= 0))
			return false;
		if (codec->codec_type == AVMEDIA_TYPE_AUDIO &&
		    (codec->codec_id == AV_CODEC_ID_NONE || codec->sample_rate <= 0))
			return false;
	}
	return true;
}

static void free_options(AVDictionary **options, unsigned count)
{
	for (unsigned i = 0; options && i < count; i++)
		av_dict_free(&options[i]);
	free(options);
}

static int find_streams(struct media_input *input, struct berth_error *err)
{
	unsigned count = input->format->nb_streams;
	AVDictionary **options = calloc(count ? count : 1, sizeof(*options));
	int result = 0;

	if (!options)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "stream options");
	for (unsigned i = 0; i < count && result >= 0; i++) {
		result = av_dict_set_int(&options[i], "max_pixels", MEDIA_PIXELS_MAX, 0);
		if (result >= 0)
			result = av_dict_set(&options[i], "threads", "1", 0);
	}
	if (result >= 0)
		result = avformat_find_stream_info(input->format, options);
	free_options(options, count);
	if (result < 0)
		return fail_reading(input, result, "read the streams", err);
	return 0;
}

int media_input_init(struct media_input *input, const char *path, enum media_depth depth,
		     struct media_guard *guard, struct berth_error *err)
{
	int result;

	*input = (struct media_input){.fd = -1, .guard = guard};
	if (open_regular(input, path, err) < 0 || prepare_format(input, err) < 0)
		return -1;
	/* on failure avformat_open_input() frees the context */
	result = avformat_open_input(&input->format, NULL, NULL, NULL);
	if (result < 0)
		return fail_reading(input, result, "no known media container", err);
	input->kind = media_format_find(input->format->iformat->name);
	if (!input->kind)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "container %s is not read",
				  input->format->iformat->name);
	if (input->format->nb_streams > 0 && check_streams(input->format, err) < 0)
		return -1;
	input->header_sufficed =
		depth == MEDIA_HEADER && input->format->nb_streams > 0 && header_is_complete(input);
	if (!input->header_sufficed && find_streams(input, err) < 0)
		return -1;
	return check_streams(input->format, err);
}

void media_input_finish(struct media_input *input)
{
	avformat_close_input(&input->format);
	if (input->io)
		av_freep(&input->io->buffer);
	avio_context_free(&input->io);
	if (input->guard) /* an input that was never initialised has no descriptor */
		close_fd(&input->fd);
	input->guard = NULL;
}

int media_input_best_stream(const struct media_input *input, enum AVMediaType type)
{
	int index = av_find_best_stream(input->format, type, -1, -1, NULL, 0);

	if (index < 0)
		return -1;
	if (input->format->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC)
		return -1;
	return index;
}

void media_input_select(struct media_input *input, int stream)
{
	for (unsigned i = 0; i < input->format->nb_streams; i++)
		input->format->streams[i]->discard =
			(int)i == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

int media_input_read(struct media_input *input, AVPacket *packet, struct berth_error *err)
{
	int result, skipped = 0;

	for (;;) {
		result = av_read_frame(input->format, packet);
		if (result >= 0)
			return 0;
		if (media_guard_cancelled(input->guard) || media_guard_expired(input->guard))
			return fail_reading(input, result, "read a packet", err);
		if (result == AVERROR_EOF)
			return 1;
		/* a damaged packet is skipped; a demuxer that only ever fails is at its end */
		if (result != AVERROR_INVALIDDATA || ++skipped > SKIPPED_PACKETS_MAX)
			return fail_reading(input, result, "read a packet", err);
	}
}

int64_t media_input_duration(const struct media_input *input)
{
	return input->format->duration > 0 ? input->format->duration : 0;
}
