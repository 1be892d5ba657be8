/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/elb/edit.h"
#include "controlplane/elb/vip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ELB's connection draining. */
#define ELB_DRAIN "5m"

const struct config_service *elb_service_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->service_count; i++)
		if (strcmp(config->services[i].name, name) == 0)
			return &config->services[i];
	return NULL;
}

/* A name that is the operator's. Return: 0, or -EINVAL and where it is. */
static int elb_refuse_own(const struct config *config, const char *name,
			  struct config_reason *reason)
{
	const struct config_service *service = elb_service_find(config, name);
	const struct config_pool *pool = config_pool_find(config, name);
	bool is_service = service && service->place.file == CONFIG_FILE_OWN;
	bool is_pool = pool && pool->place.file == CONFIG_FILE_OWN;

	if (!is_service && !is_pool)
		return 0;
	return config_error_reason(reason,
				   "%s.%s is in %s:%u; these commands change only what they have "
				   "created themselves, in %s",
				   is_service ? "services" : "pools", name, config->file,
				   is_service ? service->place.line : pool->place.line,
				   config->commands_file);
}

/* The pool of a load balancer in the file, or NULL and errno. */
static struct config_tree *elb_pool(struct config_tree *tree, const struct config *config,
				    const char *name, struct config_reason *reason)
{
	struct config_tree *pool;

	errno = EINVAL;
	if (elb_refuse_own(config, name, reason))
		return NULL;
	if (!config_tree_get(config_tree_get(tree, "services"), name)) {
		config_error_reason(reason, "There is no ACTIVE Load Balancer named '%s'", name);
		return NULL;
	}
	pool = config_tree_enter(tree, "pools", CONFIG_TREE_MAPPING);
	pool = pool ? config_tree_enter(pool, name, CONFIG_TREE_MAPPING) : NULL;
	if (!pool)
		errno = ENOMEM;
	return pool;
}

/* ---- Create ---- */

static struct config_tree *elb_listener(const char *pair, size_t length, const char *pool)
{
	struct config_tree *listener = config_tree_collection(CONFIG_TREE_MAPPING, true);
	size_t port_length = strcspn(pair, "/");
	char port[16], instance_port[16] = "";
	int err = listener ? 0 : -ENOMEM;

	if (port_length >= length)
		port_length = length;
	snprintf(port, sizeof(port), "%.*s", (int)port_length, pair);
	if (port_length < length)
		snprintf(instance_port, sizeof(instance_port), "%.*s",
			 (int)(length - port_length - 1), pair + port_length + 1);
	if (err == 0)
		err = config_tree_set_text(listener, "port", port);
	if (err == 0 && instance_port[0] && strcmp(port, instance_port) != 0)
		err = config_tree_set_text(listener, "instance_port", instance_port);
	if (err == 0)
		err = config_tree_set_text(listener, "pool", pool);
	if (err == 0)
		return listener;
	config_tree_free(listener);
	return NULL;
}

static int elb_add_listeners(struct config_tree *service, const struct elb_create *create)
{
	struct config_tree *list = config_tree_enter(service, "listeners", CONFIG_TREE_LIST);
	int err = list ? 0 : -ENOMEM;

	for (const char *at = create->listeners; err == 0 && *at;) {
		size_t length = strcspn(at, ",");

		err = config_tree_append(list, elb_listener(at, length, create->name));
		at += length + (at[length] == ',');
	}
	return err;
}

static int elb_add_vips(struct config_tree *service, const char *vips)
{
	struct config_tree *list = config_tree_collection(CONFIG_TREE_LIST, true);
	int err = list ? 0 : -ENOMEM;

	for (const char *at = vips; err == 0 && *at;) {
		size_t length = strcspn(at, ",");
		char *vip = strndup(at, length);

		err = vip ? config_tree_append(list, config_tree_scalar(vip)) : -ENOMEM;
		free(vip);
		at += length + (at[length] == ',');
	}
	if (err == 0)
		return config_tree_set(service, "vip", list);
	config_tree_free(list);
	return err;
}

