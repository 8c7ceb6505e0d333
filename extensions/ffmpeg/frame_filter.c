/* SPDX-License-Identifier: Apache-2.0 */
/* A filter graph that is made when the first picture needs it. */
#include "extensions/ffmpeg/frame_filter.h"

#include <errno.h>
#include <stdio.h>

#include "extensions/ffmpeg/filter_library.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/transcode_settings.h"

#define DESCRIPTION_SIZE 512
#define FILTER_DRY       1
#define FILTER_END       2

/* Scaled first, in linear light: the rest is as small as the output. Of libavfilter's operators
 * mobius brings SDR's white, which HDR shows at 203 cd/m² (ITU-R BT.2408), nearest to where it was:
 * a mean luma of 116 for 121, where reinhard has 112 and hable 97. */
#define TONE_MAP                                                                                   \
	"zscale=w=%d:h=%d:tin=%d:pin=%d:min=%d:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"  \
	"tonemap=tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"

int frame_filter_init(struct frame_filter *filter, const struct transcode_picture *target,
		      int deinterlace, int threads, struct berth_error *err)
{
	*filter = (struct frame_filter){.target = target,
					.time_base = target->time_base,
					.deinterlace = deinterlace,
					.threads = threads,
					.held = av_frame_alloc()};
	return filter->held ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "frame");
}

void frame_filter_finish(struct frame_filter *filter)
{
	if (filter->graph)
		filter->library->avfilter_graph_free(&filter->graph);
	av_frame_free(&filter->held);
}

static void describe(const struct frame_filter *filter, char text[DESCRIPTION_SIZE])
{
	const struct transcode_picture *target = filter->target;
	size_t used = 0;

	text[0] = '\0';
	if (filter->deinterlace != TRANSCODE_DEINTERLACE_OFF)
		used = (size_t)snprintf(
			text, DESCRIPTION_SIZE, "bwdif=mode=send_frame:deint=%s",
			filter->deinterlace == TRANSCODE_DEINTERLACE_ON ? "all" : "interlaced");
	if (target->tone_map)
		(void)snprintf(text + used, DESCRIPTION_SIZE - used, "%s" TONE_MAP, used ? "," : "",
			       target->width, target->height, (int)target->source_transfer,
			       (int)target->source_primaries, (int)target->source_space);
}

static int create_ends(struct frame_filter *filter, const AVFrame *frame)
{
	const struct filter_library *library = filter->library;
	char arguments[DESCRIPTION_SIZE];
	int result;

	(void)snprintf(arguments, sizeof(arguments),
		       "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=%d/%d",
		       frame->width, frame->height, frame->format, filter->time_base.num,
		       filter->time_base.den, frame->sample_aspect_ratio.num,
		       frame->sample_aspect_ratio.den ?: 1);
	result = library->avfilter_graph_create_filter(&filter->input,
						       library->avfilter_get_by_name("buffer"),
						       "in", arguments, NULL, filter->graph);
	if (result < 0)
		return result;
	return library->avfilter_graph_create_filter(&filter->output,
						     library->avfilter_get_by_name("buffersink"),
						     "out", NULL, NULL, filter->graph);
}

static int connect_ends(struct frame_filter *filter)
{
	const struct filter_library *library = filter->library;
	AVFilterInOut *from = library->avfilter_inout_alloc(),
		      *to = library->avfilter_inout_alloc();
	char description[DESCRIPTION_SIZE];
	int result = AVERROR(ENOMEM);

	if (from && to) {
		*from = (AVFilterInOut){.name = av_strdup("in"), .filter_ctx = filter->input};
		*to = (AVFilterInOut){.name = av_strdup("out"), .filter_ctx = filter->output};
		describe(filter, description);
		result = library->avfilter_graph_parse_ptr(filter->graph, description, &to, &from,
							   NULL);
	}
	if (result >= 0)
		result = library->avfilter_graph_config(filter->graph, NULL);
	library->avfilter_inout_free(&from);
	library->avfilter_inout_free(&to);
	return result;
}

