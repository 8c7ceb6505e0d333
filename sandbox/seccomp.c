/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the compiled system call filter (seccomp(2)). */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int seccomp_load(struct berth_error *err)
{
	const struct sock_fprog program = {
		.len = sandbox_seccomp_line_count,
		/* the kernel copies it; the prototype lacks const */
		.filter = (struct sock_filter *)(uintptr_t)sandbox_seccomp_lines,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "load the seccomp filter of %u lines",
				  program.len);
	return 0;
}
