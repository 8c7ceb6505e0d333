/* SPDX-License-Identifier: Apache-2.0 */
/* The audio track: one continuous AAC encode into a packet file, on the video's timeline. */
#include "extensions/ffmpeg/audio_encode.h"

#include <errno.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "extensions/ffmpeg/media_decoder.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_input.h"
#include "extensions/ffmpeg/packet_file.h"

#define GAP_PER_RATE   10   /* 1/10 s: smaller differences are a container's rounding */
#define JUMP_MAX_S     600  /* of silence at once: a longer one is a damaged timestamp */
#define SILENCE_STEP   4096 /* samples */
#define DAMAGE_FREE    64   /* packets */
#define DAMAGE_PERCENT 10

/* Positions are samples of the output on the file's timeline. */
struct audio_run {
	const struct audio_job *job;
	struct media_input input;
	AVStream *stream;
	AVCodecContext *decoder, *encoder;
	SwrContext *resampler;
	AVChannelLayout source_layout;
	int source_rate, source_format;
	AVAudioFifo *fifo;
	AVFrame *decoded, *block;
	AVPacket *packet, *encoded;
	struct packet_file_writer writer;
	int64_t origin;  /* the timeline's start, in the stream's time base */
	int64_t queued;  /* the position behind the last sample in the fifo */
	int64_t sent;    /* the position behind the last sample the encoder has */
	int64_t to_drop; /* samples of an overlap */
	int64_t packets, damaged;
	bool started;
};

int audio_encoder_open(const struct transcode_settings *settings, int source_channels,
		       AVCodecContext **ret_encoder, struct berth_error *err)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
	int channels = (int)settings->audio_channels;
	AVCodecContext *encoder;
	int result;

	if (!codec)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "libavcodec was built without AAC");
	encoder = avcodec_alloc_context3(codec);
	if (!encoder)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "audio encoder");
	av_channel_layout_default(&encoder->ch_layout,
				  source_channels < channels ? source_channels : channels);
	encoder->sample_rate = transcode_audio_rate(settings);
	encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
	encoder->bit_rate = settings->audio_bitrate;
	encoder->time_base = (AVRational){1, encoder->sample_rate};
	encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	encoder->thread_count = 1;
	result = avcodec_open2(encoder, codec, NULL);
	if (result < 0) {
		avcodec_free_context(&encoder);
		return media_fail(err, result, "open the AAC encoder");
	}
	*ret_encoder = encoder;
	return 0;
}

static int open_source(struct audio_run *run, struct berth_error *err)
{
	struct media_decoder_options options = {.threads = 1, .skip = AVDISCARD_DEFAULT};
	int index;

	if (media_input_init(&run->input, run->job->path, MEDIA_STREAMS, run->job->guard, err) < 0)
		return -1;
	index = media_input_best_stream(&run->input, AVMEDIA_TYPE_AUDIO);
	if (index < 0)
		return berth_fail(err, BERTH_INVALID, 0, "the file has no audio stream");
	media_input_select(&run->input, index);
	run->stream = run->input.format->streams[index];
	run->origin = run->input.format->start_time == AV_NOPTS_VALUE
			      ? 0
			      : av_rescale_q(run->input.format->start_time,
					     (AVRational){1, AV_TIME_BASE}, run->stream->time_base);
	return media_decoder_open(run->stream, &options, &run->decoder, err);
}

static int open_target(struct audio_run *run, struct berth_error *err)
{
	struct packet_file_format format = {0};

	if (audio_encoder_open(run->job->settings, run->decoder->ch_layout.nb_channels,
			       &run->encoder, err) < 0)
		return -1;
	if (run->encoder->extradata_size > PACKET_FILE_EXTRADATA_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "audio header of %d bytes",
				  run->encoder->extradata_size);
	format.time_base_num = 1;
	format.time_base_den = run->encoder->sample_rate;
	format.delay = run->encoder->initial_padding;
	format.extradata_size = (uint32_t)run->encoder->extradata_size;
	memcpy(format.extradata, run->encoder->extradata, format.extradata_size);
	run->fifo = av_audio_fifo_alloc(run->encoder->sample_fmt,
					run->encoder->ch_layout.nb_channels, SILENCE_STEP);
	run->decoded = av_frame_alloc();
	run->block = av_frame_alloc();
	run->packet = av_packet_alloc();
	run->encoded = av_packet_alloc();
	if (!run->fifo || !run->decoded || !run->block || !run->packet || !run->encoded)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "audio buffers");
	return packet_file_create(run->job->directory, AUDIO_NAME, &format, &run->writer, err);
}