static int open_graph(struct frame_filter *filter, const AVFrame *frame, struct berth_error *err)
{
	int result;

	filter->library = filter_library_load(err);
	if (!filter->library)
		return -1;
	filter->graph = filter->library->avfilter_graph_alloc();
	if (!filter->graph)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "filter graph");
	filter->graph->nb_threads = filter->threads;
	result = create_ends(filter, frame);
	if (result >= 0)
		result = connect_ends(filter);
	if (result < 0)
		return media_fail(err, result, "deinterlace or tone-map %dx%d", frame->width,
				  frame->height);
	filter->source_width = frame->width;
	filter->source_height = frame->height;
	filter->source_format = frame->format;
	return 0;
}

/* Takes the frame; NULL: there are no more for this graph. */
static int push(struct frame_filter *filter, AVFrame *frame, struct berth_error *err)
{
	int result;

	if (frame && (frame->interlaced_frame || filter->deinterlace == TRANSCODE_DEINTERLACE_ON))
		filter->deinterlaced += filter->deinterlace != TRANSCODE_DEINTERLACE_OFF;
	result = filter->library->av_buffersrc_add_frame(filter->input, frame);
	return result < 0 ? media_fail(err, result, "filter a frame") : 0;
}

static int pull(struct frame_filter *filter, AVFrame *frame, struct berth_error *err)
{
	int result = filter->library->av_buffersink_get_frame(filter->output, frame);

	if (result == AVERROR(EAGAIN))
		return FILTER_DRY;
	if (result == AVERROR_EOF)
		return FILTER_END;
	if (result < 0)
		return media_fail(err, result, "filter a frame");
	/* bwdif counts in halves */
	frame->pts = av_rescale_q(frame->pts,
				  filter->library->av_buffersink_get_time_base(filter->output),
				  filter->time_base);
	return 0;
}

static bool is_due(const struct frame_filter *filter, const AVFrame *frame)
{
	return filter->target->tone_map || filter->deinterlace == TRANSCODE_DEINTERLACE_ON ||
	       (filter->deinterlace == TRANSCODE_DEINTERLACE_AUTO && frame->interlaced_frame);
}

static bool is_other_kind(const struct frame_filter *filter, const AVFrame *frame)
{
	return frame->width != filter->source_width || frame->height != filter->source_height ||
	       frame->format != filter->source_format;
}

/* The graph is empty. 1: and that was the end. */
static int begin_anew(struct frame_filter *filter, struct berth_error *err)
{
	filter->library->avfilter_graph_free(&filter->graph);
	if (!filter->held->buf[0])
		return 1;
	return open_graph(filter, filter->held, err) < 0 ? -1 : push(filter, filter->held, err);
}

/* FILTER_DRY: it was taken; 0: it goes on as it is. */
static int take(struct frame_filter *filter, AVFrame *frame, struct berth_error *err)
{
	if (!filter->graph && !is_due(filter, frame))
		return 0;
	if (!filter->graph && open_graph(filter, frame, err) < 0)
		return -1;
	if (!is_other_kind(filter, frame))
		return push(filter, frame, err) < 0 ? -1 : FILTER_DRY;
	av_frame_move_ref(filter->held, frame);
	return push(filter, NULL, err) < 0 ? -1 : FILTER_DRY;
}

int frame_filter_next(struct frame_filter *filter, struct frame_source *source, AVFrame *frame,
		      struct berth_error *err)
{
	int result;

	for (;;) {
		result = filter->graph ? pull(filter, frame, err) : FILTER_DRY;
		if (result == FILTER_END) {
			result = begin_anew(filter, err);
			if (result != 0)
				return result;
			continue;
		}
		if (result <= 0)
			return result;
		result = frame_source_next(source, frame, err);
		if (result < 0 || (result > 0 && !filter->graph))
			return result;
		result = result > 0 ? push(filter, NULL, err) : take(filter, frame, err);
		if (result < 0 || (result == 0 && !filter->graph))
			return result;
	}
}
