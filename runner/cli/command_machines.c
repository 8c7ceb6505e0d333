/* SPDX-License-Identifier: Apache-2.0 */
/* berth machines. */
#include <inttypes.h>

#include "base/amount.h"
#include "base/json.h"
#include "machines/capacity.h"
#include "machines/machine.h"
#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"

struct catalogue {
	struct machine_list list;
	struct machine_capacity capacity;
};

static int load(struct catalogue *catalogue, struct berth_error *err)
{
	if (machine_host_capacity(&catalogue->capacity, err) < 0)
		return -1;
	return machine_list_load(NULL, NULL, &catalogue->list, err);
}

static bool fits(const struct catalogue *catalogue, const struct machine *machine)
{
	return machine_check_fit(&catalogue->list, machine->name, &machine->limits,
				 &catalogue->capacity, NULL) == 0;
}

static int print_json(const struct catalogue *catalogue)
{
	json_t *machines = json_array();

	for (size_t i = 0; i < catalogue->list.count; i++) {
		const struct machine *machine = &catalogue->list.machines[i];

		(void)json_array_append_new(
			machines,
			json_pack("{s:s,s:s,s:b,s:o}", "name", machine->name, "description",
				  machine->description, "fits", fits(catalogue, machine), "limits",
				  field_format_object(resource_limit_rows, resource_limit_row_count,
						      &machine->limits)));
	}
	return listing_print_json(json_pack("{s:o,s:{s:f,s:I}}", "machines", machines, "host",
					    "cpu", (double)catalogue->capacity.cpu_millis / 1000,
					    "memory",
					    (json_int_t)catalogue->capacity.memory_bytes));
}

static int add_machine(struct listing *listing, const struct catalogue *catalogue,
		       const struct machine *machine, struct berth_error *err)
{
	char cpu[AMOUNT_TEXT_SIZE], memory[AMOUNT_TEXT_SIZE], disk[AMOUNT_TEXT_SIZE];
	char tmpfs[AMOUNT_TEXT_SIZE], log[AMOUNT_TEXT_SIZE], pids[24];
	const char *const values[] = {
		machine->name,
		amount_format_cpu_millis(machine->limits.cpu_millis, cpu),
		amount_format_bytes(machine->limits.memory_bytes, memory),
		pids,
		amount_format_bytes(machine->limits.tmpfs_bytes, tmpfs),
		amount_format_bytes(machine->limits.disk_bytes, disk),
		amount_format_bytes(machine->limits.log_bytes, log),
		fits(catalogue, machine) ? "yes" : "no",
		machine->description,
	};

	(void)snprintf(pids, sizeof(pids), "%" PRId64, machine->limits.pids);
	return listing_add(listing, values, err);
}

static int print_table(const struct catalogue *catalogue, struct berth_error *err)
{
	static const char *const titles[] = {"NAME", "CPUS", "MEMORY", "PIDS", "TMPFS",
					     "DISK", "LOG",  "FITS",   "FOR",  NULL};
	struct listing *listing = listing_create(titles);
	int result = 0;

	if (!listing)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	for (size_t i = 0; result == 0 && i < catalogue->list.count; i++)
		result = add_machine(listing, catalogue, &catalogue->list.machines[i], err);
	if (result == 0)
		listing_print(listing);
	listing_destroy(listing);
	return result;
}

int command_machines(void *record, const struct option_arguments *arguments)
{
	const struct listing_options *options = record;
	struct catalogue catalogue = {0};
	struct berth_error err;
	int status = EXIT_DONE;

	(void)arguments;
	if (load(&catalogue, &err) < 0 || (!options->json && print_table(&catalogue, &err) < 0)) {
		complaint_print(&err, NULL);
		status = EXIT_BERTH;
	} else if (options->json) {
		status = print_json(&catalogue);
	}
	machine_list_finish(&catalogue.list);
	return status;
}
