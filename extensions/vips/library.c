/* SPDX-License-Identifier: Apache-2.0 */
/* Starting libvips lean, and turning its errors and warnings into ours. */
#include "extensions/vips/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#include "base/text.h"

#define LOG_LINE_SIZE 512

/* The sink of warnings: set once, before threads start. */
static struct {
	void (*log)(void *owner, const char *text);
	void *owner;
} log_sink;

/* Some libraries end their messages with a newline, some do not. */
static size_t length_without_end(const char *text)
{
	size_t length = strlen(text);

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		length--;
	return length;
}

static void take_warning(const gchar *domain, GLogLevelFlags level, const gchar *message,
			 gpointer unused)
{
	char line[LOG_LINE_SIZE];

	(void)domain;
	(void)unused;
	if ((level & G_LOG_LEVEL_MASK) > G_LOG_LEVEL_WARNING || !log_sink.log || !message ||
	    length_without_end(message) == 0)
		return;
	/* Where in its own work libvips was when the loader failed; the error itself says why. */
	if (g_str_has_prefix(message, "error in tile"))
		return;
	(void)text_sanitize(message, length_without_end(message), line, sizeof(line));
	log_sink.log(log_sink.owner, line);
}

void library_set_log(void (*log)(void *owner, const char *text), void *owner)
{
	log_sink.log = log;
	log_sink.owner = owner;
	(void)g_log_set_default_handler(take_warning, NULL);
}

void library_set_threads(unsigned threads)
{
	vips_concurrency_set((int)threads);
}

int library_start(unsigned threads, struct berth_error *err)
{
	/* vips_init() loads every module below $VIPSHOME: ImageMagick, Poppler, OpenSlide, libjxl.
	 * Half of a short task's start goes there, and parsers that nobody asked for come in. A
	 * prefix without modules leaves them out. */
	if (setenv("VIPSHOME", "/nonexistent", 1) < 0)
		return berth_fail(err, BERTH_MEMORY, errno, "set VIPSHOME");
	if (vips_init("image-variants") != 0)
		return library_fail(err, BERTH_SYSTEM, "start libvips");
	vips_block_untrusted_set(TRUE);
	vips_cache_set_max(0);
	vips_cache_set_max_mem(0);
	vips_cache_set_max_files(0);
	library_set_threads(threads);
	return 0;
}

int library_load_heif(struct berth_error *err)
{
	char path[PATH_MAX];
	Dl_info library;
	GModule *module;
	const char *slash;

	if (vips_type_find("VipsOperation", "heifload_source") != 0)
		return 0; /* compiled in, or loaded before */
	/* Modules lie beside the library: …/libvips.so.42, …/vips-modules-8.14/vips-heif.so. */
	if (dladdr(dlsym(RTLD_DEFAULT, "vips_init"), &library) == 0 || !library.dli_fname)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "find the folder of libvips");
	slash = strrchr(library.dli_fname, '/');
	(void)snprintf(path, sizeof(path), "%.*s/vips-modules-%d.%d/vips-heif.so",
		       slash ? (int)(slash - library.dli_fname) : 0, library.dli_fname,
		       vips_version(0), vips_version(1));
	module = g_module_open(path, G_MODULE_BIND_LAZY);
	if (!module)
		return berth_fail(err, BERTH_UNSUPPORTED, 0, "load %s: %.100s", path,
				  g_module_error());
	g_module_make_resident(module);
	return 0;
}

int library_fail(struct berth_error *err, enum berth_code code, const char *context)
{
	char line[192];
	char *message = vips_error_buffer_copy();

	message[length_without_end(message)] = '\0';
	for (char *c = message; *c; c++)
		if (*c == '\n')
			*c = ';';
	(void)text_sanitize(message, strlen(message), line, sizeof(line));
	g_free(message);
	return berth_fail(err, code, 0, "%s: %s", context, line[0] ? line : "the file is damaged");
}
