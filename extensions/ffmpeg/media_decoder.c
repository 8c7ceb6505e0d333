/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a decoder for a stream of somebody's file, within the input's limits. */
#include "extensions/ffmpeg/media_decoder.h"

#include <errno.h>
#include <libavutil/mem.h>

#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/media_formats_table.h"
#include "extensions/ffmpeg/media_input.h"

static int configure(AVCodecContext *decoder, const AVStream *stream,
		     const struct media_decoder_options *options, struct berth_error *err)
{
	int result;

	result = avcodec_parameters_to_context(decoder, stream->codecpar);
	if (result < 0)
		return media_fail(err, result, "stream %d", stream->index);
	decoder->codec_whitelist = av_strdup(media_decoder_whitelist);
	if (!decoder->codec_whitelist)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "decoder list");
	decoder->pkt_timebase = stream->time_base;
	decoder->max_pixels = MEDIA_PIXELS_MAX;
	decoder->thread_count = options->threads;
	decoder->thread_type =
		options->low_delay ? FF_THREAD_SLICE : FF_THREAD_FRAME | FF_THREAD_SLICE;
	decoder->skip_frame = options->skip;
	/* H.264 without a reorder depth in its header: the decoder then keeps the largest one
	 * instead of guessing, so that every start finds the same frames. */
	if (decoder->codec_id == AV_CODEC_ID_H264 && !options->low_delay)
		decoder->strict_std_compliance = FF_COMPLIANCE_STRICT;
	return 0;
}

int media_decoder_open(const AVStream *stream, const struct media_decoder_options *options,
		       AVCodecContext **ret_decoder, struct berth_error *err)
{
	const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
	AVCodecContext *decoder;
	int result;

	if (!codec)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "stream %d: no decoder for %s",
				  stream->index, avcodec_get_name(stream->codecpar->codec_id));
	decoder = avcodec_alloc_context3(codec);
	if (!decoder)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "decoder");
	if (configure(decoder, stream, options, err) < 0) {
		avcodec_free_context(&decoder);
		return -1;
	}
	result = avcodec_open2(decoder, codec, NULL);
	if (result < 0) {
		avcodec_free_context(&decoder);
		return media_fail(err, result, "open the %s decoder", codec->name);
	}
	*ret_decoder = decoder;
	return 0;
}
