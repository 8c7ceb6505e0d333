/* SPDX-License-Identifier: Apache-2.0 */
/* One row an option of berth-launcher. */
#include <stdlib.h>

#include "runner/launcher/launcher_options.h"
#include "sandbox/cgroup_pool.h"

#define DRAIN_SECONDS_MAX 86400
#define DESCRIPTOR_MAX    1048576

static int set_number(const char *value, int64_t max, int64_t *target, struct berth_error *err)
{
	char *end = NULL;
	long long number = strtoll(value, &end, 10);

	if (end == value || *end || number < 0 || number > max)
		return berth_fail(err, BERTH_INVALID, 0, "\"%.32s\" is not a number from 0 to %jd",
				  value, (intmax_t)max);
	*target = number;
	return 0;
}

#define TEXT_SETTER(member)                                                                        \
	static int set_##member(struct launcher_options *options, const char *value,               \
				struct berth_error *err)                                           \
	{                                                                                          \
		(void)err;                                                                         \
		options->member = value;                                                           \
		return 0;                                                                          \
	}
TEXT_SETTER(config)
TEXT_SETTER(state)
TEXT_SETTER(user)
TEXT_SETTER(supervisor)
TEXT_SETTER(runtime)
TEXT_SETTER(cgroup)
TEXT_SETTER(check)

#define FLAG_SETTER(member)                                                                        \
	static int set_##member(struct launcher_options *options, const char *value,               \
				struct berth_error *err)                                           \
	{                                                                                          \
		(void)value;                                                                       \
		(void)err;                                                                         \
		options->member = true;                                                            \
		return 0;                                                                          \
	}
FLAG_SETTER(help)
FLAG_SETTER(version)

static int set_pool(struct launcher_options *options, const char *value, struct berth_error *err)
{
	return set_number(value, CGROUP_POOL_MAX, &options->pool, err);
}

static int set_drain(struct launcher_options *options, const char *value, struct berth_error *err)
{
	return set_number(value, DRAIN_SECONDS_MAX, &options->drain_seconds, err);
}

static int set_resume(struct launcher_options *options, const char *value, struct berth_error *err)
{
	return set_number(value, DESCRIPTOR_MAX, &options->resume_fd, err);
}

/* clang-format off */
const struct launcher_option_row launcher_option_rows[] = {
	{"config",     "FILE",    "what the operator allows, launcher.conf; without it, the defaults",         set_config,     false},
	{"state",      "DIR",     "the state directory, over the file's",                                      set_state,      false},
	{"user",       "NAME",    "who the supervisor is, over the file's; berth",                             set_user,       false},
	{"supervisor", "PROGRAM", "berth-supervisor beside this program",                                      set_supervisor, false},
	{"pool",       "COUNT",   "namespaces and control groups kept ready; 8",                               set_pool,       false},
	{"cgroup",     "DRIVER",  "auto, v2, v1 or none",                                                      set_cgroup,     false},
	{"runtime",    "DIR",     "where id ranges are locked; /run/berth",                                    set_runtime,    false},
	{"drain",      "SECONDS", "how long SIGTERM waits for the supervisor before it kills what runs; 60",   set_drain,      false},
	{"help",       NULL,      "show this",                                                                 set_help,       false},
	{"version",    NULL,      "show the version",                                                          set_version,    false},
	{"check",      "VERSION", "exit with 0 when this program takes over from one of that version",         set_check,      true },
	{"resume",     "FD",      "take over",                                                                 set_resume,     true },
};
/* clang-format on */

const size_t launcher_option_row_count =
	sizeof(launcher_option_rows) / sizeof(launcher_option_rows[0]);
