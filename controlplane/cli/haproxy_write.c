/* SPDX-License-Identifier: BSD-3-Clause */
/* Write what was read as a Sluice configuration, with comments for what has no equivalent. */
#include <stdlib.h>
#include <string.h>

#include "config/schema/field.h"
#include "config/schema/schema.h"
#include "controlplane/cli/haproxy_writer.h"

/* For binds to every address of the machine: addresses of documentation (RFC 5737, RFC 3849). */
#define VIP4_PLACEHOLDER "198.51.100.1"
#define VIP6_PLACEHOLDER "2001:db8::1"

/* Listeners of a service have the same addresses: one group of binds. */
struct group {
	const char *vips[CONFIG_ADDRESSES_MAX];
	uint32_t vip_count;
	const struct haproxy_proxy *from; /* and those of its binds to the first VIP */
};

static void write_notes(struct haproxy_writer *writer, const char *indent,
			const struct haproxy_notes *notes)
{
	for (uint32_t i = 0; i < notes->count; i++)
		haproxy_write_comment(writer, indent, notes->list[i].line, notes->list[i].text,
				      notes->list[i].reason);
}

/* Whether this version has a key, and whether it takes a value, which may be NULL. */
static bool schema_takes(enum config_section section, const char *key, const char *value,
			 struct config_reason *reason)
{
	const struct config_item *item = config_schema_find(section, key);
	const struct config_word *word = item ? item->words : NULL;

	config_error_reason(reason, "this version has no \"%s\"", key);
	if (!item || !value)
		return item != NULL;
	for (; word && word->name; word++)
		if (strcmp(word->name, value) == 0)
			return !word->refused;
	return false;
}

static bool forward_is_nat(const struct haproxy_writer *writer)
{
	struct config_reason reason;

	if (writer->wish->forward)
		return strcmp(writer->wish->forward, "nat") == 0;
	return schema_takes(CONFIG_SECTION_SERVICE, "forward", "nat", &reason);
}

static bool address_is_good(const char *text, struct config_reason *reason)
{
	struct config_instance instance = { .weight = 0 };
	const struct config_item *item = config_schema_find(CONFIG_SECTION_INSTANCE, "address");

	return config_item_parse(item, text, &instance, reason) == 0;
}

/* HAProxy's names may also have colons, and any length. */
static char *name_of(struct haproxy *haproxy, const char *text)
{
	struct config_reason unused;
	char *name = haproxy_keep(haproxy, *text ? text : "unnamed");

	if (strlen(name) > CONFIG_NAME_MAX)
		name[CONFIG_NAME_MAX] = '\0';
	if (*name == '-' || *name == '.')
		*name = 'x';
	for (char *c = name; *c; c++) {
		const char one[2] = { *c, '\0' };

		if (c != name && (*c == '-' || *c == '.'))
			continue;
		if (config_field_check_name(one, &unused))
			*c = '_';
	}
	return name;
}

static void write_name(struct haproxy_writer *writer, const char *indent, uint32_t line,
		       const char *text)
{
	const char *name = name_of(writer->haproxy, text);

	if (strcmp(name, text) != 0)
		haproxy_write_comment(
			writer, indent, line, text,
			"this name was changed: names have letters, digits, '.', '_' and '-'");
	fprintf(writer->to, "%s%s:", indent, name);
}

/* ---- Pools ---- */

/* Return: why a server cannot be an instance; NULL: it can. */
static const char *server_refusal(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
				  uint32_t index)
{
	const struct haproxy_server *server = &pool->servers[index];
	uint32_t bind_port = haproxy_pool_bind_port(writer->haproxy, pool);
	struct config_reason reason;

	if (!address_is_good(server->address, &reason))
		return haproxy_keep(writer->haproxy, reason.text);
	if (haproxy_server_port(server, bind_port) !=
	    haproxy_pool_port(writer->haproxy, pool, bind_port))
		return "all instances of a pool have the same port, that of the first one";
	for (uint32_t i = 0; i < index; i++) {
		const struct haproxy_server *other = &pool->servers[i];

		if (strcmp(other->address, server->address) == 0)
			return "is also the address of another instance of the pool";
		if (strcmp(name_of(writer->haproxy, other->name),
			   name_of(writer->haproxy, server->name)) == 0)
			return "is also the name of another instance of the pool";
	}
	return NULL;
}

static bool pool_has_weights(const struct haproxy_proxy *pool)
{
	for (uint32_t i = 1; i < pool->server_count; i++)
		if (pool->servers[i].weight != pool->servers[0].weight)
			return true;
	return pool->server_count > 0 && pool->servers[0].weight == 0;
}

