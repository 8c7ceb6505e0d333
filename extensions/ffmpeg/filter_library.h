/* SPDX-License-Identifier: Apache-2.0 */
/* libavfilter, loaded when the first picture needs it: it and what it brings along take 25 ms to
 * load, and most videos are neither interlaced nor HDR. */
#pragma once

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>

#include "base/error.h"

/* The functions by their own names and types. */
struct filter_library {
	__typeof__(avfilter_get_by_name) *avfilter_get_by_name;
	__typeof__(avfilter_graph_alloc) *avfilter_graph_alloc;
	__typeof__(avfilter_graph_config) *avfilter_graph_config;
	__typeof__(avfilter_graph_create_filter) *avfilter_graph_create_filter;
	__typeof__(avfilter_graph_free) *avfilter_graph_free;
	__typeof__(avfilter_graph_parse_ptr) *avfilter_graph_parse_ptr;
	__typeof__(avfilter_inout_alloc) *avfilter_inout_alloc;
	__typeof__(avfilter_inout_free) *avfilter_inout_free;
	__typeof__(av_buffersink_get_frame) *av_buffersink_get_frame;
	__typeof__(av_buffersink_get_time_base) *av_buffersink_get_time_base;
	__typeof__(av_buffersrc_add_frame) *av_buffersrc_add_frame;
};

/* Borrowed: it stays loaded. NULL when this host has not the version berth was built with. */
const struct filter_library *filter_library_load(struct berth_error *err);
