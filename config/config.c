/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"
#include "config/check.h"
#include "config/read.h"
#include "config/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void config_free_node(struct config_node *node)
{
	free(node->port);
	free(node->cpus);
	free(node->addresses);
	free(node->gateways);
	free(node->control_group);
	explicit_bzero(node->secret, sizeof(node->secret));
}

static void config_free_pool(struct config_pool *pool)
{
	for (uint32_t i = 0; i < pool->check_count; i++) {
		free(pool->checks[i].target);
		free(pool->checks[i].path);
	}
	for (uint32_t i = 0; i < pool->instance_count; i++)
		free(pool->instances[i].name);
	free(pool->checks);
	free(pool->instances);
	free(pool->name);
}

static void config_free_service(struct config_service *service)
{
	for (uint32_t i = 0; i < service->listener_count; i++)
		free(service->listeners[i].pool_name);
	free(service->listeners);
	free(service->vips);
	free(service->name);
}

bool config_node_has_xdp(const struct config_node *node)
{
	return node->dataplane == CONFIG_DATAPLANE_XDP || config_node_has_both(node);
}

bool config_node_has_both(const struct config_node *node)
{
	return node->dataplane == CONFIG_DATAPLANE_AUTO && node->port_kind == CONFIG_PORT_INTERFACE;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	config_free_node(&config->node);
	for (uint32_t i = 0; i < config->pool_count; i++)
		config_free_pool(&config->pools[i]);
	for (uint32_t i = 0; i < config->service_count; i++)
		config_free_service(&config->services[i]);
	free(config->pools);
	free(config->services);
	free(config->file);
	free(config);
}

static int config_refuse_file(struct config_errors *errors, const char *what, int error)
{
	const struct config_place nowhere = { 0, 0 };

	config_error_add(errors, nowhere, NULL, NULL, "%s: %s", what, strerror(error));
	return -error;
}

static int config_load(const void *data, size_t size, struct config *config,
		       struct config_errors *errors)
{
	int rc, check_rc = 0;

	if (size > CONFIG_FILE_BYTES_MAX) {
		const struct config_place nowhere = { 0, 0 };

		config_error_add(errors, nowhere, NULL, NULL, "expected at most %u bytes",
				 CONFIG_FILE_BYTES_MAX);
		return -EINVAL;
	}
	rc = config_text_check(data, size, errors);
	if (rc)
		return rc;
	rc = config_read(data, size, config, errors);
	if (rc == 0 || rc == -ENOTSUP)
		check_rc = config_check(config, errors);
	if (rc == -ENOMEM)
		return config_refuse_file(errors, "cannot be kept", ENOMEM);
	return rc || check_rc ? -EINVAL : 0;
}

struct config *config_load_buffer(const void *data, size_t size, const char *name,
				  struct config_errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));
	int rc = -ENOMEM;

	config_errors_init(errors, name);
	if (config)
		config->file = strdup(name);
	if (config && config->file)
		rc = config_load(size ? data : "", size, config, errors);
	else
		config_refuse_file(errors, "cannot be kept", ENOMEM);
	if (rc == 0)
		return config;
	config_errors_sort(errors);
	config_free(config);
	errno = -rc;
	return NULL;
}

/* Read to the end, or one byte more than is allowed. Return: how many, or -errno. */
static ssize_t config_read_all(int file, char *data, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = read(file, data + used, size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

struct config *config_load_fd(int fd, const char *name, struct config_errors *errors)
{
	const size_t room = CONFIG_FILE_BYTES_MAX + 1;
	struct config *config = NULL;
	ssize_t size = -ENOMEM;
	char *data = NULL;
	int rc;

	config_errors_init(errors, name);
	data = malloc(room);
	if (data)
		size = config_read_all(fd, data, room);
	if (size < 0) {
		rc = config_refuse_file(errors, "cannot be read", (int)-size);
		goto out;
	}
	config = config_load_buffer(data, (size_t)size, name, errors);
	rc = config ? 0 : -errno;
	explicit_bzero(data, (size_t)size);
out:
	free(data);
	errno = -rc;
	return config;
}

static bool config_may_block(int file)
{
	struct stat status;

	return fstat(file, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* A daemon must not wait for who fills a pipe. */
struct config *config_load_file(const char *path, struct config_errors *errors)
{
	const struct config_place nowhere = { 0, 0 };
	struct config *config = NULL;
	int file, rc;

	config_errors_init(errors, path);
	file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0) {
		errno = -config_refuse_file(errors, "cannot be opened", errno);
		return NULL;
	}
	if (config_may_block(file)) {
		config_error_add(errors, nowhere, NULL, NULL, "expected a regular file");
		rc = -EINVAL;
	} else {
		config = config_load_fd(file, path, errors);
		rc = config ? 0 : -errno;
	}
	close(file);
	errno = -rc;
	return config;
}

const struct config_pool *config_pool_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->pool_count; i++)
		if (strcmp(config->pools[i].name, name) == 0)
			return &config->pools[i];
	return NULL;
}

const struct config_instance *config_instance_find(const struct config_pool *pool, const char *name)
{
	for (uint32_t i = 0; i < pool->instance_count; i++)
		if (strcmp(pool->instances[i].name, name) == 0)
			return &pool->instances[i];
	return NULL;
}