static void note_server(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			const struct haproxy_server *server)
{
	const struct haproxy_check *check = haproxy_pool_check(pool);
	struct config_reason reason;

	write_notes(writer, "      ", &server->notes);
	haproxy_note_agent(writer, pool, server);
	if (check && !server->check.enabled)
		haproxy_write_comment(writer, "      ", server->line, "no check",
				      "a pool's instances are all checked alike");
	else if (check && !haproxy_check_is_same(check, &server->check))
		haproxy_write_comment(writer, "      ", server->line,
				      "another check than the first server's",
				      "a pool's instances are all checked alike");
	if (server->maxconn && !schema_takes(CONFIG_SECTION_INSTANCE, "maxconn", NULL, &reason))
		haproxy_write_comment(writer, "      ", server->line, "maxconn",
				      "connections are not counted to a limit");
	if (server->proxy_v2 && !forward_is_nat(writer))
		haproxy_write_comment(writer, "      ", server->line, "send-proxy-v2",
				      "needs `forward: nat`");
}

static void write_server(struct haproxy_writer *writer, const struct haproxy_proxy *pool,
			 uint32_t index)
{
	const struct haproxy_server *server = &pool->servers[index];
	const char *refusal = server_refusal(writer, pool, index);
	struct config_reason reason;
	char text[256];

	note_server(writer, pool, server);
	if (refusal) {
		snprintf(text, sizeof(text), "server %s %s", server->name, server->address);
		haproxy_write_comment(writer, "      ", server->line, text, refusal);
		return;
	}
	if (!writer->any)
		fprintf(writer->to, "    instances:\n");
	writer->any = true;
	write_name(writer, "      ", server->line, server->name);
	fprintf(writer->to, " { address: ");
	haproxy_write_quoted(writer, server->address);
	if (server->disabled || pool_has_weights(pool))
		fprintf(writer->to, ", weight: %u", server->disabled ? 0 : server->weight);
	if (haproxy_server_agent(server) && !haproxy_pool_agent(pool))
		fprintf(writer->to, ", agent: %u", haproxy_server_agent(server));
	if (server->backup)
		fprintf(writer->to, ", backup: true");
	if (server->maxconn && schema_takes(CONFIG_SECTION_INSTANCE, "maxconn", NULL, &reason))
		fprintf(writer->to, ", maxconn: %u", server->maxconn);
	fprintf(writer->to, " }\n");
}

static void write_pool_keys(struct haproxy_writer *writer, const struct haproxy_proxy *pool)
{
	uint32_t slow_ms = 0, backups = 0;
	bool proxy_v2 = false;
	struct config_reason reason;

	for (uint32_t i = 0; i < pool->server_count; i++) {
		if (pool->servers[i].slow_start_ms > slow_ms)
			slow_ms = pool->servers[i].slow_start_ms;
		backups += pool->servers[i].backup;
		proxy_v2 |= pool->servers[i].proxy_v2;
	}
	if (backups > 1 && !pool->all_backups)
		haproxy_write_comment(writer, "    ", pool->line, "several backup servers",
				      "all of them take flows, as with \"option allbackups\"");
	if (proxy_v2 && forward_is_nat(writer))
		fprintf(writer->to, "    proxy_protocol: v2\n");
	if (!slow_ms)
		return;
	if (schema_takes(CONFIG_SECTION_POOL, "slow_start", NULL, &reason))
		fprintf(writer->to, "    slow_start: %ums\n",
			haproxy_clamp(slow_ms, 1000, 3600000));
	else
		haproxy_write_comment(writer, "    ", pool->line, "slowstart", reason.text);
}

static void write_pool(struct haproxy_writer *writer, const struct haproxy_proxy *pool)
{
	write_name(writer, "  ", pool->line, pool->name);
	fprintf(writer->to, "\n");
	if (pool->kind == HAPROXY_BACKEND)
		write_notes(writer, "    ", &pool->notes);
	write_pool_keys(writer, pool);
	haproxy_write_agents(writer, pool);
	haproxy_write_check(writer, pool);
	writer->any = false;
	for (uint32_t i = 0; i < pool->server_count; i++)
		write_server(writer, pool, i);
	if (!writer->any)
		fprintf(writer->to, "    instances: {}\n");
}

static void write_pools(struct haproxy_writer *writer)
{
	struct haproxy *haproxy = writer->haproxy;
	bool any = false;

	for (uint32_t i = 0; i < haproxy->proxy_count; i++) {
		const struct haproxy_proxy *proxy = &haproxy->proxies[i];

		if (!haproxy_is_pool(proxy))
			continue;
		fprintf(writer->to, any ? "\n" : "pools:\n");
		any = true;
		if (haproxy_pool_find(haproxy, proxy->name) != proxy)
			haproxy_write_comment(writer, "  ", proxy->line, proxy->name,
					      "a second pool of this name is left out");
		else
			write_pool(writer, proxy);
	}
	if (!any)
		fprintf(writer->to, "pools: {}\n");
}