/* The addresses of a service that exists, as --vip takes them. To be freed. */
static char *elb_vips_of(const struct config_service *service)
{
	char *text = NULL, address[CONFIG_ADDRESS_STRLEN];
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	for (uint32_t i = 0; i < service->vip_count; i++)
		fprintf(to, "%s%s", i ? "," : "",
			config_address_format(&service->vips[i].address, address));
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}

/* The addresses of the new service, to be freed; NULL and errno. */
static char *elb_choose_vips(const struct config *config, const struct elb_create *create,
			     struct config_reason *reason)
{
	const struct config_service *same = elb_service_find(config, create->name);
	char text[CONFIG_ADDRESS_STRLEN];
	struct config_address vip;

	errno = ENOMEM;
	if (create->vips)
		return strdup(create->vips);
	if (same)
		return elb_vips_of(same);
	if (elb_vip_choose(config, &vip) == 0)
		return strdup(config_address_format(&vip, text));
	config_error_reason(reason, config->node.vip_pool_count
					    ? "no address of node.vip_pool is free; give --vip"
					    : "there is no node.vip_pool; give --vip");
	errno = EINVAL;
	return NULL;
}

static struct config_tree *elb_service(const struct elb_create *create, const char *vips)
{
	struct config_tree *service = config_tree_collection(CONFIG_TREE_MAPPING, false);

	if (!service)
		return NULL;
	if (elb_add_vips(service, vips) == 0 &&
	    config_tree_set_text(service, "forward", create->forward) == 0 &&
	    elb_add_listeners(service, create) == 0)
		return service;
	config_tree_free(service);
	return NULL;
}

/* ELB's own default, TCP on the first instance port; a lone target marks it as one. */
static int elb_add_pool(struct config_tree *tree, const struct elb_create *create)
{
	struct config_tree *pools = config_tree_enter(tree, "pools", CONFIG_TREE_MAPPING);
	struct config_tree *pool =
		pools ? config_tree_enter(pools, create->name, CONFIG_TREE_MAPPING) : NULL;
	struct config_tree *check = config_tree_collection(CONFIG_TREE_MAPPING, true);
	size_t length = strcspn(create->listeners, ",");
	const char *slash = memchr(create->listeners, '/', length);
	const char *port = slash ? slash + 1 : create->listeners;
	struct config_tree *checks;
	char target[32];

	snprintf(target, sizeof(target), "TCP:%.*s", (int)(create->listeners + length - port),
		 port);
	if (!pool || !check || config_tree_set_text(pool, "drain", ELB_DRAIN) ||
	    config_tree_set_text(check, "target", target)) {
		config_tree_free(check);
		return -ENOMEM;
	}
	checks = config_tree_enter(pool, "checks", CONFIG_TREE_LIST);
	if (!checks || config_tree_append(checks, check)) {
		config_tree_free(check);
		return -ENOMEM;
	}
	return config_tree_enter(pool, "instances", CONFIG_TREE_MAPPING) ? 0 : -ENOMEM;
}

/* Whether two services are the same, as they would be written. */
static int elb_compare(const struct config_tree *a, const struct config_tree *b, bool *same)
{
	size_t size;
	char *left = config_tree_write(a, "", &size), *right = config_tree_write(b, "", &size);
	int err = left && right ? 0 : -ENOMEM;

	*same = err == 0 && strcmp(left, right) == 0;
	free(left);
	free(right);
	return err;
}

int elb_create(struct config_tree *tree, const struct config *config,
	       const struct elb_create *create, struct config_reason *reason)
{
	struct config_tree *services, *service = NULL, *old;
	bool same = false;
	char *vips;
	int err = elb_refuse_own(config, create->name, reason);

	if (err)
		return err;
	vips = elb_choose_vips(config, create, reason);
	if (!vips)
		return -errno;
	services = config_tree_enter(tree, "services", CONFIG_TREE_MAPPING);
	service = services ? elb_service(create, vips) : NULL;
	free(vips);
	if (!service)
		return -ENOMEM;
	old = config_tree_get(services, create->name);
	if (!old) {
		err = config_tree_set(services, create->name, service);
		return err ? err : elb_add_pool(tree, create);
	}
	err = elb_compare(old, service, &same);
	config_tree_free(service);
	if (err == 0 && !same)
		err = config_error_reason(reason,
					  "Load Balancer named %s already exists and it is "
					  "configured with different parameters",
					  create->name);
	return err;
}