static int drain_encoder(struct audio_run *run, struct berth_error *err)
{
	int result;

	while ((result = avcodec_receive_packet(run->encoder, run->encoded)) == 0) {
		if (packet_file_append(&run->writer, run->encoded, run->writer.count, err) < 0)
			return -1;
		av_packet_unref(run->encoded);
	}
	if (result == AVERROR(EAGAIN) || result == AVERROR_EOF)
		return 0;
	return media_fail(err, result, "encode audio");
}

/* A writable block of the output's kind; its samples are not set. */
static int prepare_block(struct audio_run *run, int samples, struct berth_error *err)
{
	int result;

	av_frame_unref(run->block);
	run->block->nb_samples = samples;
	run->block->format = run->encoder->sample_fmt;
	run->block->sample_rate = run->encoder->sample_rate;
	result = av_channel_layout_copy(&run->block->ch_layout, &run->encoder->ch_layout);
	if (result >= 0)
		result = av_frame_get_buffer(run->block, 0);
	if (result < 0)
		return media_fail(err, result, "audio block");
	return 0;
}

/* Sends whole blocks, and at the end what is left. */
static int send_blocks(struct audio_run *run, bool last, struct berth_error *err)
{
	int size = run->encoder->frame_size, have, result;

	while ((have = av_audio_fifo_size(run->fifo)) >= size || (last && have > 0)) {
		if (prepare_block(run, have < size ? have : size, err) < 0)
			return -1;
		result = av_audio_fifo_read(run->fifo, (void **)run->block->extended_data,
					    run->block->nb_samples);
		if (result < run->block->nb_samples)
			return berth_fail(err, BERTH_PROTOCOL, 0, "audio fifo");
		run->block->pts = run->sent;
		run->sent += run->block->nb_samples;
		result = avcodec_send_frame(run->encoder, run->block);
		if (result < 0)
			return media_fail(err, result, "encode audio");
		if (drain_encoder(run, err) < 0)
			return -1;
	}
	return 0;
}

static int queue_block(struct audio_run *run, struct berth_error *err)
{
	int drop =
		run->to_drop < run->block->nb_samples ? (int)run->to_drop : run->block->nb_samples;
	uint8_t *planes[8];
	int channels = run->encoder->ch_layout.nb_channels;

	run->to_drop -= drop;
	if (drop == run->block->nb_samples)
		return 0;
	for (int i = 0; i < channels && i < 8; i++)
		planes[i] = run->block->extended_data[i] +
			    (size_t)drop * (size_t)av_get_bytes_per_sample(run->block->format);
	if (av_audio_fifo_write(run->fifo, (void **)planes, run->block->nb_samples - drop) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "audio fifo");
	run->queued += run->block->nb_samples - drop;
	return send_blocks(run, false, err);
}

static int queue_silence(struct audio_run *run, int64_t samples, struct berth_error *err)
{
	int step;

	while (samples > 0) {
		if (media_guard_cancelled(run->job->guard))
			return media_fail_cancelled(err);
		step = samples < SILENCE_STEP ? (int)samples : SILENCE_STEP;
		if (prepare_block(run, step, err) < 0)
			return -1;
		(void)av_samples_set_silence(run->block->extended_data, 0, step,
					     run->encoder->ch_layout.nb_channels,
					     run->encoder->sample_fmt);
		if (queue_block(run, err) < 0)
			return -1;
		samples -= step;
	}
	return 0;
}

/* Brings the next sample to where its timestamp says, when that is off by more than rounding. */
static int keep_step(struct audio_run *run, const AVFrame *frame, struct berth_error *err)
{
	AVRational unit = {1, run->encoder->sample_rate};
	int64_t wanted, difference, limit;

	if (frame->pts == AV_NOPTS_VALUE) {
		run->started = true;
		return 0;
	}
	wanted = av_rescale_q(frame->pts - run->origin, run->stream->time_base, unit);
	if (!run->started) {
		run->started = true;
		run->queued = run->sent = wanted;
		return 0;
	}
	wanted -= run->resampler ? swr_get_delay(run->resampler, run->encoder->sample_rate) : 0;
	difference = wanted - (run->queued - run->to_drop);
	limit = (int64_t)JUMP_MAX_S * run->encoder->sample_rate;
	if (difference > limit || difference < -limit)
		return berth_fail(err, BERTH_INVALID, 0, "the audio's timestamps jump by %lld s",
				  (long long)(difference / run->encoder->sample_rate));
	if (difference > run->encoder->sample_rate / GAP_PER_RATE)
		return queue_silence(run, difference, err);
	if (difference < -run->encoder->sample_rate / GAP_PER_RATE)
		run->to_drop = -difference;
	return 0;
}

