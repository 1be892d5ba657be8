/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/verbs.h"

#include <unistd.h>

#include "config/base/version.h"
#include "config/load/load.h"
#include "controlplane/api/call.h"
#include "controlplane/api/daemon.h"
#include "controlplane/api/protocol.h"
#include "controlplane/api/status.h"
#include "controlplane/events/events.h"
#include "controlplane/flows/endpoint.h"
#include "controlplane/flows/scan.h"
#include "controlplane/state/history.h"

/* A list of names, addresses or ports. */
#define CONTROL_ELB_TEXT_MAX (32u << 10)

static void control_ping_run(struct control_call *call)
{
	control_call_done(call, json_pack("{s:s, s:I}", "version", SLUICE_VERSION, "pid",
					  (json_int_t)getpid()));
}

static void control_status_run(struct control_call *call)
{
	struct control_daemon *daemon = call->ops_arg;

	publish_refresh(daemon->publish);
	control_call_done(call, control_status_node_services_pools(daemon));
}

static void control_drops_run(struct control_call *call)
{
	struct control_daemon *daemon = call->ops_arg;

	publish_refresh(daemon->publish);
	control_call_done(call, control_status_drops(daemon));
}

/*
 * Contents of their results:
 *
 *   ping          version, pid
 *   status        node, services, pools
 *   drops         counters, drop reasons
 *   drain, maint, resume: see api/admin.c
 *   weight        weight, config_weight; without the argument nothing is changed
 *   events        see api/events.c
 *   config-diff   changes, plan; without name and text of the daemon's own file
 *   config-apply  the same, and configuration, its number; force: even if it removes nearly
 *                 everything
 *   config-rollback, config-confirm, history: see api/history.c
 *   config-show   lines; see api/show.c
 *   explain       see flows/answer.h
 *   flows         see api/flows.c
 *   clients       see api/clients.c
 *   capture       see api/capture.c
 *   elb-*         see api/elb_describe.h
 */
