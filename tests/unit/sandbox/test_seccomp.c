/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled filter: its BPF program is run here, in user space, for a table of calls; then it is
 * loaded into a child to show that the kernel takes it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp_groups.h"

#if defined(__x86_64__)
#	define NATIVE_ARCH  AUDIT_ARCH_X86_64
#	define FOREIGN_ARCH AUDIT_ARCH_I386
#else
#	define NATIVE_ARCH  AUDIT_ARCH_AARCH64
#	define FOREIGN_ARCH AUDIT_ARCH_ARM
#endif

#define X32_BIT         0x40000000
#define HIGH_BITS       0xdeadbeef00000000ULL
#define ALLOWED         0
#define AF_VSOCK_NUMBER 40
#define AF_ALG_NUMBER   38

enum { SYS_fchmodat2_number = 452, SYS_memfd_secret_number = 447, SYS_far_future = 4000 };

/* Classic BPF, as far as filters use it (Documentation/networking/filter.rst). Returns the action,
 * or 0xffffffff for a program that is not well formed. */
static uint32_t run_filter(const struct seccomp_data *data)
{
	uint32_t accumulator = 0, word;
	size_t line = 0;

	while (line < sandbox_seccomp_line_count) {
		const struct sock_filter *f = &sandbox_seccomp_lines[line++];
		bool taken = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k % 4 || f->k > sizeof(*data) - 4)
				return UINT32_MAX;
			memcpy(&word, (const char *)data + f->k, sizeof(word));
			accumulator = word;
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			accumulator &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			line += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			taken = accumulator == f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			taken = accumulator > f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			taken = accumulator >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			taken = accumulator & f->k;
			break;
		default:
			return UINT32_MAX;
		}
		line += taken ? f->jt : f->jf;
	}
	return UINT32_MAX;
}

struct row {
	const char *what;
	int number;
	unsigned long long arguments[4];
	int errnum; /* ALLOWED or the errno */
};

static void expect(const struct seccomp_data *data, const char *what, int errnum)
{
	uint32_t action = run_filter(data);
	uint32_t wanted =
		errnum == ALLOWED ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)errnum;

	if (action != wanted)
		fail_msg("%s: action %#x instead of %#x", what, action, wanted);
}

#define MODE_4755 (S_ISUID | 0755)
#define MODE_2755 (S_ISGID | 0755)

