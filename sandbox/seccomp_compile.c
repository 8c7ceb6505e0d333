/* SPDX-License-Identifier: Apache-2.0 */
/* Build-time program: compiles the groups with libseccomp into a BPF program and prints it as C.
 *
 * At build time, because compiling costs over a millisecond and a launch has half of one
 * (libseccomp's binary tree, SCMP_FLTATR_CTL_OPTIMIZE=2, loads three times faster than its list).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/seccomp_groups.h"

#if defined(__x86_64__)
#	define NATIVE_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#	define NATIVE_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#	error "name this architecture's AUDIT_ARCH here"
#endif

#define X32_SYSCALL_BIT    0x40000000
#define CALL_SEARCH_MAX    1024 /* beyond every call number of Linux 6.x */
#define LINES_MAX          4096 /* BPF_MAXINSNS */

#define LOAD(field)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(field))
#define ANSWER(errnum)     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (errnum))
#define LOW_HALF_OF_ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))

static void die(const char *what, int errnum)
{
	(void)fprintf(stderr, "seccomp_compile: %s: %s\n", what, strerror(errnum));
	exit(1);
}

static int resolve(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

static void add_groups(scmp_filter_ctx filter)
{
	for (size_t g = 0; g < seccomp_group_count; g++) {
		for (const char *const *name = seccomp_groups[g].calls; *name; name++) {
			int number = resolve(*name);
			int failed;

			if (number == __NR_SCMP_ERROR)
				continue; /* newer than this libseccomp: ENOSYS */
			failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
			if (failed < 0)
				die(*name, -failed);
		}
	}
}

static void add_conditions(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < seccomp_condition_count; i++) {
		const struct seccomp_condition *row = &seccomp_conditions[i];
		int failed = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, resolve(row->call), 1,
			SCMP_CMP64(row->argument, SCMP_CMP_MASKED_EQ, row->mask, row->value));

		if (failed < 0)
			die(row->call, -failed);
	}
	/* NETLINK_ROUTE only: netfilter, xfrm and audit are not namespaced well enough */
	if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			     SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, 0xffffffff, 16),
			     SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, 0xffffffff, 0)) < 0)
		die("socket netlink", EINVAL);
}

static void add_answers(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < seccomp_answer_count; i++) {
		const struct seccomp_answer *row = &seccomp_answers[i];
		int failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(row->errnum),
					      resolve(row->call), 0);

		if (failed < 0)
			die(row->call, -failed);
	}
}

static unsigned last_known_call(void)
{
	unsigned last = 0;

	for (unsigned number = 0; number < CALL_SEARCH_MAX; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);

		if (name)
			last = number;
		free(name);
	}
	return last;
}

/* What libseccomp cannot say: other entry points and calls newer than the list are ENOSYS, and
 * single ioctl requests are refused while the rest is allowed. */
static size_t build_prelude(struct sock_filter *lines)
{
	size_t count = 0, ioctls = seccomp_refused_ioctl_count;
	const struct sock_filter head[] = {
		LOAD(offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_AUDIT_ARCH, 1, 0),
		ANSWER(ENOSYS),
		LOAD(offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last_known_call(), 0, 1),
		ANSWER(ENOSYS),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)SCMP_SYS(ioctl), 0,
			 (unsigned char)(2 * ioctls + 1)),
		LOAD(LOW_HALF_OF_ARG(1)),
	};

	_Static_assert(X32_SYSCALL_BIT > CALL_SEARCH_MAX, "x32 numbers are newer than every call");
	memcpy(lines, head, sizeof(head));
	count = sizeof(head) / sizeof(head[0]);
	for (size_t i = 0; i < ioctls; i++) {
		const struct sock_filter refuse[] = {
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_refused_ioctls[i].request, 0,
				 1),
			ANSWER(EPERM),
		};
		memcpy(lines + count, refuse, sizeof(refuse));
		count += 2;
	}
	return count;
}

static size_t export_filter(scmp_filter_ctx filter, struct sock_filter *lines, size_t capacity)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t length;

	if (fd < 0 || seccomp_export_bpf(filter, fd) < 0)
		die("export", errno);
	length = pread(fd, lines, capacity * sizeof(*lines), 0);
	if (length <= 0 || (size_t)length % sizeof(*lines))
		die("read the exported filter", errno);
	(void)close(fd);
	return (size_t)length / sizeof(*lines);
}

int main(void)
{
	static struct sock_filter lines[LINES_MAX];
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	size_t count;

	if (!filter)
		die("init", ENOMEM);
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
		die("optimize", EINVAL);
	add_groups(filter);
	add_conditions(filter);
	add_answers(filter);
	count = build_prelude(lines);
	count += export_filter(filter, lines + count, LINES_MAX - count);
	seccomp_release(filter);

	(void)printf("/* Generated by sandbox/seccomp_compile.c from sandbox/seccomp_groups.c. */\n"
		     "#include \"sandbox/seccomp.h\"\n\n"
		     "const struct sock_filter sandbox_seccomp_lines[] = {\n");
	for (size_t i = 0; i < count; i++)
		(void)printf("\t{0x%x, %u, %u, 0x%x},\n", lines[i].code, lines[i].jt, lines[i].jf,
			     lines[i].k);
	(void)printf("};\nconst unsigned short sandbox_seccomp_line_count = %zu;\n", count);
	return 0;
}