/* ---- Services ---- */

static const char *bind_vip(const struct haproxy_writer *writer, const struct haproxy_bind *bind)
{
	if (*bind->address)
		return bind->address;
	if (bind->ipv6)
		return VIP6_PLACEHOLDER;
	return writer->wish->vip ? writer->wish->vip : VIP4_PLACEHOLDER;
}

static bool proxy_has_port(const struct haproxy_writer *writer, const struct haproxy_proxy *proxy,
			   const char *vip, uint32_t port)
{
	for (uint32_t i = 0; i < proxy->bind_count; i++)
		if (strcmp(bind_vip(writer, &proxy->binds[i]), vip) == 0 &&
		    port >= proxy->binds[i].first && port <= proxy->binds[i].last)
			return true;
	return false;
}

static bool vips_are_alike(const struct haproxy_writer *writer, const struct haproxy_proxy *proxy,
			   const char *a, const char *b)
{
	for (uint32_t i = 0; i < proxy->bind_count; i++)
		for (uint32_t port = proxy->binds[i].first; port <= proxy->binds[i].last; port++)
			if (proxy_has_port(writer, proxy, a, port) !=
			    proxy_has_port(writer, proxy, b, port))
				return false;
	return true;
}

/* Whether an earlier proxy has this port of this VIP. */
static bool is_taken(const struct haproxy_writer *writer, const struct haproxy_proxy *proxy,
		     const char *vip, uint32_t port)
{
	for (const struct haproxy_proxy *other = writer->haproxy->proxies; other < proxy; other++)
		if (other->kind != HAPROXY_DEFAULTS && other->kind != HAPROXY_BACKEND &&
		    proxy_has_port(writer, other, vip, port))
			return true;
	return false;
}

/* Return: why there can be no such listener; NULL: there can. */
static const char *listener_refusal(const struct haproxy_writer *writer, const struct group *group,
				    const struct haproxy_proxy *pool, uint32_t port)
{
	for (uint32_t i = 0; i < group->vip_count; i++)
		if (is_taken(writer, group->from, group->vips[i], port))
			return "another service has this port of this VIP";
	if (!forward_is_nat(writer) && haproxy_pool_port(writer->haproxy, pool, port) != port)
		return "instances have another port, for which \"forward: nat\" is needed";
	return NULL;
}

static void write_listener(struct haproxy_writer *writer, const struct group *group,
			   const struct haproxy_proxy *pool, const struct haproxy_bind *bind,
			   uint32_t port)
{
	const char *refusal = listener_refusal(writer, group, pool, port);
	uint32_t to = haproxy_pool_port(writer->haproxy, pool, port);
	char text[64];

	if (refusal) {
		snprintf(text, sizeof(text), "{ port: %u, instance_port: %u }", port, to);
		haproxy_write_comment(writer, "      ", bind->line, text, refusal);
		return;
	}
	fprintf(writer->to, "      - { port: %u, ", port);
	if (to != port)
		fprintf(writer->to, "instance_port: %u, ", to);
	fprintf(writer->to, "pool: %s }\n", name_of(writer->haproxy, pool->name));
}

static bool group_is_good(struct haproxy_writer *writer, const struct group *group,
			  const struct haproxy_proxy *pool, const char **why)
{
	struct config_reason reason;
	bool any = false;

	for (uint32_t i = 0; i < group->vip_count; i++) {
		if (address_is_good(group->vips[i], &reason))
			continue;
		*why = haproxy_keep(writer->haproxy, reason.text);
		return false;
	}
	*why = "another service has these ports of these VIPs";
	for (uint32_t i = 0; i < group->from->bind_count; i++) {
		const struct haproxy_bind *bind = &group->from->binds[i];

		if (strcmp(bind_vip(writer, bind), group->vips[0]) != 0)
			continue;
		for (uint32_t port = bind->first; port <= bind->last; port++) {
			const char *refusal = listener_refusal(writer, group, pool, port);

			any |= !refusal;
			*why = refusal ? refusal : *why;
		}
	}
	return any;
}