/* clang-format off */
static const struct row rows[] = {
	{"read", SYS_read, {0}, ALLOWED},
	{"execve", SYS_execve, {0}, ALLOWED},
	{"exit_group", SYS_exit_group, {0}, ALLOWED},
	{"kill", SYS_kill, {1, 9}, ALLOWED},
	{"clone of a process", SYS_clone, {SIGCHLD}, ALLOWED},
	{"clone of a thread", SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD}, ALLOWED},
	{"clone NEWUSER", SYS_clone, {CLONE_NEWUSER | SIGCHLD}, EPERM},
	{"clone NEWNS", SYS_clone, {CLONE_NEWNS}, EPERM},
	{"clone NEWPID", SYS_clone, {CLONE_NEWPID}, EPERM},
	{"clone NEWNET", SYS_clone, {CLONE_NEWNET}, EPERM},
	{"clone NEWIPC", SYS_clone, {CLONE_NEWIPC}, EPERM},
	{"clone NEWUTS", SYS_clone, {CLONE_NEWUTS}, EPERM},
	{"clone NEWCGROUP", SYS_clone, {CLONE_NEWCGROUP}, EPERM},
	{"clone of all at once", SYS_clone, {CLONE_NEWUSER | CLONE_NEWNET | CLONE_VM}, EPERM},
	{"clone3", SYS_clone3, {0}, ENOSYS},
	{"unshare", SYS_unshare, {CLONE_NEWUSER}, EPERM},
	{"unshare of nothing", SYS_unshare, {0}, EPERM},
	{"setns", SYS_setns, {3}, EPERM},
	{"openat2", SYS_openat2, {0}, ENOSYS},
	{"openat to read", SYS_openat, {0, 0, O_RDONLY}, ALLOWED},
	{"openat creating", SYS_openat, {0, 0, O_CREAT | O_WRONLY, 0644}, ALLOWED},
	{"openat creating set-uid", SYS_openat, {0, 0, O_CREAT | O_WRONLY, MODE_4755}, EPERM},
	{"openat creating set-gid", SYS_openat, {0, 0, O_CREAT | O_WRONLY, MODE_2755}, EPERM},
	{"openat O_TMPFILE set-uid", SYS_openat, {0, 0, O_TMPFILE | O_RDWR, MODE_4755}, EPERM},
	{"openat with a stray mode", SYS_openat, {0, 0, O_RDONLY, MODE_4755}, ALLOWED},
	{"fchmodat", SYS_fchmodat, {0, 0, 0755}, ALLOWED},
	{"fchmodat set-uid", SYS_fchmodat, {0, 0, MODE_4755}, EPERM},
	{"fchmodat set-gid", SYS_fchmodat, {0, 0, MODE_2755}, EPERM},
	{"fchmod set-uid", SYS_fchmod, {0, MODE_4755}, EPERM},
	{"fchmod", SYS_fchmod, {0, 0600}, ALLOWED},
	{"mknodat of a fifo", SYS_mknodat, {0, 0, S_IFIFO | 0600}, ALLOWED},
	{"mknodat of a file", SYS_mknodat, {0, 0, S_IFREG | 0600}, ALLOWED},
	{"mknodat of a character device", SYS_mknodat, {0, 0, S_IFCHR | 0600}, EPERM},
	{"mknodat of a block device", SYS_mknodat, {0, 0, S_IFBLK | 0600}, EPERM},
	{"mknodat of a set-uid file", SYS_mknodat, {0, 0, S_IFREG | MODE_4755}, EPERM},
	{"socket unix", SYS_socket, {AF_UNIX, SOCK_STREAM}, ALLOWED},
	{"socket inet", SYS_socket, {AF_INET, SOCK_STREAM}, ALLOWED},
	{"socket inet6", SYS_socket, {AF_INET6, SOCK_DGRAM}, ALLOWED},
	{"socket inet with high bits", SYS_socket, {HIGH_BITS | AF_INET, SOCK_STREAM}, ALLOWED},
	{"socket packet", SYS_socket, {AF_PACKET, SOCK_RAW}, EPERM},
	{"socket vsock", SYS_socket, {AF_VSOCK_NUMBER, SOCK_STREAM}, EPERM},
	{"socket alg", SYS_socket, {AF_ALG_NUMBER, SOCK_SEQPACKET}, EPERM},
	{"socket vsock with high bits", SYS_socket, {HIGH_BITS | AF_VSOCK_NUMBER, SOCK_STREAM}, EPERM},
	{"socket netlink route", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, ALLOWED},
	{"socket netlink xfrm", SYS_socket, {AF_NETLINK, SOCK_RAW, 6}, EPERM},
	{"socket netlink audit", SYS_socket, {AF_NETLINK, SOCK_RAW, 9}, EPERM},
	{"socket netlink netfilter", SYS_socket, {AF_NETLINK, SOCK_RAW, 12}, EPERM},
	{"socket netlink netfilter with high bits", SYS_socket, {AF_NETLINK, SOCK_RAW, HIGH_BITS | 12}, EPERM},
	{"socketpair unix", SYS_socketpair, {AF_UNIX, SOCK_STREAM}, ALLOWED},
	{"socketpair of another family", SYS_socketpair, {AF_ALG_NUMBER, SOCK_STREAM}, EPERM},
	{"ioctl of any kind", SYS_ioctl, {0, TIOCGWINSZ}, ALLOWED},
	{"ioctl TIOCSTI", SYS_ioctl, {0, TIOCSTI}, EPERM},
	{"ioctl TIOCSTI with high bits", SYS_ioctl, {0, HIGH_BITS | TIOCSTI}, EPERM},
	{"ioctl TIOCLINUX", SYS_ioctl, {0, TIOCLINUX}, EPERM},
	{"ioctl TIOCLINUX with high bits", SYS_ioctl, {0, HIGH_BITS | TIOCLINUX}, EPERM},
	{"personality", SYS_personality, {PER_LINUX}, ALLOWED},
	{"personality query", SYS_personality, {0xffffffff}, ALLOWED},
	{"personality without ASLR", SYS_personality, {ADDR_NO_RANDOMIZE}, EPERM},
	{"personality READ_IMPLIES_EXEC", SYS_personality, {READ_IMPLIES_EXEC}, EPERM},
	{"mmap", SYS_mmap, {0, 4096, 3, 0x22}, ALLOWED},
	{"mmap of huge pages", SYS_mmap, {0, 4096, 3, 0x40022}, EPERM},
	{"memfd_create", SYS_memfd_create, {0, 1}, ALLOWED},
	{"memfd_create of huge pages", SYS_memfd_create, {0, 4}, EPERM},
	{"shmget of huge pages", SYS_shmget, {0, 4096, 04000}, EPERM},
	{"io_setup", SYS_io_setup, {1}, ENOSYS},
	{"ptrace", SYS_ptrace, {0}, EPERM},
	{"process_vm_readv", SYS_process_vm_readv, {0}, EPERM},
	{"process_vm_writev", SYS_process_vm_writev, {0}, EPERM},
	{"pidfd_getfd", SYS_pidfd_getfd, {0}, EPERM},
	{"kcmp", SYS_kcmp, {0}, EPERM},
	{"bpf", SYS_bpf, {0}, EPERM},
	{"perf_event_open", SYS_perf_event_open, {0}, EPERM},
	{"userfaultfd", SYS_userfaultfd, {0}, EPERM},
	{"io_uring_setup", SYS_io_uring_setup, {0}, EPERM},
	{"io_uring_enter", SYS_io_uring_enter, {0}, EPERM},
	{"io_uring_register", SYS_io_uring_register, {0}, EPERM},
	{"keyctl", SYS_keyctl, {0}, EPERM},
	{"add_key", SYS_add_key, {0}, EPERM},
	{"request_key", SYS_request_key, {0}, EPERM},
	{"mount", SYS_mount, {0}, EPERM},
	{"umount2", SYS_umount2, {0}, EPERM},
	{"pivot_root", SYS_pivot_root, {0}, EPERM},
	{"chroot", SYS_chroot, {0}, EPERM},
	{"open_tree", SYS_open_tree, {0}, EPERM},
	{"move_mount", SYS_move_mount, {0}, EPERM},
	{"fsopen", SYS_fsopen, {0}, EPERM},
	{"mount_setattr", SYS_mount_setattr, {0}, EPERM},
	{"open_by_handle_at", SYS_open_by_handle_at, {0}, EPERM},
	{"name_to_handle_at", SYS_name_to_handle_at, {0}, EPERM},
	{"fanotify_init", SYS_fanotify_init, {0}, EPERM},
	{"init_module", SYS_init_module, {0}, EPERM},
	{"finit_module", SYS_finit_module, {0}, EPERM},
	{"kexec_load", SYS_kexec_load, {0}, EPERM},
	{"reboot", SYS_reboot, {0}, EPERM},
	{"swapon", SYS_swapon, {0}, EPERM},
	{"acct", SYS_acct, {0}, EPERM},
	{"syslog", SYS_syslog, {0}, EPERM},
	{"clock_settime", SYS_clock_settime, {0}, EPERM},
	{"settimeofday", SYS_settimeofday, {0}, EPERM},
	{"adjtimex", SYS_adjtimex, {0}, EPERM},
	{"sethostname", SYS_sethostname, {0}, EPERM},
	{"quotactl", SYS_quotactl, {0}, EPERM},
	{"vmsplice", SYS_vmsplice, {0}, EPERM},
	{"sync", SYS_sync, {0}, EPERM},
	{"memfd_secret", SYS_memfd_secret_number, {0}, EPERM},
	{"a call of the far future", SYS_far_future, {0}, ENOSYS},
	{"the highest number", 0x3fffffff, {0}, ENOSYS},
	{"a negative number", -1, {0}, ENOSYS},
	{"x32 read", X32_BIT | 0, {0}, ENOSYS},
	{"x32 execve", X32_BIT | 520, {0}, ENOSYS},
	{"x32 ptrace", X32_BIT | 521, {0}, ENOSYS},
