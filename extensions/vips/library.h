/* SPDX-License-Identifier: Apache-2.0 */
/* libvips itself: started without its plug-ins, its errors and its warnings. */
#pragma once

#include "base/error.h"

/* Starts libvips once, with the operation cache off, untrusted loaders blocked and that many
 * threads for one image. */
int library_start(unsigned threads, struct berth_error *err);

/* Loads the module that reads and writes HEIF and AVIF; does nothing the second time.
 * BERTH_UNSUPPORTED names what is missing. Call before other threads use libvips. */
int library_load_heif(struct berth_error *err);

/* Threads that libvips uses for one image from now on. */
void library_set_threads(unsigned threads);

/* Where the warnings of libvips and the libraries under it go; text is one line of UTF-8. Called
 * in any thread. */
void library_set_log(void (*log)(void *owner, const char *text), void *owner);

/* Fails with what libvips last complained about, in one line, and forgets it. */
int library_fail(struct berth_error *err, enum berth_code code, const char *context)
	__attribute__((cold));