int elb_delete(struct config_tree *tree, const struct config *config, const char *name,
	       struct config_reason *reason)
{
	struct config_tree *services = config_tree_get(tree, "services");
	struct config_tree *pools = config_tree_get(tree, "pools");
	int err = elb_refuse_own(config, name, reason);

	if (err)
		return err;
	if (!config_tree_get(services, name))
		return 0;
	config_tree_remove(services, config_tree_get(services, name));
	config_tree_remove(pools, config_tree_get(pools, name));
	return 0;
}

/* ---- Checks ---- */

static struct config_tree *elb_check_node(const struct elb_check *check)
{
	struct config_tree *node = config_tree_collection(CONFIG_TREE_MAPPING, true);
	char unhealthy[16], healthy[16];

	snprintf(unhealthy, sizeof(unhealthy), "%u", check->unhealthy);
	snprintf(healthy, sizeof(healthy), "%u", check->healthy);
	if (node && config_tree_set_text(node, "target", check->target) == 0 &&
	    config_tree_set_text(node, "interval", check->interval) == 0 &&
	    config_tree_set_text(node, "timeout", check->timeout) == 0 &&
	    config_tree_set_text(node, "unhealthy", unhealthy) == 0 &&
	    config_tree_set_text(node, "healthy", healthy) == 0)
		return node;
	config_tree_free(node);
	return NULL;
}

static bool elb_is_default(const struct config_tree *check)
{
	return config_tree_count(check) == 1 && config_tree_text(check, "target");
}

/* The entry of a list that is to be replaced, or NULL. */
static struct config_tree *elb_same_target(const struct config_tree *checks, const char *target)
{
	for (struct config_tree *at = checks->first; at; at = at->next) {
		const char *other = config_tree_text(at, "target");

		if (other && strcmp(other, target) == 0)
			return at;
	}
	return NULL;
}

int elb_configure(struct config_tree *tree, const struct config *config, const char *name,
		  const struct elb_check *check, struct config_reason *reason)
{
	struct config_tree *pool = elb_pool(tree, config, name, reason);
	struct config_tree *checks, *node, *same, **link;

	if (!pool)
		return -errno;
	checks = config_tree_enter(pool, "checks", CONFIG_TREE_LIST);
	node = checks ? elb_check_node(check) : NULL;
	if (!node)
		return -ENOMEM;
	if (check->only || (checks->first && !checks->first->next && elb_is_default(checks->first)))
		while (checks->first)
			config_tree_remove(checks, checks->first);
	same = elb_same_target(checks, check->target);
	for (link = &checks->first; *link && *link != same;)
		link = &(*link)->next;
	/* In its place, so that the order of the others stays. */
	node->next = *link;
	*link = node;
	config_tree_remove(checks, same);
	return 0;
}

/* ---- Instances ---- */

int elb_register(struct config_tree *tree, const struct config *config, const char *name,
		 const char *id, const struct config_address *address, struct config_reason *reason)
{
	struct config_tree *pool = elb_pool(tree, config, name, reason);
	struct config_tree *instances, *instance;
	char text[CONFIG_ADDRESS_STRLEN];

	if (!pool)
		return -errno;
	instances = config_tree_enter(pool, "instances", CONFIG_TREE_MAPPING);
	if (!instances)
		return -ENOMEM;
	instance = config_tree_get(instances, id);
	if (!instance) {
		instance = config_tree_collection(CONFIG_TREE_MAPPING, true);
		if (config_tree_set(instances, id, instance))
			return -ENOMEM;
	}
	return config_tree_set_text(instance, "address", config_address_format(address, text));
}

int elb_deregister(struct config_tree *tree, const struct config *config, const char *name,
		   const char *id, struct config_reason *reason)
{
	struct config_tree *pool = elb_pool(tree, config, name, reason);
	struct config_tree *instances = config_tree_get(pool, "instances");

	if (!pool)
		return -errno;
	config_tree_remove(instances, config_tree_get(instances, id));
	return 0;
}
