/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the functions of libavfilter at run time. */
#include "extensions/ffmpeg/filter_library.h"

#include <dlfcn.h>
#include <libavutil/macros.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY_NAME "libavfilter.so." AV_STRINGIFY(LIBAVFILTER_VERSION_MAJOR)
#define FUNCTION(name)                                                                             \
	{                                                                                          \
#		name, offsetof(struct filter_library, name)                                       \
	}

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	FUNCTION(avfilter_get_by_name),    FUNCTION(avfilter_graph_alloc),
	FUNCTION(avfilter_graph_config),   FUNCTION(avfilter_graph_create_filter),
	FUNCTION(avfilter_graph_free),     FUNCTION(avfilter_graph_parse_ptr),
	FUNCTION(avfilter_inout_alloc),    FUNCTION(avfilter_inout_free),
	FUNCTION(av_buffersink_get_frame), FUNCTION(av_buffersink_get_time_base),
	FUNCTION(av_buffersrc_add_frame),
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

_Static_assert(sizeof(struct filter_library) == FUNCTIONS * sizeof(void *),
	       "each function has a row");

static int resolve(void *handle, struct filter_library *library, struct berth_error *err)
{
	for (size_t i = 0; i < FUNCTIONS; i++) {
		void *function = dlsym(handle, functions[i].name);

		if (!function)
			return berth_fail(err, BERTH_UNSUPPORTED, 0, "%s: %s", LIBRARY_NAME,
					  dlerror());
		memcpy((char *)library + functions[i].offset, &function, sizeof(function));
	}
	return 0;
}

const struct filter_library *filter_library_load(struct berth_error *err)
{
	static struct filter_library library;
	static bool is_loaded;
	void *handle;

	if (is_loaded)
		return &library;
	handle = dlopen(LIBRARY_NAME, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		(void)berth_fail(err, BERTH_UNSUPPORTED, 0,
				 "%s, which deinterlaces and maps tones, cannot be loaded: %s",
				 LIBRARY_NAME, dlerror());
		return NULL;
	}
	if (resolve(handle, &library, err) < 0) {
		(void)dlclose(handle);
		return NULL;
	}
	is_loaded = true;
	return &library;
}
