/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this host has what an extension needs. */
#pragma once

#include "base/error.h"
#include "extensions/manifest.h"

/* Looks for every requirement, and for the extension's own programs. The first missing one is
 * BERTH_UNSUPPORTED: "extension ffmpeg needs libavformat.so.59: apt-get install libavformat59". */
int extension_check(const struct extension *extension, struct berth_error *err);

/* The same with the host's directories below root (tests). */
int extension_check_under(const char *root, const struct extension *extension,
			  struct berth_error *err);
