/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to call what the allow-list leaves out, with arguments that cannot do harm. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/escape/probe.h"

#define NOTHING ((unsigned long)-1)

static int finish_descriptor(long fd)
{
	if (fd < 0)
		return errno;
	(void)close((int)fd);
	return PROBE_LEAK;
}

static int bpf_map(const struct probe_row *row)
{
	union bpf_attr attributes;

	(void)row;
	memset(&attributes, 0, sizeof(attributes));
	attributes.map_type = BPF_MAP_TYPE_ARRAY;
	attributes.key_size = 4;
	attributes.value_size = 4;
	attributes.max_entries = 1;
	return finish_descriptor(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
}

static int perf_event(const struct probe_row *row)
{
	struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE,
					     .size = sizeof(attributes),
					     .config = PERF_COUNT_SW_TASK_CLOCK,
					     .exclude_kernel = 1,
					     .disabled = 1};

	(void)row;
	return finish_descriptor(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static int io_uring(const struct probe_row *row)
{
	struct io_uring_params parameters = {0};

	(void)row;
	return finish_descriptor(syscall(SYS_io_uring_setup, 1, &parameters));
}

static int asynchronous_io(const struct probe_row *row)
{
	aio_context_t context = 0;

	(void)row;
	if (syscall(SYS_io_setup, 1, &context) < 0)
		return errno;
	(void)syscall(SYS_io_destroy, context);
	return PROBE_LEAK;
}

static int add_key(const struct probe_row *row)
{
	(void)row; /* the process keyring ends with this child */
	return syscall(SYS_add_key, "user", "berth-escape", "x", 1, KEY_SPEC_PROCESS_KEYRING) < 0
		       ? errno
		       : PROBE_LEAK;
}

static int request_key(const struct probe_row *row)
{
	(void)row;
	if (syscall(SYS_request_key, "user", "berth-escape-none", NULL, 0) >= 0 || errno == ENOKEY)
		return PROBE_LEAK;
	return errno;
}

static int read_init(const struct probe_row *row)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {(void *)0x1000, 1};

	if (syscall(row->number, 1, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT)
		return PROBE_LEAK;
	return errno;
}

static int steal_descriptor(const struct probe_row *row)
{
	int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);

	(void)row;
	if (pidfd < 0)
		return errno;
	return finish_descriptor(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static int compare_self(const struct probe_row *row)
{
	(void)row;
	return syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0) < 0 ? errno : PROBE_LEAK;
}

static int adjust_clock(const struct probe_row *row)
{
	struct timex adjustment = {.modes = ADJ_TICK, .tick = 1}; /* far outside what is valid */

	(void)row;
	if (adjtimex(&adjustment) >= 0 || errno == EINVAL)
		return PROBE_LEAK;
	return errno;
}

/* EFAULT: the filter was passed, for the kernel reads the time before it asks for the privilege. */
static int set_clock(const struct probe_row *row)
{
	(void)row;
	return syscall(SYS_clock_settime, CLOCK_REALTIME, NULL) < 0 ? errno : PROBE_LEAK;
}

static int hang_up(const struct probe_row *row)
{
	(void)row; /* without a controlling terminal there is nothing to hang up */
	(void)setsid();
	return syscall(SYS_vhangup) < 0 ? errno : PROBE_LEAK;
}

#define CALL(text, what, nr, wrong, ...)                                                           \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .tries = (what),                          \
		.attempt = probe_attempt_syscall, .number = (nr), .arguments = {__VA_ARGS__},      \
		.passed = (wrong), .expected = {                                                   \
			EPERM,                                                                     \
			ENOSYS                                                                     \
		}                                                                                  \
	}
#define ATTEMPT(text, what, why, function, nr)                                                     \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .history = (why), .tries = (what),        \
		.attempt = (function), .number = (nr), .expected = {                               \
			EPERM,                                                                     \
			ENOSYS                                                                     \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	ATTEMPT("bpf", "make a BPF map", "CVE-2021-3490", bpf_map, 0),
	ATTEMPT("perf_event_open", "count with perf", "CVE-2023-5717", perf_event, 0),
	ATTEMPT("io_uring_setup", "set up an io_uring", "CVE-2022-29582", io_uring, 0),
	CALL("userfaultfd", "handle its own page faults (the exploit's stopwatch)", SYS_userfaultfd,
	     EINVAL, O_CLOEXEC | 1),
	ATTEMPT("request_key", "start the host's key helper", "CVE-2016-0728", request_key, 0),
	ATTEMPT("ptrace_init_memory", "read the memory of pid 1", NULL, read_init,
		SYS_process_vm_readv),
	ATTEMPT("ptrace_init_write", "write the memory of pid 1", NULL, read_init,
		SYS_process_vm_writev),
	CALL("ptrace", "ask to be traced", SYS_ptrace, 0, PTRACE_TRACEME),
	CALL("ptrace_init", "trace pid 1", SYS_ptrace, 0, PTRACE_SEIZE, 1, 0, 0),
	ATTEMPT("pidfd_getfd", "take a descriptor of pid 1", NULL, steal_descriptor, 0),
	ATTEMPT("kcmp", "compare kernel objects", "CVE-2012-2121's kin", compare_self, 0),
	CALL("personality_aslr", "switch address randomisation off", SYS_personality, 0,
	     ADDR_NO_RANDOMIZE),
	CALL("personality_exec", "make readable memory executable", SYS_personality, 0,
	     READ_IMPLIES_EXEC),
	CALL("modify_ldt", "change the segment table", SYS_modify_ldt, 0, 0, 0, 0),
	CALL("iopl", "reach the I/O ports", SYS_iopl, 0, 3),
	CALL("ioperm", "reach one I/O port", SYS_ioperm, 0, 0x80, 1, 1),
	CALL("init_module", "load a kernel module", SYS_init_module, ENOEXEC, 0, 0, 0),
	CALL("finit_module", "load a kernel module by descriptor", SYS_finit_module, EBADF,
	     NOTHING),
	CALL("delete_module", "unload a kernel module", SYS_delete_module, EFAULT, 0, O_NONBLOCK),
	CALL("kexec_load", "replace the kernel", SYS_kexec_load, EINVAL, 0, 0, 0, 0xffff),
	CALL("kexec_file_load", "replace the kernel by file", SYS_kexec_file_load, EINVAL, NOTHING,
	     NOTHING, 0, 0, 0xffff0000),
	CALL("reboot", "reboot", SYS_reboot, EINVAL, 0, 0, 0),
	CALL("swapon", "swap to a file", SYS_swapon, EFAULT, 0, 0),
	CALL("swapoff", "stop swapping", SYS_swapoff, EFAULT, 0),
	CALL("acct", "write process accounting to a file", SYS_acct, EFAULT, 1),
	CALL("quotactl", "change disk quotas", SYS_quotactl, 0, 0x80000200, 1, 0, 0),
	CALL("syslog", "read the kernel's log", SYS_syslog, 0, 10, 0, 0),
	CALL("sethostname", "rename the host", SYS_sethostname, EINVAL, 0, NOTHING),
	CALL("setdomainname", "rename the domain", SYS_setdomainname, EINVAL, 0, NOTHING),
	CALL("settimeofday", "set the clock", SYS_settimeofday, 0, 0, 0),
	ATTEMPT("clock_settime", "set the clock by its id", NULL, set_clock, 0),
	ATTEMPT("adjtimex", "slow the clock down", NULL, adjust_clock, 0),
	CALL("fanotify_init", "watch all files of a mount", SYS_fanotify_init, 0, 0x4 | 0x1, 0),
	ATTEMPT("io_setup", "take the host's asynchronous I/O contexts",
		"fs.aio-max-nr is one for all", asynchronous_io, 0),
	CALL("lookup_dcookie", "find a path by its kernel address", SYS_lookup_dcookie, EINVAL, 0,
	     0, 0),
	CALL("migrate_pages", "move the memory of pid 1", SYS_migrate_pages, 0, 1, 64, 1, 1),
	PROBE_CALL("kernel_future", "seccomp", NULL, "call a number that no kernel has yet", 1023,
		   0, ENOSYS, 0),
	ATTEMPT("vhangup", "hang up the terminal", NULL, hang_up, 0),
	PROBE_CALL("keyctl", "keyring", "not namespaced; CVE-2016-0728",
		   "reach the caller's session keyring", SYS_keyctl, 0, EPERM,
		   KEYCTL_GET_KEYRING_ID, (unsigned long)KEY_SPEC_SESSION_KEYRING, 0),
	PROBE_TRY("add_key", "keyring", "quota is by host uid", "add a key", add_key, NULL, EPERM,
		  ENOSYS),
};

const struct probe_group probe_syscalls = PROBE_GROUP("system calls", rows);
