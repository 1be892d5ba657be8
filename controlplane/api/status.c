/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/api/status.h"
#include "controlplane/api/status_internal.h"

#include "controlplane/api/daemon.h"
#include "controlplane/api/stats.h"
#include "controlplane/model/model.h"

static json_t *control_status_vips(const struct config_service *service)
{
	json_t *vips = json_array();
	char text[CONFIG_ADDRESS_STRLEN];

	for (uint32_t i = 0; vips != NULL && i < service->vip_count; i++)
		json_array_append_new(
			vips, json_string(config_address_format(&service->vips[i].address, text)));
	return vips;
}

static json_t *control_status_listeners(const struct config_service *service)
{
	json_t *listeners = json_array();

	for (uint32_t i = 0; listeners != NULL && i < service->listener_count; i++) {
		const struct config_listener *listener = &service->listeners[i];

		json_array_append_new(listeners,
				      json_pack("{s:i, s:i, s:s}", "port", (int)listener->port,
						"instance_port", (int)listener->instance_port,
						"pool", listener->pool_name));
	}
	return listeners;
}

/* A list of clients, if there is one. */
static void control_status_clients(json_t *object, const char *key,
				   const struct config_prefix *prefixes, uint32_t count)
{
	char text[CONFIG_NETWORK_STRLEN];
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(config_network_format(&prefixes[i], text)));
	if (count)
		json_object_set(object, key, list);
	json_decref(list);
}

static json_t *control_status_service(const struct control_daemon *daemon,
				      const struct config_service *service)
{
	const struct model_pool *out = model_vips_withdrawn_by(daemon->model, service);
	json_t *object = json_pack("{s:s, s:o, s:s, s:s, s:o, s:o}", "name", service->name, "vip",
				   control_status_vips(service), "forward",
				   config_forward_name(service->forward), "protocol",
				   config_protocol_name(service->protocol), "listeners",
				   control_status_listeners(service), "withdrawn_by",
				   out != NULL ? json_string(out->name) : json_null());

	if (lb_forward_has_port(service->forward))
		json_object_set_new(object, "gue_port", json_integer(service->gue_port));
	if (service->forward == LB_FORWARD_NAT)
		json_object_set_new(object, "source",
				    json_string(config_source_name(service->source)));
	control_status_clients(object, "allow_from", service->allow_from, service->allow_count);
	control_status_clients(object, "deny_from", service->deny_from, service->deny_count);
	return object;
}

static json_t *control_status_services(const struct control_daemon *daemon)
{
	const struct config *config = model_config(daemon->model);
	json_t *services = json_array();

	for (uint32_t i = 0; services != NULL && config != NULL && i < config->service_count; i++)
		json_array_append_new(services,
				      control_status_service(daemon, &config->services[i]));
	return services;
}

json_t *control_status_node_services_pools(struct control_daemon *daemon)
{
	return json_pack("{s:o, s:o, s:o}", "node", control_status_node(daemon), "services",
			 control_status_services(daemon), "pools", control_status_pools(daemon));
}

json_t *control_status_node_services(struct control_daemon *daemon)
{
	return json_pack("{s:o, s:o}", "node", control_status_node(daemon), "services",
			 control_status_services(daemon));
}

static json_t *control_status_reasons(const struct stats_node *figures)
{
	json_t *reasons = json_array();

	for (uint32_t i = 0; reasons != NULL && i < LB_DROP_COUNT; i++)
		json_array_append_new(reasons,
				      json_pack("{s:s, s:I, s:s}", "reason", stats_drop_name(i),
						"packets", (json_int_t)figures->drop[i], "text",
						stats_drop_text(i)));
	return reasons;
}

json_t *control_status_drops(struct control_daemon *daemon)
{
	struct stats_node figures;
	json_int_t balance;

	stats_node_get(daemon->stats, &figures);
	balance = (json_int_t)(figures.rx_pkts - figures.tx_pkts - figures.kernel_pkts -
			       figures.drops);
	return json_pack(
		"{s:b, s:I, s:I, s:I, s:I, s:o, s:I, s:{s:I, s:I}, s:{s:I, s:I, s:I, s:I}}",
		"running", figures.connected, "received", (json_int_t)figures.rx_pkts,
		"transmitted", (json_int_t)figures.tx_pkts, "kernel",
		(json_int_t)figures.kernel_pkts, "dropped", (json_int_t)figures.drops, "drops",
		control_status_reasons(&figures), "balance", balance, "from_kernel", "transmitted",
		(json_int_t)figures.from_kernel_pkts, "dropped",
		(json_int_t)figures.from_kernel_drops, "nic", "missed",
		(json_int_t)figures.node.nic_missed, "rx_errors",
		(json_int_t)figures.node.nic_rx_errors, "no_mbuf",
		(json_int_t)figures.node.nic_no_mbuf, "tx_errors",
		(json_int_t)figures.node.nic_tx_errors);
}
