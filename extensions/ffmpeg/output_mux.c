/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one or two tracks as an MP4 file that appears under its name only when it is whole. */
#include "extensions/ffmpeg/output_mux.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/dict.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "extensions/ffmpeg/media_error.h"

static const char *const kept_tags[] = {"title",   "artist",    "album",         "date",
					"comment", "copyright", "creation_time", "location"};

static int add_side_data(AVStream *target, const AVStream *like, enum AVPacketSideDataType type)
{
	size_t size = 0;
	const uint8_t *data = av_stream_get_side_data(like, type, &size);
	uint8_t *copy;

	if (!data || av_stream_get_side_data(target, type, NULL))
		return 0;
	copy = av_stream_new_side_data(target, type, size);
	if (!copy)
		return AVERROR(ENOMEM);
	memcpy(copy, data, size);
	return 0;
}

static int add_track(AVFormatContext *format, struct output_track *track, struct berth_error *err)
{
	const AVDictionaryEntry *language;
	AVStream *stream = avformat_new_stream(format, NULL);
	int result;

	if (!stream)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output track");
	result = avcodec_parameters_copy(stream->codecpar, track->codec);
	stream->codecpar->codec_tag = 0; /* the input's container may have used another */
	stream->time_base = track->source.time_base;
	stream->avg_frame_rate = track->frame_rate;
	stream->sample_aspect_ratio = track->codec->sample_aspect_ratio;
	stream->disposition = AV_DISPOSITION_DEFAULT;
	if (result >= 0)
		result = add_side_data(stream, track->like, AV_PKT_DATA_DISPLAYMATRIX);
	language = av_dict_get(track->like->metadata, "language", NULL, 0);
	if (result >= 0 && language)
		result = av_dict_set(&stream->metadata, "language", language->value, 0);
	if (result < 0)
		return media_fail(err, result, "output track");
	return 0;
}

static int copy_tags(AVFormatContext *format, const AVDictionary *metadata)
{
	const AVDictionaryEntry *entry;
	int result = 0;

	for (size_t i = 0; i < sizeof(kept_tags) / sizeof(kept_tags[0]) && result >= 0; i++) {
		entry = av_dict_get(metadata, kept_tags[i], NULL, 0);
		if (entry)
			result = av_dict_set(&format->metadata, entry->key, entry->value, 0);
	}
	return result;
}

static int write_header(struct output_mux *mux, AVFormatContext *format, struct berth_error *err)
{
	AVDictionary *options = NULL;
	int result;

	for (int i = 0; i < mux->track_count; i++)
		if (add_track(format, &mux->tracks[i], err) < 0)
			return -1;
	result = copy_tags(format, mux->metadata);
	if (result >= 0 && mux->faststart)
		result = av_dict_set(&options, "movflags", "+faststart", 0);
	if (result >= 0)
		result = avio_open(&format->pb, format->url, AVIO_FLAG_WRITE);
	if (result >= 0)
		result = avformat_write_header(format, &options);
	av_dict_free(&options);
	if (result < 0)
		return media_fail(err, result, "begin %s", mux->path);
	return 0;
}

/* The track whose next packet is to be decoded first; -1: all have ended. */
static int earliest(const struct output_mux *mux, AVPacket *const *packets, const bool *ended)
{
	int best = -1;

	for (int i = 0; i < mux->track_count; i++) {
		if (ended[i])
			continue;
		/* NOLINTBEGIN(clang-analyzer-core.NullDereference): every track has a packet */
		if (best < 0 ||
		    av_compare_ts(packets[i]->dts, mux->tracks[i].source.time_base,
				  packets[best]->dts, mux->tracks[best].source.time_base) < 0)
			best = i;
		/* NOLINTEND(clang-analyzer-core.NullDereference) */
	}
	return best;
}

static int fetch(struct output_mux *mux, int track, AVPacket *packet, bool *ret_ended,
		 struct berth_error *err)
{
	struct packet_source *source = &mux->tracks[track].source;
	int result = source->next(source, packet, err);

	*ret_ended = result != 0;
	return result < 0 ? -1 : 0;
}

static int write_packet(struct output_mux *mux, AVFormatContext *format, int track,
			AVPacket *packet, struct berth_error *err)
{
	int result;

	packet->stream_index = track; /* NOLINT(clang-analyzer-core.NullDereference): as above */
	packet->pos = -1;
	av_packet_rescale_ts(packet, mux->tracks[track].source.time_base,
			     format->streams[track]->time_base);
	result = av_write_frame(format, packet);
	av_packet_unref(packet);
	if (result < 0)
		return media_fail(err, result, "write %s", mux->path);
	return 0;
}

static int write_tracks(struct output_mux *mux, AVFormatContext *format, AVPacket *const *packets,
			struct berth_error *err)
{
	bool ended[OUTPUT_TRACKS_MAX] = {0};
	int track;

	for (int i = 0; i < mux->track_count; i++)
		if (fetch(mux, i, packets[i], &ended[i], err) < 0)
			return -1;
	while ((track = earliest(mux, packets, ended)) >= 0) {
		if (media_guard_cancelled(mux->guard))
			return media_fail_cancelled(err);
		if (write_packet(mux, format, track, packets[track], err) < 0 ||
		    fetch(mux, track, packets[track], &ended[track], err) < 0)
			return -1;
	}
	return 0;
}

static int write_file(struct output_mux *mux, AVFormatContext *format, struct berth_error *err)
{
	AVPacket *packets[OUTPUT_TRACKS_MAX] = {0};
	int result = 0;

	for (int i = 0; i < mux->track_count && result == 0; i++) {
		packets[i] = av_packet_alloc();
		if (!packets[i])
			result = berth_fail(err, BERTH_MEMORY, ENOMEM, "packet");
	}
	if (result == 0)
		result = write_header(mux, format, err);
	if (result == 0)
		result = write_tracks(mux, format, packets, err);
	for (int i = 0; i < mux->track_count; i++)
		av_packet_free(&packets[i]);
	if (result < 0)
		return -1;
	result = av_write_trailer(format);
	if (result < 0)
		return media_fail(err, result, "finish %s", mux->path);
	return 0;
}

/* The bytes are on the disk before the name is: a crash leaves no half file under it. */
static int publish(const char *temporary, const char *path, struct berth_error *err)
{
	AUTO_CLOSE int fd = open(temporary, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fsync %s", temporary);
	if (rename(temporary, path) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "rename %s to %s", temporary, path);
	return 0;
}

int output_mux_write(struct output_mux *mux, struct berth_error *err)
{
	AUTO_FREE char *url = NULL;
	AVFormatContext *format = NULL;
	const char *temporary;
	int result;

	if (asprintf(&url, "file:%s.part", mux->path) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output name");
	temporary = url + strlen("file:");
	result = avformat_alloc_output_context2(&format, NULL, "mp4", url);
	if (result < 0)
		return media_fail(err, result, "MP4 writer");
	result = write_file(mux, format, err);
	if (format->pb && avio_closep(&format->pb) < 0 && result == 0)
		result = berth_fail(err, BERTH_SYSTEM, EIO, "close %s", temporary);
	avformat_free_context(format);
	if (result == 0)
		result = publish(temporary, mux->path, err);
	if (result < 0)
		(void)unlink(temporary); /* best effort: the next attempt truncates it */
	return result;
}

void output_mux_finish(struct output_mux *mux)
{
	for (int i = 0; i < OUTPUT_TRACKS_MAX; i++) {
		packet_source_finish(&mux->tracks[i].source);
		avcodec_parameters_free(&mux->tracks[i].codec);
	}
}
