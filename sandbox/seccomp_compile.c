/* SPDX-License-Identifier: Apache-2.0 */
/* Build-time program: compiles the groups into a BPF program and prints it as C.
 *
 * At build time, because compiling costs over a millisecond and a launch has half of one.
 * libseccomp knows the calls' names and numbers; the program is laid out here, as a search tree
 * over ranges of numbers with one verdict: half as long as libseccomp's own tree
 * (SCMP_FLTATR_CTL_OPTIMIZE=2), it loads in half the time, and loading is the dearest single step
 * of a launch. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/seccomp_groups.h"

#if defined(__x86_64__)
#	define NATIVE_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#	define NATIVE_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#	error "name this architecture's AUDIT_ARCH here"
#endif

#define X32_SYSCALL_BIT 0x40000000
#define CALLS_MAX       1024 /* beyond every call number of Linux 6.x */
#define LINES_MAX       4096 /* BPF_MAXINSNS */
#define JUMP_MAX        255  /* of a conditional jump */

_Static_assert(X32_SYSCALL_BIT > CALLS_MAX, "x32 numbers are newer than every call");

enum verdict_kind {
	REFUSED, /* errnum */
	ALLOWED,
	CONDITIONAL, /* by rows of seccomp_conditions */
	REQUESTS,    /* ioctl: all but the refused requests */
};

struct verdict {
	enum verdict_kind kind;
	int errnum;
	const char *call;
};

struct range {
	unsigned first; /* up to the next range's first */
	struct verdict verdict;
};

static struct verdict verdicts[CALLS_MAX];
static struct range ranges[CALLS_MAX];
static struct sock_filter lines[LINES_MAX];
static size_t line_count;

_Noreturn static void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "seccomp_compile: %s: %s\n", what, why);
	exit(1);
}

static size_t emit(unsigned short code, unsigned k, size_t jump_true, size_t jump_false)
{
	if (line_count == LINES_MAX)
		die("program", "too long");
	if (jump_true > JUMP_MAX || jump_false > JUMP_MAX)
		die("program", "a jump is too far");
	lines[line_count] = (struct sock_filter){.code = code,
						 .jt = (unsigned char)jump_true,
						 .jf = (unsigned char)jump_false,
						 .k = k};
	return line_count++;
}

static void emit_load(size_t offset)
{
	(void)emit(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0);
}

static void emit_load_argument(unsigned argument)
{
	/* the low half comes first on both architectures */
	emit_load(offsetof(struct seccomp_data, args) + sizeof(__u64) * argument);
}

static void emit_refusal(int errnum)
{
	(void)emit(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)errnum, 0, 0);
}