const struct control_verb control_verbs[] = {
	{ .name = "ping", .run = control_ping_run },
	{ .name = "status", .run = control_status_run },
	{ .name = "drops", .run = control_drops_run },
	{ .name = "drain",
	  .arguments = { { "instance", CONTROL_INSTANCE },
			 { "wait_ms", CONTROL_NUMBER, .max = CONTROL_WAIT_MAX_MS, .waits = true } },
	  .changes = true,
	  .run = control_drain_run },
	{ .name = "maint",
	  .arguments = { { "instance", CONTROL_INSTANCE } },
	  .changes = true,
	  .run = control_maint_run },
	{ .name = "resume",
	  .arguments = { { "instance", CONTROL_INSTANCE } },
	  .changes = true,
	  .run = control_resume_run },
	{ .name = "weight",
	  .arguments = { { "instance", CONTROL_INSTANCE },
			 { "weight", CONTROL_NUMBER, .max = CONFIG_WEIGHT_MAX, .word = "default",
			   .changes = true } },
	  .run = control_weight_run },
	{ .name = "events",
	  .arguments = { { "follow", CONTROL_FLAG, .waits = true },
			 { "since_ms", CONTROL_NUMBER, .max = UINT32_MAX },
			 { "object", CONTROL_TEXT, .max = MODEL_PATH_MAX },
			 { "last", CONTROL_NUMBER, .max = EVENTS_MAX } },
	  .run = control_events_run },
	{ .name = "config-diff",
	  .arguments = { { "name", CONTROL_TEXT, .with = "text" },
			 { "text", CONTROL_TEXT, .max = CONFIG_FILE_BYTES_MAX } },
	  .is_large = true,
	  .run = control_config_diff_run },
	{ .name = "config-apply",
	  .arguments = { { "name", CONTROL_TEXT, .with = "text" },
			 { "text", CONTROL_TEXT, .max = CONFIG_FILE_BYTES_MAX },
			 { "force", CONTROL_FLAG },
			 { "confirm_ms", CONTROL_NUMBER, .max = CONTROL_CONFIRM_MAX_MS } },
	  .changes = true,
	  .is_large = true,
	  .run = control_config_apply_run },
	{ .name = "config-rollback",
	  .arguments = { { "back", CONTROL_NUMBER, .max = HISTORY_MAX - 1 },
			 { "force", CONTROL_FLAG } },
	  .changes = true,
	  .run = control_config_rollback_run },
	{ .name = "config-confirm", .changes = true, .run = control_config_confirm_run },
	{ .name = "history", .run = control_history_run },
	{ .name = "config-show", .run = control_config_show_run },
	{ .name = "explain",
	  .arguments = { { "client", CONTROL_TEXT, .max = ENDPOINT_STRLEN, .with = "vip" },
			 { "vip", CONTROL_TEXT, .max = ENDPOINT_STRLEN },
			 { "at", CONTROL_NUMBER, .max = HISTORY_MAX - 1 },
			 { "reverse", CONTROL_TEXT, .max = MODEL_PATH_MAX + 8 } },
	  .run = control_explain_run },
	{ .name = "flows",
	  .arguments = { { "instance", CONTROL_TEXT, .max = MODEL_PATH_MAX },
			 { "client", CONTROL_TEXT, .max = CONFIG_ADDRESS_STRLEN },
			 { "service", CONTROL_TEXT, .max = CONFIG_NAME_MAX },
			 { "older_ms", CONTROL_NUMBER, .max = UINT16_MAX * LB_FLOW_TICK_MS },
			 { "limit", CONTROL_NUMBER, .max = SCAN_LIST_MAX } },
	  .run = control_flows_run },
	{ .name = "clients", .run = control_clients_run },
	{ .name = "capture",
	  .arguments = { { "follow", CONTROL_FLAG, .waits = true },
			 { "drops", CONTROL_FLAG },
			 { "reason", CONTROL_TEXT, .max = LB_NAME_MAX },
			 { "instance", CONTROL_TEXT, .max = MODEL_PATH_MAX },
			 { "client", CONTROL_TEXT, .max = CONFIG_ADDRESS_STRLEN } },
	  .changes = true,
	  .run = control_capture_run },
	{ .name = "elb-create-lb",
	  .arguments = { { "name", CONTROL_NAME },
			 { "listeners", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX },
			 { "forward", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX },
			 { "vip", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX } },
	  .changes = true,
	  .run = control_elb_create_run },
	{ .name = "elb-delete-lb",
	  .arguments = { { "name", CONTROL_NAME } },
	  .changes = true,
	  .run = control_elb_delete_run },
	{ .name = "elb-describe-lbs",
	  .arguments = { { "names", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX } },
	  .run = control_elb_describe_run },
	{ .name = "elb-configure-healthcheck",
	  .arguments = { { "name", CONTROL_NAME },
			 { "target", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX },
			 { "interval", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX },
			 { "timeout", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX },
			 { "unhealthy", CONTROL_NUMBER, .max = UINT16_MAX },
			 { "healthy", CONTROL_NUMBER, .max = UINT16_MAX },
			 { "only", CONTROL_FLAG } },
	  .changes = true,
	  .run = control_elb_configure_run },
	{ .name = "elb-register-instances-with-lb",
	  .arguments = { { "name", CONTROL_NAME },
			 { "instances", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX } },
	  .changes = true,
	  .run = control_elb_register_run },
	{ .name = "elb-deregister-instances-from-lb",
	  .arguments = { { "name", CONTROL_NAME },
			 { "instances", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX } },
	  .changes = true,
	  .run = control_elb_deregister_run },
	{ .name = "elb-describe-instance-health",
	  .arguments = { { "name", CONTROL_NAME },
			 { "instances", CONTROL_TEXT, .max = CONTROL_ELB_TEXT_MAX } },
	  .run = control_elb_health_run },
	{ 0 },
};
