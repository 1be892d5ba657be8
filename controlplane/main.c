/* SPDX-License-Identifier: BSD-3-Clause */
/* sluiced: the control plane. */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "config/base/run_dir.h"
#include "config/base/version.h"
#include "controlplane/api/ops_model.h"
#include "controlplane/api/server.h"
#include "controlplane/api/stats.h"
#include "controlplane/commands.h"
#include "controlplane/detach.h"
#include "controlplane/health/adapter.h"
#include "controlplane/health/flaps.h"
#include "controlplane/model/model.h"
#include "controlplane/net/next_hops.h"
#include "controlplane/net/path_mtu.h"
#include "controlplane/notes.h"
#include "controlplane/options.h"
#include "controlplane/owner.h"
#include "controlplane/privileges.h"
#include "controlplane/publish/publish.h"
#include "controlplane/sluiced.h"
#include "controlplane/state/leaving.h"
#include "controlplane/state/state.h"
#include "controlplane/tick.h"
#include "controlplane/versions.h"
#include "controlplane/web/clients.h"
#include "controlplane/web/web.h"

#define TICK_MS 100

/* A running dataplane answers within microseconds; one that is still starting gets this long. */
#define ADOPT_TIMEOUT_MS 1000

/* Another dataplane may have another kernel interface. */
static void on_link(void *arg, bool connected)
{
	struct sluiced *sluiced = arg;
	char name[sizeof(((struct lb_segment *)NULL)->kernel_iface) + 1] = "";

	notes_dataplane(sluiced, connected);
	if (sluiced->checks && !connected)
		checks_pause(sluiced->checks);
	else if (sluiced->checks)
		checks_resume_later(sluiced->checks);
	if (!connected)
		sluiced->is_published = false;
	if (sluiced->neighbours && !connected)
		neighbours_set_published(sluiced->neighbours, false);
	if (!connected || !sluiced->neighbours)
		return;
	tick_published_follow(sluiced);
	memcpy(name, publish_segment(sluiced->publish)->kernel_iface, sizeof(name) - 1);
	neighbours_set_iface(sluiced->neighbours, name);
}

/* ---- Parts, in start order ---- */

static int lock_start(struct sluiced *sluiced)
{
	char why[256];

	sluiced->lock_fd =
		run_dir_claim(sluiced->run_dir, "sluiced", "sluiced.pid", why, sizeof(why));
	if (sluiced->lock_fd >= 0)
		return 0;
	log_err("%s", why);
	return sluiced->lock_fd;
}

static void lock_stop(struct sluiced *sluiced)
{
	run_dir_release(sluiced->lock_fd);
}

static int base_start(struct sluiced *sluiced)
{
	sluiced->base = event_base_new();
	return sluiced->base ? 0 : -ENOMEM;
}

static void base_stop(struct sluiced *sluiced)
{
	event_base_free(sluiced->base);
}

static int state_start(struct sluiced *sluiced)
{
	sluiced->state = state_open(sluiced->state_dir);
	if (!sluiced->state)
		return -errno;
	sluiced->leaving = leaving_open(sluiced->state_dir);
	if (sluiced->leaving)
		return 0;
	state_close(sluiced->state);
	return -ENOMEM;
}

static void state_stop(struct sluiced *sluiced)
{
	state_close(sluiced->state);
	leaving_close(sluiced->leaving);
}

static void version_stop(struct sluiced *sluiced)
{
	versions_close(sluiced->versions);
}

/* The file's configuration, or one that is in force instead of it. */
static struct config *model_config_first(struct sluiced *sluiced)
{
	struct config *config = sluiced_config_load(sluiced);
	char why[sizeof(sluiced->config_problem)];

	/* Of a saved copy nothing is known. */
	if (!config || strcmp(config->file, sluiced->config_path) != 0)
		return config;
	config = versions_start(sluiced->versions, config, why, sizeof(why));
	if (why[0])
		sluiced_config_refused(sluiced, why);
	return config;
}

static int model_start(struct sluiced *sluiced)
{
	struct config *config = model_config_first(sluiced);
	struct control_apply_refusal refusal;
	int err;

	if (!config)
		return -EINVAL;
	sluiced->model = model_create(&owner_ops, sluiced);
	if (!sluiced->model) {
		config_free(config);
		return -ENOMEM;
	}
	err = sluiced_apply(sluiced, config, true, &refusal);
	if (err) {
		log_err("%s: %s", sluiced->config_path, refusal.message);
		config_free(config);
		model_destroy(sluiced->model);
		return err;
	}
	versions_started(sluiced->versions);
	if (!sluiced->config_problem[0])
		sluiced_config_accepted(sluiced);
	return 0;
}

static int privileges_start(struct sluiced *sluiced)
{
	return privileges_keep(&model_config(sluiced->model)->node);
}

static void model_stop(struct sluiced *sluiced)
{
	owner_tick(sluiced);
	model_destroy(sluiced->model);
}

static void flaps_stop(struct sluiced *sluiced)
{
	flaps_destroy(sluiced->flaps);
	sluiced->flaps = NULL;
}

