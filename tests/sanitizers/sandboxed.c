/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into task programs of sanitized builds: in a sandbox the leak checker cannot work, since
 * it traces its own process, which the filter forbids. Outside it stays on. */
#include <unistd.h>

/* called by the runtime before main, see sanitizer/asan_interface.h */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	/* the environment is not there yet */
	return access("/run/berth/task.sock", F_OK) == 0 ? "detect_leaks=0" : "";
}