static void emit_permission(void)
{
	(void)emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

/* Leaves the jump for a comparison that fails to be set by the caller. */
static size_t emit_comparison(const struct seccomp_comparison *comparison)
{
	emit_load_argument(comparison->argument);
	if (comparison->mask != ~0U)
		(void)emit(BPF_ALU | BPF_AND | BPF_K, comparison->mask, 0, 0);
	return emit(BPF_JMP | BPF_JEQ | BPF_K, comparison->value, 0, 0);
}

static void emit_conditions(const char *call)
{
	for (size_t i = 0; i < seccomp_condition_count; i++) {
		const struct seccomp_condition *row = &seccomp_conditions[i];
		size_t first, second = 0;

		if (strcmp(row->call, call) != 0)
			continue;
		first = emit_comparison(&row->first);
		if (row->second.mask)
			second = emit_comparison(&row->second);
		emit_permission();
		lines[first].jf = (unsigned char)(line_count - first - 1);
		if (second)
			lines[second].jf = (unsigned char)(line_count - second - 1);
	}
	emit_refusal(EPERM);
}

static void emit_requests(void)
{
	emit_load_argument(1);
	for (size_t i = 0; i < seccomp_refused_ioctl_count; i++) {
		(void)emit(BPF_JMP | BPF_JEQ | BPF_K, seccomp_refused_ioctls[i].request, 0, 1);
		emit_refusal(EPERM);
	}
	emit_permission();
}

static void emit_verdict(const struct verdict *verdict)
{
	switch (verdict->kind) {
	case REFUSED:
		emit_refusal(verdict->errnum);
		break;
	case ALLOWED:
		emit_permission();
		break;
	case CONDITIONAL:
		emit_conditions(verdict->call);
		break;
	case REQUESTS:
		emit_requests();
		break;
	}
}

/* The accumulator holds the call's number. */
static void emit_tree(size_t low, size_t high)
{
	size_t middle = low + (high - low + 1) / 2, jump;

	if (low == high) {
		emit_verdict(&ranges[low].verdict);
		return;
	}
	jump = emit(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first, 0, 0);
	emit_tree(low, middle - 1);
	if (line_count - jump - 1 > JUMP_MAX)
		die("program", "a branch is too long");
	lines[jump].jt = (unsigned char)(line_count - jump - 1);
	emit_tree(middle, high);
}

/* The verdict on a call that must exist; NULL when it is newer than libseccomp: ENOSYS. */
static struct verdict *find_verdict(const char *call)
{
	int number = seccomp_syscall_resolve_name(call);

	if (number == __NR_SCMP_ERROR || number < 0)
		return NULL; /* newer than libseccomp, or not on this architecture */
	if (number >= CALLS_MAX)
		die(call, "its number is beyond CALLS_MAX");
	return &verdicts[number];
}

static void set_verdict(const char *call, enum verdict_kind kind, int errnum)
{
	struct verdict *verdict = find_verdict(call);

	if (!verdict)
		return;
	if (verdict->call && verdict->kind != kind)
		die(call, "is in two tables");
	*verdict = (struct verdict){.kind = kind, .errnum = errnum, .call = call};
}

/* Returns how many call numbers have a verdict; those beyond are newer than libseccomp. */
static size_t decide(void)
{
	size_t count = 0;

	for (unsigned number = 0; number < CALLS_MAX; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);

		verdicts[number] = (struct verdict){.kind = REFUSED, .errnum = EPERM};
		if (name)
			count = number + 1;
		free(name);
	}
	for (size_t g = 0; g < seccomp_group_count; g++)
		for (const char *const *name = seccomp_groups[g].calls; *name; name++)
			set_verdict(*name, ALLOWED, 0);
	for (size_t i = 0; i < seccomp_condition_count; i++)
		set_verdict(seccomp_conditions[i].call, CONDITIONAL, 0);
	for (size_t i = 0; i < seccomp_answer_count; i++)
		set_verdict(seccomp_answers[i].call, REFUSED, seccomp_answers[i].errnum);
	verdicts[SCMP_SYS(ioctl)].kind = REQUESTS;
	return count;
}

static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
	return a->kind == b->kind && a->errnum == b->errnum &&
	       (a->kind == REFUSED || a->kind == ALLOWED);
}

static size_t find_ranges(size_t call_count)
{
	size_t count = 0;

	for (unsigned number = 0; number < call_count; number++)
		if (count == 0 || !same_verdict(&ranges[count - 1].verdict, &verdicts[number]))
			ranges[count++] =
				(struct range){.first = number, .verdict = verdicts[number]};
	/* newer calls, and x32's, whose numbers have a high bit */
	ranges[count++] = (struct range){
		.first = (unsigned)call_count, .verdict = {.kind = REFUSED, .errnum = ENOSYS}
        };
	return count;
}

int main(void)
{
	size_t range_count = find_ranges(decide());

	emit_load(offsetof(struct seccomp_data, arch));
	(void)emit(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_AUDIT_ARCH, 1, 0);
	emit_refusal(ENOSYS); /* another entry point: int 0x80 */
	emit_load(offsetof(struct seccomp_data, nr));
	emit_tree(0, range_count - 1);

	(void)printf("/* Generated by sandbox/seccomp_compile.c from sandbox/seccomp_groups.c. */\n"
		     "#include \"sandbox/seccomp.h\"\n\n"
		     "const struct sock_filter sandbox_seccomp_lines[] = {\n");
	for (size_t i = 0; i < line_count; i++)
		(void)printf("\t{0x%x, %u, %u, 0x%x},\n", lines[i].code, lines[i].jt, lines[i].jf,
			     lines[i].k);
	(void)printf("};\nconst unsigned short sandbox_seccomp_line_count = %zu;\n", line_count);
	return 0;
}