static void write_group(struct haproxy_writer *writer, const struct group *group,
			const struct haproxy_proxy *pool, uint32_t number)
{
	const struct haproxy_proxy *from = group->from;
	const char *why;
	char name[256];

	snprintf(name, sizeof(name), number > 1 ? "%.56s-%u" : "%s", from->name, number);
	if (!group_is_good(writer, group, pool, &why)) {
		haproxy_write_comment(writer, "  ", from->line, name, why);
		return;
	}
	if (!writer->any)
		fprintf(writer->to, "services:\n");
	writer->any = true;
	write_name(writer, "  ", from->line, name);
	fprintf(writer->to, "\n    vip: [");
	for (uint32_t i = 0; i < group->vip_count; i++) {
		fprintf(writer->to, i ? ", " : "");
		haproxy_write_quoted(writer, group->vips[i]);
	}
	fprintf(writer->to, "]\n    forward: %s\n",
		writer->wish->forward	 ? writer->wish->forward
		: forward_is_nat(writer) ? "nat"
					 : "l2");
	fprintf(writer->to, "    listeners:\n");
	for (uint32_t i = 0; i < from->bind_count; i++) {
		const struct haproxy_bind *bind = &from->binds[i];

		if (strcmp(bind_vip(writer, bind), group->vips[0]) != 0)
			continue;
		for (uint32_t port = bind->first; port <= bind->last; port++)
			write_listener(writer, group, pool, bind, port);
	}
}

static bool group_has(const struct group *group, const char *vip)
{
	for (uint32_t i = 0; i < group->vip_count; i++)
		if (strcmp(group->vips[i], vip) == 0)
			return true;
	return false;
}

/* Addresses with the same ports are one service. */
static void write_groups(struct haproxy_writer *writer, const struct haproxy_proxy *proxy,
			 const struct haproxy_proxy *pool)
{
	struct group done = { .vip_count = 0 };
	uint32_t number = 0;

	for (uint32_t i = 0; i < proxy->bind_count; i++) {
		const char *first = bind_vip(writer, &proxy->binds[i]);
		struct group group = { .from = proxy };

		if (group_has(&done, first))
			continue;
		for (uint32_t j = i; j < proxy->bind_count; j++) {
			const char *vip = bind_vip(writer, &proxy->binds[j]);

			if (!group_has(&group, vip) && group.vip_count < CONFIG_ADDRESSES_MAX &&
			    done.vip_count < CONFIG_ADDRESSES_MAX &&
			    vips_are_alike(writer, proxy, first, vip)) {
				group.vips[group.vip_count++] = vip;
				done.vips[done.vip_count++] = vip;
			}
		}
		if (group.vip_count)
			write_group(writer, &group, pool, ++number);
		else
			haproxy_write_comment(writer, "  ", proxy->binds[i].line, first,
					      "more addresses than a service is converted with");
	}
}

static void write_service(struct haproxy_writer *writer, struct haproxy_proxy *proxy)
{
	const struct haproxy_proxy *pool = haproxy_pool_of(writer->haproxy, proxy);

	fprintf(writer->to, "\n");
	write_notes(writer, "  ", &proxy->notes);
	for (uint32_t i = 0; i < proxy->bind_count; i++)
		if (!*proxy->binds[i].address && (proxy->binds[i].ipv6 || !writer->wish->vip))
			haproxy_write_comment(
				writer, "  ", proxy->binds[i].line,
				"bind to every address of the machine",
				"a VIP is an address of its own; change the one below");
	if (!pool)
		haproxy_write_comment(
			writer, "  ", proxy->line, proxy->name,
			"has no server and no default_backend: there is nothing to send to");
	else if (proxy->bind_count == 0)
		haproxy_write_comment(writer, "  ", proxy->line, proxy->name,
				      "has no address to bind to");
	else
		write_groups(writer, proxy, pool);
}

static void write_services(struct haproxy_writer *writer)
{
	struct haproxy *haproxy = writer->haproxy;

	writer->any = false;
	for (uint32_t i = 0; i < haproxy->proxy_count; i++)
		if (haproxy->proxies[i].kind == HAPROXY_LISTEN ||
		    haproxy->proxies[i].kind == HAPROXY_FRONTEND)
			write_service(writer, &haproxy->proxies[i]);
	if (!writer->any)
		fprintf(writer->to, "\nservices: {}\n");
}

void haproxy_write(struct haproxy *haproxy, const struct haproxy_wish *wish, FILE *to)
{
	struct haproxy_writer writer = { .haproxy = haproxy, .wish = wish, .to = to };

	fprintf(to,
		"# From %s, by sluicectl config from-haproxy. A comment with a line number is a line "
		"that has\n# no equivalent, or not in whole, and the reason.\n\n",
		haproxy->file);
	write_notes(&writer, "", &haproxy->notes);
	for (uint32_t i = 0; i < haproxy->proxy_count; i++)
		if (haproxy->proxies[i].kind == HAPROXY_DEFAULTS)
			write_notes(&writer, "", &haproxy->proxies[i].notes);
	if (wish->node)
		fputs(wish->node, to);
	else
		fputs("# This machine: dataplane, port, cpus, address, gateway and secret are to be "
		      "filled in;\n# see \"node\" in docs/config.md.\nnode: {}\n",
		      to);
	fputs("\n", to);
	write_pools(&writer);
	write_services(&writer);
}
