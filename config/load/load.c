/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load/load.h"
#include "config/load/read.h"
#include "config/load/text.h"
#include "config/load/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/base/file.h"

/* A file not modified for this long is taken to be complete. */
#define CONFIG_QUIET_MS 20
#define CONFIG_READS_MAX 10

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
	config->text = malloc(size + 1);
	config->bytes = size;
	if (!config->text)
		return config_refuse_file(errors, "cannot be stored", ENOMEM);
	memcpy(config->text, data, size);
	config->text[size] = '\0';
	rc = config_read(data, size, config, errors);
	if (rc == 0 || rc == -ENOTSUP)
		check_rc = config_validate(config, errors);
	if (rc == -ENOMEM)
		return config_refuse_file(errors, "cannot be stored", ENOMEM);
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
		config_refuse_file(errors, "cannot be stored", ENOMEM);
	if (rc == 0)
		return config;
	config_errors_sort(errors);
	config_free(config);
	errno = -rc;
	return NULL;
}

/* Return: size of @data, to be wiped and freed by the caller; or -errno. */
static ssize_t config_read_fd(int fd, char **data)
{
	const size_t room = CONFIG_FILE_BYTES_MAX + 1;

	*data = malloc(room);
	return *data ? file_read(fd, *data, room) : -ENOMEM;
}

/* @size: of @data, or -errno. Frees the data. */
static struct config *config_load_read(char *data, ssize_t size, const char *name,
				       struct config_errors *errors)
{
	struct config *config = NULL;
	int rc;

	if (size < 0) {
		rc = config_refuse_file(errors, "cannot be read", (int)-size);
	} else {
		config = config_load_buffer(data, (size_t)size, name, errors);
		rc = config ? 0 : -errno;
		explicit_bzero(data, (size_t)size);
	}
	free(data);
	errno = -rc;
	return config;
}

struct config *config_load_fd(int fd, const char *name, struct config_errors *errors)
{
	char *data;
	ssize_t size;

	config_errors_init(errors, name);
	size = config_read_fd(fd, &data);
	return config_load_read(data, size, name, errors);
}

static bool config_may_block(const struct stat *status)
{
	return !S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode);
}

/*
 * A daemon must not block until a pipe is written. Return: a descriptor, or -errno and the error.
 */
static int config_open(const char *path, struct stat *status, struct config_errors *errors)
{
	const struct config_place nowhere = { 0, 0 };
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (file < 0)
		return config_refuse_file(errors, "cannot be opened", errno);
	if (fstat(file, status) == 0 && !config_may_block(status))
		return file;
	config_error_add(errors, nowhere, NULL, NULL, "expected a regular file");
	close(file);
	return -EINVAL;
}

/* Whether @path is still the same file, unmodified since. */
static bool config_is_same(const char *path, const struct stat *before)
{
	struct stat now;

	return stat(path, &now) == 0 && now.st_dev == before->st_dev &&
	       now.st_ino == before->st_ino && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* Modified so recently that a write may still be in progress. */
static bool config_is_fresh(const struct stat *status)
{
	struct timespec now;
	int64_t age_ms;

	if (clock_gettime(CLOCK_REALTIME, &now))
		return false;
	age_ms = ((int64_t)now.tv_sec - status->st_mtim.tv_sec) * 1000 +
		 (now.tv_nsec - status->st_mtim.tv_nsec) / 1000000;
	return age_ms >= 0 && age_ms < CONFIG_QUIET_MS;
}

/*
 * Read the file once. Return: whether it stayed the same meanwhile; *size < 0: it can't be read at
 * all.
 */
static bool config_read_once(const char *path, char **data, ssize_t *size,
			     struct config_errors *errors)
{
	const struct timespec quiet = { .tv_nsec = CONFIG_QUIET_MS * 1000000L };
	struct stat before = { .st_size = 0 };
	int file = config_open(path, &before, errors);

	*data = NULL;
	*size = file;
	if (file < 0)
		return true;
	*size = config_read_fd(file, data);
	close(file);
	if (*size < 0)
		return true;
	if (config_is_fresh(&before))
		nanosleep(&quiet, NULL);
	return config_is_same(path, &before);
}

/*
 * A file that is being written in place could be read in part, which may be valid and contain less.
 */
struct config *config_load_file(const char *path, struct config_errors *errors)
{
	const struct config_place nowhere = { 0, 0 };
	ssize_t size = -EAGAIN;
	char *data = NULL;

	config_errors_init(errors, path);
	for (int i = 0; i < CONFIG_READS_MAX; i++) {
		if (config_read_once(path, &data, &size, errors)) {
			if (size >= 0 || errors->count == 0)
				return config_load_read(data, size, path, errors);
			free(data);
			errno = (int)-size;
			return NULL;
		}
		explicit_bzero(data, (size_t)size);
		free(data);
	}
	config_error_add(errors, nowhere, NULL, NULL,
			 "is being written; expected a file without changes for %d ms",
			 CONFIG_QUIET_MS);
	errno = EAGAIN;
	return NULL;
}
