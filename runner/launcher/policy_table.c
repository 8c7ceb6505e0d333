/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of launcher.conf, and what may be mounted where none says so. */
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "runner/launcher/launcher_protocol.h"
#include "runner/launcher/policy.h"

#define PIDS_MAX (4 * 1024 * 1024) /* PID_MAX_LIMIT, proc(5) */

static int parse_count(const char *value, int64_t max, int64_t *ret_count, struct berth_error *err)
{
	char *end = NULL;
	long long count = strtoll(value, &end, 10);

	if (end == value || *end || count < 1 || count > max)
		return berth_fail(err, BERTH_INVALID, 0, "\"%.32s\" is not a number from 1 to %jd",
				  value, (intmax_t)max);
	*ret_count = count;
	return 0;
}

static int parse_allow_mount(struct policy *policy, const char *value, struct berth_error *err)
{
	char path[POLICY_PATH_MAX];
	size_t length = strcspn(value, " \t");
	const char *mode = value + length + strspn(value + length, " \t");

	policy->mounts_given = policy->names_mounts = true;
	if (strcmp(value, "defaults") == 0)
		return policy_add_default_mounts(policy, err);
	if (*mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
		return berth_fail(err, BERTH_INVALID, 0, "\"%.32s\" is neither ro nor rw", mode);
	if (length >= sizeof(path))
		return berth_fail(err, BERTH_LIMIT, 0, "the path %.64s… is too long", value);
	memcpy(path, value, length);
	path[length] = '\0';
	return policy_add_mount(policy, path, strcmp(mode, "rw") == 0, err);
}

static int parse_allow_network(struct policy *policy, const char *value, struct berth_error *err)
{
	if (strcmp(value, "host") != 0)
		return berth_fail(err, BERTH_INVALID, 0, "\"%.32s\" is not host", value);
	policy->allows_host_network = true;
	return 0;
}

static int parse_max_cpu(struct policy *policy, const char *value, struct berth_error *err)
{
	return amount_parse_cpu_millis(value, &policy->cpu_millis, err);
}

static int parse_max_memory(struct policy *policy, const char *value, struct berth_error *err)
{
	return amount_parse_bytes(value, &policy->memory_bytes, err);
}

static int parse_max_disk(struct policy *policy, const char *value, struct berth_error *err)
{
	return amount_parse_bytes(value, &policy->disk_bytes, err);
}

static int parse_max_pids(struct policy *policy, const char *value, struct berth_error *err)
{
	return parse_count(value, PIDS_MAX, &policy->pids, err);
}

static int parse_max_runs(struct policy *policy, const char *value, struct berth_error *err)
{
	return parse_count(value, LAUNCHER_RUNS_MAX, &policy->runs, err);
}

static int parse_user(struct policy *policy, const char *value, struct berth_error *err)
{
	size_t length = strlen(value);

	if (length > POLICY_USER_MAX || strpbrk(value, " \t:/"))
		return berth_fail(err, BERTH_INVALID, 0, "\"%.40s\" is no user name", value);
	memcpy(policy->user, value, length + 1);
	return 0;
}

static int parse_state(struct policy *policy, const char *value, struct berth_error *err)
{
	size_t length = strlen(value);

	if (value[0] != '/' || length >= sizeof(policy->state))
		return berth_fail(err, BERTH_INVALID, 0, "\"%.64s\" is not an absolute path",
				  value);
	memcpy(policy->state, value, length + 1);
	return 0;
}

/* clang-format off */
const struct policy_row policy_rows[] = {
	{"allow-mount",   "PATH [ro|rw]", parse_allow_mount,   "what lies beneath PATH may be mounted; \"defaults\" names what is allowed without such a line"},
	{"allow-network", "host",         parse_allow_network, "runs may have the host's network"},
	{"max-cpu",       "CPUS",         parse_max_cpu,       "most CPUs of one run; a run without a limit is refused"},
	{"max-memory",    "BYTES",        parse_max_memory,    "likewise memory"},
	{"max-pids",      "COUNT",        parse_max_pids,      "likewise processes and threads"},
	{"max-disk",      "BYTES",        parse_max_disk,      "most bytes of one volume"},
	{"max-runs",      "COUNT",        parse_max_runs,      "most runs at once, with those that ended and are not recorded yet"},
	{"user",          "NAME",         parse_user,          "who the supervisor is"},
	{"state",         "DIR",          parse_state,         "the state directory"},
};

/* As images/host_image_table.c binds them; a test compares. */
const char *const policy_default_mounts[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl/certs", "/etc/fonts",
};
/* clang-format on */

const size_t policy_row_count = sizeof(policy_rows) / sizeof(policy_rows[0]);
const size_t policy_default_mount_count =
	sizeof(policy_default_mounts) / sizeof(policy_default_mounts[0]);