#ifdef __x86_64__
	{"open", SYS_open, {0, O_RDONLY}, ALLOWED},
	{"open creating", SYS_open, {0, O_CREAT, 0644}, ALLOWED},
	{"open creating set-uid", SYS_open, {0, O_CREAT, MODE_4755}, EPERM},
	{"creat", SYS_creat, {0, 0644}, ALLOWED},
	{"creat set-uid", SYS_creat, {0, MODE_4755}, EPERM},
	{"chmod", SYS_chmod, {0, 0755}, ALLOWED},
	{"chmod set-uid", SYS_chmod, {0, MODE_4755}, EPERM},
	{"chmod set-gid", SYS_chmod, {0, MODE_2755}, EPERM},
	{"chmod set-uid with high bits", SYS_chmod, {0, HIGH_BITS | MODE_4755}, EPERM},
	{"mknod of a device", SYS_mknod, {0, S_IFCHR | 0600}, EPERM},
	{"fork", SYS_fork, {0}, ALLOWED},
	{"vfork", SYS_vfork, {0}, ALLOWED},
	{"modify_ldt", SYS_modify_ldt, {0}, EPERM},
	{"iopl", SYS_iopl, {3}, EPERM},
	{"ioperm", SYS_ioperm, {0}, EPERM},
	{"uselib", SYS_uselib, {0}, EPERM},
