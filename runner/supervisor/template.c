/* SPDX-License-Identifier: Apache-2.0 */
/* A definition was checked when it was deployed: here it is only read, and turned into the options
 * that `berth run` would have been given. */
#include "runner/supervisor/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

struct template_cache {
	struct installation installation;
	char bundles[PATH_MAX];
	struct run_template *templates;
	size_t count;
	uint64_t uses;
};

int template_cache_create(const struct installation *installation, const char *bundles,
			  struct template_cache **ret_cache, struct berth_error *err)
{
	struct template_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "templates");
	cache->installation = *installation;
	if (snprintf(cache->bundles, sizeof(cache->bundles), "%s", bundles) >=
	    (int)sizeof(cache->bundles)) {
		free(cache);
		return berth_fail(err, BERTH_LIMIT, ENAMETOOLONG, "%.100s", bundles);
	}
	*ret_cache = cache;
	return 0;
}

static void template_destroy(struct run_template *template)
{
	run_plan_destroy(template->plan);
	string_list_finish_borrowed(&template->options.extensions);
	string_list_finish_borrowed(&template->options.mounts);
	string_list_finish_borrowed(&template->options.environment);
	free(template->command);
	string_list_finish_owned(&template->words);
	free(template);
}

void template_cache_destroy(struct template_cache *cache)
{
	if (!cache)
		return;
	while (cache->templates) {
		struct run_template *next = cache->templates->next;

		template_destroy(cache->templates);
		cache->templates = next;
	}
	free(cache);
}

/* A copy of a member's text that lives as long as the template; NULL when there is none. */
static int keep_text(struct run_template *template, const json_t *value, char **ret_text,
		     struct berth_error *err)
{
	if (!json_is_string(value))
		return 0;
	*ret_text = string_list_add_format(&template->words, err, "%s", json_string_value(value));
	return *ret_text ? 0 : -1;
}

static int keep_list(struct run_template *template, const json_t *array, struct string_list *list,
		     struct berth_error *err)
{
	size_t index;
	json_t *item;

	json_array_foreach (array, index, item) {
		char *text = NULL;

		if (keep_text(template, item, &text, err) < 0 ||
		    (text && string_list_add_borrowed(list, text, err) < 0))
			return -1;
	}
	return 0;
}

static int keep_environment(struct run_template *template, json_t *variables,
			    struct berth_error *err)
{
	const char *name;
	json_t *value;

	json_object_foreach (variables, name, value) {
		char *text = string_list_add_format(&template->words, err, "%s=%s", name,
						    json_string_value(value) ?: "");

		if (!text ||
		    string_list_add_borrowed(&template->options.environment, text, err) < 0)
			return -1;
	}
	return 0;
}

static int keep_command(struct run_template *template, const json_t *definition,
			struct berth_error *err)
{
	const json_t *command = json_object_get(definition, "command");
	const char *program = json_string_value(json_object_get(definition, "program"));
	size_t count = program ? 1 : json_array_size(command);

	template->command = calloc(count + 1, sizeof(*template->command));
	if (!template->command)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "template");
	template->options.command = template->command;
	if (program) {
		template->command[0] = string_list_add_format(
			&template->words, err, "%s%s", *program == '/' ? "" : TEMPLATE_APP_PATH "/",
			program);
		return template->command[0] ? 0 : -1;
	}
	for (size_t i = 0; i < count; i++)
		if (keep_text(template, json_array_get(command, i), &template->command[i], err) < 0)
			return -1;
	return 0;
}

static int keep_bundle(struct run_template *template, const struct engine_launch *launch,
		       struct berth_error *err)
{
	char *text;

	if (!launch->bundle || !*launch->bundle)
		return 0;
	text = string_list_add_format(&template->words, err, "%s/%s:%s:ro",
				      template->cache->bundles, launch->bundle, TEMPLATE_APP_PATH);
	if (!text || string_list_add_borrowed(&template->options.mounts, text, err) < 0)
		return -1;
	if (!template->options.cwd)
		template->options.cwd =
			string_list_add_format(&template->words, err, "%s", TEMPLATE_APP_PATH);
	return template->options.cwd ? 0 : -1;
}

static int read_definition(struct run_template *template, const json_t *definition,
			   const struct engine_launch *launch, struct berth_error *err)
{
	struct run_options *options = &template->options;
	const char *network = json_string_value(json_object_get(definition, "network"));

	options->machine = template->machine;
	options->network = network && strcmp(network, "host") == 0 ? SANDBOX_NETWORK_HOST
								   : SANDBOX_NETWORK_NONE;
	options->attempts = 1; /* the engine's business */
	options->checkpoint_files = json_is_true(json_object_get(definition, "checkpointFiles"));
	options->name = string_list_add_format(&template->words, err, "%s", launch->task);
	if (!options->name ||
	    keep_text(template, json_object_get(definition, "image"), &options->image, err) < 0)
		return -1;
	if (json_is_true(json_object_get(definition, "builtin"))) {
		options->task = options->name;
		return 0;
	}
	if (keep_text(template, json_object_get(definition, "cwd"), &options->cwd, err) < 0 ||
	    keep_list(template, json_object_get(definition, "extensions"), &options->extensions,
		      err) < 0 ||
	    keep_list(template, json_object_get(definition, "mounts"), &options->mounts, err) < 0 ||
	    limit_overrides_parse(json_object_get(definition, "limits"), &options->limits, err) <
		    0 ||
	    keep_environment(template, json_object_get(definition, "env"), err) < 0 ||
	    keep_command(template, definition, err) < 0)
		return -1;
	return keep_bundle(template, launch, err);
}

static int template_create(struct template_cache *cache, const struct engine_launch *launch,
			   struct run_template **ret_template, struct berth_error *err)
{
	AUTO_JSON json_t *definition = NULL;
	struct run_template *template = calloc(1, sizeof(*template));

	if (!template)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "template");
	template->cache = cache;
	template->definition_id = launch->definition_id;
	(void)snprintf(template->machine, sizeof(template->machine), "%s", launch->machine);
	if (json_parse(launch->definition, strlen(launch->definition), &definition, err) < 0 ||
	    read_definition(template, definition, launch, err) < 0 ||
	    run_plan_create(&template->options, &cache->installation, &template->plan, err) < 0) {
		template_destroy(template);
		return -1;
	}
	template->next = cache->templates;
	cache->templates = template;
	cache->count++;
	*ret_template = template;
	return 0;
}

static void drop_oldest(struct template_cache *cache)
{
	struct run_template **oldest = NULL;

	for (struct run_template **at = &cache->templates; *at; at = &(*at)->next)
		if ((*at)->users == 0 && (!oldest || (*at)->last_use < (*oldest)->last_use))
			oldest = at;
	if (oldest) {
		struct run_template *gone = *oldest;

		*oldest = gone->next;
		cache->count--;
		template_destroy(gone);
	}
}

int template_get(struct template_cache *cache, const struct engine_launch *launch,
		 struct run_template **ret_template, struct berth_error *err)
{
	struct run_template *found = NULL;

	for (struct run_template *at = cache->templates; at && !found; at = at->next)
		if (at->definition_id == launch->definition_id &&
		    strcmp(at->machine, launch->machine) == 0)
			found = at;
	if (!found && cache->count >= TEMPLATES_MAX)
		drop_oldest(cache);
	if (!found && template_create(cache, launch, &found, err) < 0)
		return -1;
	found->users++;
	found->last_use = ++cache->uses;
	*ret_template = found;
	return 0;
}

void template_release(struct run_template *template)
{
	if (template)
		template->users--;
}