/* Adopts what runs, so it comes before the checks, which continue from there. */
static int publish_start(struct sluiced *sluiced)
{
	const struct publish_options options = {
		.base = sluiced->base,
		.model = sluiced->model,
		.run_dir = sluiced->run_dir,
		.link_changed = on_link,
		.arg = sluiced,
	};

	sluiced->publish = publish_create(&options);
	if (!sluiced->publish)
		return -errno;
	publish_connect(sluiced->publish, ADOPT_TIMEOUT_MS);
	return 0;
}

static void publish_stop(struct sluiced *sluiced)
{
	publish_destroy(sluiced->publish);
	sluiced->publish = NULL;
}

static int stats_start(struct sluiced *sluiced)
{
	sluiced->stats = stats_create(sluiced->base, sluiced->publish);
	return sluiced->stats ? 0 : -errno;
}

static void stats_stop(struct sluiced *sluiced)
{
	stats_destroy(sluiced->stats);
}

static void on_iface_ready(void *arg)
{
	struct sluiced *sluiced = arg;

	if (sluiced->checks && publish_segment(sluiced->publish))
		checks_resume(sluiced->checks);
}

static int neighbours_start(struct sluiced *sluiced)
{
	const struct neighbours_options options = {
		.base = sluiced->base,
		.model = sluiced->model,
		.ready = on_iface_ready,
		.arg = sluiced,
	};

	sluiced->neighbours = neighbours_create(&options);
	if (!sluiced->neighbours)
		return -errno;
	if (publish_segment(sluiced->publish))
		on_link(sluiced, true);
	return 0;
}

static void neighbours_stop(struct sluiced *sluiced)
{
	neighbours_destroy(sluiced->neighbours);
	sluiced->neighbours = NULL;
}

static int path_mtu_start(struct sluiced *sluiced)
{
	sluiced->path_mtu = path_mtu_create(sluiced->base, sluiced->model);
	return sluiced->path_mtu ? 0 : -errno;
}

static void path_mtu_stop(struct sluiced *sluiced)
{
	path_mtu_destroy(sluiced->path_mtu);
}

static int checks_start(struct sluiced *sluiced)
{
	const struct checks_options options = {
		.base = sluiced->base,
		.model = sluiced->model,
		.state_dir = sluiced->state_dir,
		.clients = CONTROL_CLIENTS_MAX + WEB_CLIENTS_MAX,
		.events = sluiced->events,
		.flaps = sluiced->flaps,
		.connected = publish_segment(sluiced->publish) != NULL,
	};

	sluiced->checks = checks_create(&options);
	if (!sluiced->checks)
		return -errno;
	owner_instances_start(sluiced);
	return 0;
}

static void checks_stop(struct sluiced *sluiced)
{
	checks_destroy(sluiced->checks);
	sluiced->checks = NULL;
}

static int control_apply(void *arg, struct config *config, const struct control_apply *request,
			 struct control_apply_refusal *refusal)
{
	const struct sluiced *sluiced = arg;

	return versions_apply(sluiced->versions, config, request, refusal);
}

static int control_confirm(void *arg, const struct control_actor *actor)
{
	const struct sluiced *sluiced = arg;

	return versions_confirm(sluiced->versions, actor);
}

static uint64_t control_generation(void *arg)
{
	const struct sluiced *sluiced = arg;

	return versions_generation(sluiced->versions);
}

static int64_t control_left_ms(void *arg)
{
	const struct sluiced *sluiced = arg;

	return versions_left_ms(sluiced->versions);
}

static int control_edit(void *arg, const struct control_edit *edit, bool *changed,
			struct control_refusal *refusal)
{
	return commands_edit(arg, edit, changed, refusal);
}

static void control_accepted(void *arg)
{
	sluiced_config_accepted(arg);
}

static void control_refused(void *arg, const struct control_actor *actor, const char *file,
			    bool is_own, const char *why)
{
	struct sluiced *sluiced = arg;

	if (is_own)
		sluiced_config_refused(sluiced, why);
	versions_refused(sluiced->versions, actor, file, why);
}

static const char *control_ailment(void *arg)
{
	const struct sluiced *sluiced = arg;

	return sluiced->ailment;
}

static const struct control_daemon_ops control_ops = {
	.apply = control_apply,
	.edit = control_edit,
	.confirm = control_confirm,
	.generation = control_generation,
	.left_ms = control_left_ms,
	.accepted = control_accepted,
	.refused = control_refused,
	.ailment = control_ailment,
};

static int control_start(struct sluiced *sluiced)
{
	sluiced->control = (struct control_daemon){
		.ops = &control_ops,
		.ops_arg = sluiced,
		.base = sluiced->base,
		.config_path = sluiced->config_path,
		.commands_path = sluiced->commands_path,
		.run_dir = sluiced->run_dir,
		.config_problem = sluiced->config_problem,
		.events = sluiced->events,
		.history = versions_history(sluiced->versions),
		.started_ms = sluiced->started_ms,
		.applied = &sluiced->applied,
		.applied_unix = &sluiced->applied_unix,
		.model = sluiced->model,
		.state = sluiced->state,
		.stats = sluiced->stats,
		.publish = sluiced->publish,
		.health = checks_health(sluiced->checks),
		.flaps = sluiced->flaps,
		.path_mtu = sluiced->path_mtu,
		.doctor = &sluiced->doctor,
		.spread = &sluiced->spread,
		.replies = &sluiced->replies,
		.mtu_note = sluiced->mtu_note,
		.nat_note = sluiced->nat_note,
	};
	return control_model_start(&sluiced->control);
}

