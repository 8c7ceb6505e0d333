/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts: every form, every refusal, and what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/amount.h"

typedef int parse_function(const char *text, uint64_t *ret_value, struct berth_error *err);

struct parse_row {
	const char *text;
	uint64_t value;
};

static void check_parses(parse_function *parse, const struct parse_row *rows, size_t count)
{
	struct berth_error err = {0};
	uint64_t value;

	for (size_t i = 0; i < count; i++) {
		if (parse(rows[i].text, &value, &err) < 0)
			fail_msg("%s", err.message);
		if (value != rows[i].value)
			fail_msg("%s gave %llu", rows[i].text, (unsigned long long)value);
	}
}

static void check_refusals(parse_function *parse, const char *const *texts, size_t count)
{
	struct berth_error err;
	uint64_t value = 77;

	for (size_t i = 0; i < count; i++) {
		if (parse(texts[i], &value, &err) == 0)
			fail_msg("\"%s\" was taken", texts[i]);
		assert_int_equal(err.code, BERTH_INVALID);
		assert_int_equal(err.message[0], '"');
		assert_int_equal(value, 77);
	}
}

#define PARSES(parse, rows)   check_parses(parse, rows, sizeof(rows) / sizeof((rows)[0]))
#define REFUSES(parse, texts) check_refusals(parse, texts, sizeof(texts) / sizeof((texts)[0]))

static void parses_bytes(void **state)
{
	static const struct parse_row rows[] = {
		{"0",                   0                      },
		{"17B",                 17                     },
		{"1048576",             1048576                },
		{"512K",                524288                 },
		{"512k",                524288                 },
		{"64MiB",               67108864               },
		{"1.5G",                1610612736             },
		{"10GB",                UINT64_C(10737418240)  },
		{"2T",                  UINT64_C(2199023255552)},
		{"0.1K",                103                    }, /* 102.4, rounded up */
		{"0.000000001K",        1                      },
		{"9223372036854775807", UINT64_MAX / 2         },
		{"8388607T",            UINT64_C(8388607) << 40},
	};
	static const char *const bad[] = {
		"",
		" 1",
		"1 ",
		"-1",
		"+1",
		"1.5",
		"1.",
		".5",
		"x",
		"1X",
		"1KK",
		"1iB",
		"1Ki",
		"0x10",
		"1e3",
		"1,5",
		"1.5.5",
		"1M ",
		"8388608T",
		"9223372036854775808",
		"99999999999999999999",
		"1.0000000001K",
		"1\x1b[31m",
	};

	(void)state;
	PARSES(amount_parse_bytes, rows);
	REFUSES(amount_parse_bytes, bad);
}

static void parses_durations(void **state)
{
	static const struct parse_row rows[] = {
		{"0",             0                     },
		{"90",            90000                 },
		{"1.5",           1500                  },
		{"250ms",         250                   },
		{"90s",           90000                 },
		{"1h30m",         5400000               },
		{"30m1h",         5400000               },
		{"1hr",           3600000               },
		{"2d",            172800000             },
		{"1w",            604800000             },
		{"1w1d1h1m1s1ms", 694861001             },
		{"1.5s",          1500                  },
		{"0.0001s",       1                     }, /* never rounded to "no limit" */
		{"3650d",         UINT64_C(315360000000)},
	};
	static const char *const bad[] = {
		"",     "s",      "-1s",           "1 h",     "1h 30m",  "1h30",
		"1hh",  "1h1h",   "1h1hr",         "1.5h30m", "1h1.5m",  "1x",
		"1M",   "1H",     "3651d",         "522w",    "1h3650d", "99999999999999999999s",
		"1s\n", "1ms1ms", "1.0000000000s",
	};

	(void)state;
	PARSES(amount_parse_duration_ms, rows);
	REFUSES(amount_parse_duration_ms, bad);
}

static void parses_cpus(void **state)
{
	static const struct parse_row rows[] = {
		{"2",        2000   },
                {"0.25",     250    },
                {"500m",     500    },
                {"1m",       1      },
		{"0.001",    1      },
                {"4096",     4096000},
                {"1.500000", 1500   },
	};
	static const char *const bad[] = {
		"",     "0",        "0m", "0.0001", "0.2505", "-1",  "2.5m", "4096.001",
		"4097", "5000000m", "1c", "1 ",     "m",      "1mm", "1.",
	};

	(void)state;
	PARSES(amount_parse_cpu_millis, rows);
	REFUSES(amount_parse_cpu_millis, bad);
}

static void escapes_what_it_refuses(void **state)
{
	char long_text[5000];
	struct berth_error err;
	uint64_t value;

	(void)state;
	assert_int_equal(amount_parse_bytes("1\x1b[2J\n", &value, &err), -1);
	assert_null(strchr(err.message, '\x1b'));
	assert_null(strchr(err.message, '\n'));
	memset(long_text, '9', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(amount_parse_bytes(long_text, &value, &err), -1);
	assert_non_null(strstr(err.message, "is not a size"));
}

static void formats_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0,          "0 B"    },
		{17,         "17 B"   },
		{1023,       "1023 B" },
		{1024,       "1 KiB"  },
		{1536,       "1.5 KiB"},
		{536870912,  "512 MiB"},
		{1610612736, "1.5 GiB"},
		{1048575,    "1 MiB"  }, /* 1023.999 KiB is never "1024 KiB" */
		{UINT64_MAX, "16 EiB" },
	};
	char text[AMOUNT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(amount_format_bytes(rows[i].bytes, text), rows[i].text);
}

static void formats_durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0,               "0 ms"     },
		{400000,          "0.4 ms"   },
		{1250000,         "1.3 ms"   },
		{83000000,        "83 ms"    },
		{999499999,       "999 ms"   },
		{999500000,       "1 s"      },
		{4200000000,      "4.2 s"    },
		{59949999999,     "59.9 s"   },
		{59950000000,     "1 m"      },
		{200000000000,    "3 m 20 s" },
		{3599499999999,   "59 m 59 s"},
		{3599500000000,   "1 h"      },
		{7500000000000,   "2 h 5 m"  },
		{86400000000000,  "1 d"      },
		{277200000000000, "3 d 5 h"  },
		{UINT64_MAX,      "213504 d" },
	};
	char text[AMOUNT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(amount_format_duration_ns(rows[i].ns, text), rows[i].text);
}

static void formats_cpus(void **state)
{
	char text[AMOUNT_TEXT_SIZE];

	(void)state;
	assert_string_equal(amount_format_cpu_millis(0, text), "0");
	assert_string_equal(amount_format_cpu_millis(250, text), "0.25");
	assert_string_equal(amount_format_cpu_millis(2000, text), "2");
	assert_string_equal(amount_format_cpu_millis(10001, text), "10.001");
	assert_string_equal(amount_format_cpu_millis(100000, text), "100");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_bytes),  cmocka_unit_test(parses_durations),
		cmocka_unit_test(parses_cpus),   cmocka_unit_test(escapes_what_it_refuses),
		cmocka_unit_test(formats_bytes), cmocka_unit_test(formats_durations),
		cmocka_unit_test(formats_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