/* Converts samples, or with frame NULL what the resampler still holds. */
static int convert(struct audio_run *run, const AVFrame *frame, struct berth_error *err)
{
	int count = frame ? frame->nb_samples : 0, room, result;

	room = swr_get_out_samples(run->resampler, count);
	if (room <= 0)
		return room < 0 ? media_fail(err, room, "resample") : 0;
	if (prepare_block(run, room, err) < 0)
		return -1;
	result = swr_convert(run->resampler, run->block->extended_data, room,
			     frame ? (const uint8_t **)(uintptr_t)frame->extended_data : NULL,
			     count);
	if (result < 0)
		return media_fail(err, result, "resample");
	run->block->nb_samples = result;
	return result > 0 ? queue_block(run, err) : 0;
}

/* Streams may change their kind in the middle. */
static int prepare_resampler(struct audio_run *run, AVFrame *frame, struct berth_error *err)
{
	int result;

	if (run->resampler && run->source_rate == frame->sample_rate &&
	    run->source_format == frame->format &&
	    av_channel_layout_compare(&run->source_layout, &frame->ch_layout) == 0)
		return 0;
	if (run->resampler && convert(run, NULL, err) < 0)
		return -1;
	swr_free(&run->resampler);
	result = swr_alloc_set_opts2(&run->resampler, &run->encoder->ch_layout,
				     run->encoder->sample_fmt, run->encoder->sample_rate,
				     &frame->ch_layout, frame->format, frame->sample_rate, 0, NULL);
	if (result >= 0)
		result = swr_init(run->resampler);
	if (result >= 0)
		result = av_channel_layout_copy(&run->source_layout, &frame->ch_layout);
	if (result < 0)
		return media_fail(err, result, "resample");
	run->source_rate = frame->sample_rate;
	run->source_format = frame->format;
	return 0;
}

static int drain_decoder(struct audio_run *run, struct berth_error *err)
{
	int result;

	while ((result = avcodec_receive_frame(run->decoder, run->decoded)) != AVERROR(EAGAIN)) {
		if (result == AVERROR_EOF)
			return 0;
		if (result < 0) {
			run->damaged++;
			return 0;
		}
		media_guard_renew(run->job->guard);
		if (prepare_resampler(run, run->decoded, err) < 0 ||
		    keep_step(run, run->decoded, err) < 0 || convert(run, run->decoded, err) < 0)
			return -1;
		av_frame_unref(run->decoded);
	}
	return 0;
}

static int decode_packets(struct audio_run *run, struct berth_error *err)
{
	int result;

	while ((result = media_input_read(&run->input, run->packet, err)) == 0) {
		if (run->packet->stream_index == run->stream->index) {
			run->packets++;
			if (avcodec_send_packet(run->decoder, run->packet) < 0)
				run->damaged++;
		}
		av_packet_unref(run->packet);
		if (drain_decoder(run, err) < 0)
			return -1;
		if (run->damaged > DAMAGE_FREE &&
		    run->damaged * 100 > run->packets * DAMAGE_PERCENT)
			return berth_fail(err, BERTH_INVALID, 0,
					  "%lld of %lld audio packets are damaged",
					  (long long)run->damaged, (long long)run->packets);
	}
	if (result < 0)
		return -1;
	(void)avcodec_send_packet(run->decoder, NULL); /* the end is no error */
	return drain_decoder(run, err);
}

static int encode_all(struct audio_run *run, struct berth_error *err)
{
	int result;

	if (open_source(run, err) < 0 || open_target(run, err) < 0 || decode_packets(run, err) < 0)
		return -1;
	if (run->resampler && convert(run, NULL, err) < 0)
		return -1;
	if (send_blocks(run, true, err) < 0)
		return -1;
	result = avcodec_send_frame(run->encoder, NULL);
	if (result < 0)
		return media_fail(err, result, "encode the last audio");
	if (drain_encoder(run, err) < 0)
		return -1;
	return packet_file_complete(&run->writer, err);
}

int audio_encode(const struct audio_job *job, struct berth_error *err)
{
	struct audio_run run = {.job = job, .writer = {.fd = -1}};
	int result = encode_all(&run, err);

	if (result < 0)
		(void)berth_fail_context(err, "audio");
	packet_file_close(&run.writer);
	swr_free(&run.resampler);
	av_channel_layout_uninit(&run.source_layout);
	av_audio_fifo_free(run.fifo);
	av_frame_free(&run.decoded);
	av_frame_free(&run.block);
	av_packet_free(&run.packet);
	av_packet_free(&run.encoded);
	avcodec_free_context(&run.decoder);
	avcodec_free_context(&run.encoder);
	media_input_finish(&run.input);
	return result;
}
