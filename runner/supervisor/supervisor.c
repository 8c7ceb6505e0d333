/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending a supervisor. */
#include "runner/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "runner/deploy/deploy_bundle.h"
#include "runner/supervisor/template.h"

#define SAY_SIZE 600

void supervisor_say(const char *format, ...)
{
	char text[SAY_SIZE], safe[2 * SAY_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)text_sanitize(text, strlen(text), safe, sizeof(safe));
	(void)dprintf(STDERR_FILENO, "berth: %s\n", safe); /* nobody reads it: nobody to tell */
}

static int open_below(int state_fd, const char *name, int *ret_fd, struct berth_error *err)
{
	if (mkdirat(state_fd, name, 0700) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", name);
	*ret_fd = openat(state_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? berth_fail(err, BERTH_SYSTEM, errno, "open %s", name) : 0;
}

static int open_state(struct supervisor *supervisor, struct berth_error *err)
{
	const char *path = supervisor->state;

	supervisor->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (supervisor->state_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the state directory %s", path);
	if (open_below(supervisor->state_fd, "logs", &supervisor->logs_fd, err) < 0 ||
	    open_below(supervisor->state_fd, "bundles", &supervisor->bundles_fd, err) < 0)
		return berth_fail_context(err, "%s", path);
	/* what deployments and removals left that were killed: nobody deploys yet */
	if (deploy_bundle_sweep(supervisor->bundles_fd, err) < 0 ||
	    deploy_bundle_sweep_aside(supervisor->bundles_fd, err) < 0)
		return -1;
	return 0;
}

static int open_settings(struct supervisor *supervisor, const struct supervisor_options *options,
			 struct berth_error *err)
{
	if (settings_load(options->config, &supervisor->settings, err) < 0 ||
	    settings_for_engine(&supervisor->settings, &supervisor->engine_settings, err) < 0 ||
	    machine_list_load(NULL, NULL, &supervisor->machines, err) < 0)
		return -1;
	supervisor->engine_settings.machines = &supervisor->machines;
	return installation_find(&supervisor->installation, err);
}

static int create_templates(struct supervisor *supervisor, struct berth_error *err)
{
	AUTO_FREE char *absolute = realpath(supervisor->state, NULL);
	char bundles[PATH_MAX];

	if (!absolute)
		return berth_fail(err, BERTH_SYSTEM, errno, "resolve %s", supervisor->state);
	if (snprintf(bundles, sizeof(bundles), "%s/bundles", absolute) >= (int)sizeof(bundles))
		return berth_fail(err, BERTH_LIMIT, ENAMETOOLONG, "%.100s", absolute);
	return template_cache_create(&supervisor->installation, bundles, &supervisor->templates,
				     err);
}

static int create_live(struct supervisor *supervisor, struct berth_error *err)
{
	supervisor->services = (struct live_services){
		.loop = supervisor->loop,
		.engine = supervisor->engine,
		.launcher = supervisor->launcher,
		.templates = supervisor->templates,
		.followers = supervisor->followers,
		.workers = supervisor->workers,
		.settings = &supervisor->settings,
		.log_directory = supervisor->logs_fd,
		.is_leaving = &supervisor->is_leaving,
		.on_gone = supervisor_on_gone,
		.on_awake = supervisor_on_awake,
		.owner = supervisor,
	};
	return live_table_create(&supervisor->services, &supervisor->live, err);
}

static int start_engine(struct supervisor *supervisor, struct berth_error *err)
{
	return engine_thread_start(supervisor->loop,
				   &(struct engine_thread_options){
					   .state_directory = supervisor->state,
					   .settings = &supervisor->engine_settings,
					   .on_news = supervisor_on_news,
					   .on_answered = supervisor_on_answered,
					   .on_health = supervisor_on_health,
					   .owner = supervisor,
				   },
				   &supervisor->engine, err);
}

static int connect_launcher(struct supervisor *supervisor, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	if (launcher_client_find_descriptor(&fd, err) < 0 ||
	    launcher_client_create(supervisor->loop, fd, &supervisor_launcher_handlers, supervisor,
				   &supervisor->launcher, err) < 0)
		return -1;
	(void)steal_fd(&fd);
	return 0;
}

static int create(struct supervisor *supervisor, const struct supervisor_options *options,
		  struct berth_error *err)
{
	supervisor->state = options->state;
	supervisor->started_ns = clock_realtime_ns();
	supervisor_backend_init(supervisor);
	if (open_settings(supervisor, options, err) < 0 || open_state(supervisor, err) < 0 ||
	    loop_create(&supervisor->loop, err) < 0 ||
	    workers_create(supervisor->loop, &supervisor->workers, err) < 0 ||
	    followers_create(&supervisor->followers, err) < 0 ||
	    create_templates(supervisor, err) < 0 || start_engine(supervisor, err) < 0 ||
	    connect_launcher(supervisor, err) < 0)
		return -1;
	supervisor->backend.logs_directory = supervisor->logs_fd;
	supervisor->backend.bundles_directory = supervisor->bundles_fd;
	return create_live(supervisor, err);
}

/* The threads first: their work names what is freed after it. */
static void finish(struct supervisor *supervisor)
{
	supervisor->is_leaving = true;
	engine_thread_stop(supervisor->engine);
	workers_destroy(supervisor->workers);
	control_server_destroy(supervisor->server);
	live_table_destroy(supervisor->live);
	launcher_client_destroy(supervisor->launcher);
	template_cache_destroy(supervisor->templates);
	followers_destroy(supervisor->followers);
	loop_destroy(supervisor->loop);
	machine_list_finish(&supervisor->machines);
	close_fd(&supervisor->listen_fd);
	close_fd(&supervisor->bundles_fd);
	close_fd(&supervisor->logs_fd);
	close_fd(&supervisor->state_fd);
}

int supervisor_run(const struct supervisor_options *options, struct berth_error *err)
{
	struct supervisor supervisor = {
		.listen_fd = options->listen_fd,
		.state_fd = -1,
		.logs_fd = -1,
		.bundles_fd = -1,
	};
	int result = create(&supervisor, options, err);

	if (result == 0)
		result = loop_run(supervisor.loop, err);
	/* replaced or bereaved, there is nothing to wait for: what counts is committed */
	if (result == 0 && (supervisor.is_replaced || supervisor.has_drained))
		_exit(EXIT_SUCCESS);
	finish(&supervisor);
	return result;
}
