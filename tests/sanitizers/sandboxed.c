/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into task programs of sanitized builds. In a sandbox the leak checker cannot work, since
 * it traces its own process, which the filter forbids; outside it stays on. The media libraries are
 * not instrumented: what their threads share by atomics looks like a race, so only our own accesses
 * are judged. */
#include <unistd.h>

/* called by the runtimes before main, see sanitizer/asan_interface.h */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	/* the environment is not there yet */
	return access("/run/berth/task.sock", F_OK) == 0 ? "detect_leaks=0" : "";
}

const char *__tsan_default_options(void)
{
	return "ignore_noninstrumented_modules=1";
}
