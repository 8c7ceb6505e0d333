/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to reach the kernel by its other entries: 32-bit int 0x80 and the x32 numbers. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/probe.h"

#define X32_BIT 0x40000000L

static sigjmp_buf no_entry;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(no_entry, 1);
}

/* A kernel without 32-bit emulation answers int 0x80 with SIGSEGV: as closed as ENOSYS. */
static int int80(const struct probe_row *row)
{
	long result;

	(void)signal(SIGSEGV, on_fault);
	(void)signal(SIGSYS, on_fault);
	if (sigsetjmp(no_entry, 1)) {
		probe_note("no such entry in this kernel");
		return ENOSYS;
	}
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(row->number), "b"(row->arguments[0]), "c"(row->arguments[1]),
			   "d"(row->arguments[2])
			 : "memory", "r8", "r9", "r10", "r11");
	if (result >= 0 || result == -row->passed) {
		probe_note("returned %ld", result);
		return PROBE_LEAK;
	}
	return (int)-result;
}

#define INT80(text, what, nr, wrong, ...)                                                          \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .history = "filters of one architecture", \
		.tries = (what), .attempt = int80, .number = (nr), .arguments = {__VA_ARGS__},     \
		.passed = (wrong), .expected = {                                                   \
			ENOSYS                                                                     \
		}                                                                                  \
	}
#define X32(text, what, nr, wrong, ...)                                                            \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .history = "filters without the x32 bit", \
		.tries = (what), .attempt = probe_attempt_syscall, .number = X32_BIT | (nr),       \
		.arguments = {__VA_ARGS__}, .passed = (wrong), .expected = {                       \
			ENOSYS                                                                     \
		}                                                                                  \
	}

/* Numbers of the i386 table: 20 getpid, 102 socketcall, 310 unshare, 21 mount, 349 kcmp. */
static const struct probe_row rows[] = {
	INT80("int80_getpid", "getpid by int 0x80", 20, 0, 0),
	INT80("int80_unshare", "unshare a user namespace by int 0x80", 310, 0, 0x10000000),
	INT80("int80_socketcall", "socketcall by int 0x80", 102, EFAULT, 1, 1),
	INT80("int80_keyctl", "keyctl by int 0x80", 288, 0, 0, (unsigned long)-3),
	X32("x32_getpid", "getpid by its x32 number", SYS_getpid, 0, 0),
	X32("x32_unshare", "unshare by its x32 number", SYS_unshare, 0, 0x10000000),
	X32("x32_ptrace", "ptrace by its x32 number", 521, 0, 0),
};

const struct probe_group probe_entries = PROBE_GROUP("entries", rows);
