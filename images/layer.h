/* SPDX-License-Identifier: Apache-2.0 */
/* What a root file system is made of: an ordered list of read-only layers and operations. */
#pragma once

#include <stdbool.h>

enum image_layer_kind {
	IMAGE_LAYER_BIND,      /* source, a file or directory of the host, read-only at target */
	IMAGE_LAYER_SYMLINK,   /* target is a link with the text source */
	IMAGE_LAYER_FILE,      /* target is a file with content */
	IMAGE_LAYER_DIRECTORY, /* target is an empty directory */
};

/* Applied in order; targets are absolute paths in the sandbox, missing parents are made. */
struct image_layer {
	enum image_layer_kind kind;
	const char *source;
	const char *target;
	const char *content;
	bool optional; /* BIND: a missing source is skipped, not an error */
};