#endif
};
/* clang-format on */

static void test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seccomp_data data = {.nr = rows[i].number, .arch = NATIVE_ARCH};

		for (size_t k = 0; k < 4; k++)
			data.args[k] = rows[i].arguments[k];
		expect(&data, rows[i].what, rows[i].errnum);
	}
}

/* Newer than some libseccomp: allowed like fchmodat, or as if the kernel had it not, so that the C
 * library falls back. */
static void test_fchmodat2(void **state)
{
	struct seccomp_data data = {.nr = SYS_fchmodat2_number, .arch = NATIVE_ARCH};
	uint32_t action;

	(void)state;
	data.args[2] = 0644;
	action = run_filter(&data);
	assert_true(action == SECCOMP_RET_ALLOW || action == (SECCOMP_RET_ERRNO | ENOSYS));
	data.args[2] = MODE_4755;
	assert_int_not_equal(run_filter(&data), SECCOMP_RET_ALLOW);
}

/* Whatever the number: int 0x80 and 32-bit programs get nothing at all. */
static void test_foreign_entry_points(void **state)
{
	static const uint32_t arches[] = {FOREIGN_ARCH, AUDIT_ARCH_S390X, 0, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++) {
		for (int number = -1; number < 600; number++) {
			struct seccomp_data data = {.nr = number, .arch = arches[i]};

			expect(&data, "a foreign entry point", ENOSYS);
		}
	}
}

/* Every number ends in one of three answers; none kills, traps or runs off the end. */
static void test_every_number_is_answered(void **state)
{
	(void)state;
	for (uint32_t number = 0; number < 2048; number++) {
		for (uint32_t bit = 0; bit <= X32_BIT; bit += X32_BIT) {
			struct seccomp_data data = {.nr = (int)(number | bit), .arch = NATIVE_ARCH};
			uint32_t action = run_filter(&data);

			if (action != SECCOMP_RET_ALLOW && action != (SECCOMP_RET_ERRNO | EPERM) &&
			    action != (SECCOMP_RET_ERRNO | ENOSYS))
				fail_msg("call %u: action %#x", number | bit, action);
			if (bit)
				assert_int_equal(action, SECCOMP_RET_ERRNO | ENOSYS);
		}
	}
}

static void test_groups_are_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < seccomp_group_count; i++) {
		assert_true(seccomp_groups[i].name[0] && seccomp_groups[i].help[0]);
		for (const char *const *call = seccomp_groups[i].calls; *call; call++)
			for (size_t k = 0; k < seccomp_condition_count; k++)
				if (strcmp(*call, seccomp_conditions[k].call) == 0)
					fail_msg("%s is allowed with and without condition", *call);
	}
	for (size_t i = 0; i < seccomp_condition_count; i++)
		assert_true(seccomp_conditions[i].help[0]);
	for (size_t i = 0; i < seccomp_answer_count; i++)
		assert_true(seccomp_answers[i].help[0]);
}

static int try_in_kernel(void)
{
	struct berth_error err = {0};

	/* without no_new_privs only CAP_SYS_ADMIN may filter */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(&err) < 0)
		return 1;
	if (getppid() <= 0)
		return 2;
	if (syscall(SYS_unshare, 0) != -1 || errno != EPERM)
		return 3;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 4;
	if (syscall(SYS_far_future) != -1 || errno != ENOSYS)
		return 5;
	if (ioctl(0, TIOCSTI, "x") != -1 || errno != EPERM)
		return 6;
	if (socket(AF_VSOCK_NUMBER, SOCK_STREAM, 0) != -1 || errno != EPERM)
		return 7;
	if (chmod("/nonexistent", 0644) != -1 || errno != ENOENT)
		return 8;
	if (chmod("/nonexistent", 04755) != -1 || errno != EPERM)
		return 9;
#ifdef __x86_64__
	if (syscall(X32_BIT | SYS_getpid) != -1 || errno != ENOSYS)
		return 10;
#endif
	return 0;
}

static void test_kernel_takes_it(void **state)
{
	pid_t child = fork();
	int status = -1;

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(try_in_kernel());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_fchmodat2),
		cmocka_unit_test(test_foreign_entry_points),
		cmocka_unit_test(test_every_number_is_answered),
		cmocka_unit_test(test_groups_are_documented),
		cmocka_unit_test(test_kernel_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
