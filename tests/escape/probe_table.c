/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of escape attempts, in the order they run. One more attempt is one more row there. */
#include "tests/escape/probe.h"

const struct probe_group *const probe_groups[] = {
	&probe_controls,    &probe_namespaces, &probe_mounts,      &probe_files,   &probe_proc,
	&probe_devices,     &probe_syscalls,   &probe_entries,     &probe_network, &probe_processes,
	&probe_credentials, &probe_resources,  &probe_descriptors,
};
const size_t probe_group_count = sizeof(probe_groups) / sizeof(probe_groups[0]);