static void control_stop(struct sluiced *sluiced)
{
	control_model_stop(&sluiced->control);
}

static int web_start(struct sluiced *sluiced)
{
	sluiced->web = web_create(sluiced->base, &sluiced->control);
	if (!sluiced->web)
		return -errno;
	web_configure(sluiced->web, &model_config(sluiced->model)->node);
	return 0;
}

static void web_stop(struct sluiced *sluiced)
{
	web_destroy(sluiced->web);
	sluiced->web = NULL;
	doctor_watch_fini(&sluiced->doctor);
}

static const struct part {
	const char *name;
	bool explains;			       /* logs itself why it cannot start */
	int (*start)(struct sluiced *sluiced); /* 0 or -errno */
	void (*stop)(struct sluiced *sluiced); /* may be NULL */
} parts[] = {
	{ "lock", true, lock_start, lock_stop },
	{ "event loop", false, base_start, base_stop },
	{ "state", false, state_start, state_stop },
	{ "events", false, notes_start, notes_stop },
	{ "versions", false, sluiced_versions_open, version_stop },
	{ "model", true, model_start, model_stop },
	{ "privileges", false, privileges_start, NULL },
	{ "flap control", false, owner_flaps_start, flaps_stop },
	{ "publisher", false, publish_start, publish_stop },
	{ "statistics", false, stats_start, stats_stop },
	{ "next hops", false, neighbours_start, neighbours_stop },
	{ "path MTUs", false, path_mtu_start, path_mtu_stop },
	{ "checks", false, checks_start, checks_stop },
	{ "control", false, control_start, control_stop },
	{ "metrics", false, web_start, web_stop },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void parts_stop(struct sluiced *sluiced, size_t started)
{
	while (started-- > 0)
		if (parts[started].stop)
			parts[started].stop(sluiced);
}

static int parts_start(struct sluiced *sluiced)
{
	for (size_t i = 0; i < PARTS; i++) {
		int err = parts[i].start(sluiced);

		if (!err)
			continue;
		if (!parts[i].explains || err == -ENOMEM)
			log_err("cannot start: %s: %s", parts[i].name, strerror(-err));
		parts_stop(sluiced, i);
		return err;
	}
	return 0;
}

/* ---- Running ---- */

static void on_end(evutil_socket_t signal_number, short what, void *arg)
{
	struct sluiced *sluiced = arg;

	(void)what;
	log_info("%s: stopping; forwarding continues", strsignal((int)signal_number));
	notes_process(sluiced, "stopping", strsignal((int)signal_number));
	event_base_loopbreak(sluiced->base);
}

static void on_reload(evutil_socket_t signal_number, short what, void *arg)
{
	(void)signal_number;
	(void)what;
	sd_notify(0, "RELOADING=1");
	sluiced_reload(arg);
	sd_notify(0, "READY=1");
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tick_run(arg);
}

static int run(struct sluiced *sluiced)
{
	const struct timeval tick = { .tv_usec = TICK_MS * 1000 };
	struct event *events[] = {
		evsignal_new(sluiced->base, SIGTERM, on_end, sluiced),
		evsignal_new(sluiced->base, SIGINT, on_end, sluiced),
		evsignal_new(sluiced->base, SIGHUP, on_reload, sluiced),
		event_new(sluiced->base, -1, EV_PERSIST, on_tick, sluiced),
	};
	const size_t n = sizeof(events) / sizeof(events[0]);
	int err = 0;

	for (size_t i = 0; i < n; i++)
		if (!events[i] || event_add(events[i], i + 1 == n ? &tick : NULL))
			err = -ENOMEM;
	if (!err) {
		tick_watchdog_prepare(sluiced);
		log_info("sluiced %s: ready", SLUICE_VERSION);
		notes_process(sluiced, "started", SLUICE_VERSION);
		sd_notify(0, "READY=1");
		err = event_base_dispatch(sluiced->base) < 0 ? -EIO : 0;
		sd_notify(0, "STOPPING=1");
	}
	for (size_t i = 0; i < n; i++)
		if (events[i])
			event_free(events[i]);
	return err;
}

int main(int argc, char **argv)
{
	static struct sluiced sluiced = { .lock_fd = -1 };
	int err, code = options_read(&sluiced, argc, argv);

	if (code >= 0)
		return code;
	if (sluiced.detach)
		return detach_run(&sluiced) ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_DONE;
	sluiced.started_ms = clock_now_ms();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (parts_start(&sluiced))
		return OPTIONS_EXIT_FAILED;
	err = run(&sluiced);
	parts_stop(&sluiced, PARTS);
	return err ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_DONE;
}
