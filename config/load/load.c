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

static int config_refuse_file(struct config_errors *errors, enum config_file file, const char *what,
			      int error)
{
	const struct config_place nowhere = { 0, 0, file };

	config_error_add(errors, nowhere, NULL, NULL, "%s: %s", what, strerror(error));
	return -error;
}

/* Keep the text of a part. Return: 0 or -ENOMEM. */
static int config_keep(struct config *config, const struct config_part *part, enum config_file file)
{
	bool own = file == CONFIG_FILE_OWN;
	char **text = own ? &config->text : &config->commands_text;

	*text = malloc(part->bytes + 1);
	*(own ? &config->file : &config->commands_file) = strdup(part->name);
	*(own ? &config->bytes : &config->commands_bytes) = part->bytes;
	if (!*text || !(own ? config->file : config->commands_file))
		return -ENOMEM;
	memcpy(*text, part->data, part->bytes);
	(*text)[part->bytes] = '\0';
	return 0;
}

static int config_load_part(struct config *config, const struct config_part *part,
			    enum config_file file, struct config_errors *errors)
{
	int rc;

	if (part->bytes > CONFIG_FILE_BYTES_MAX) {
		const struct config_place nowhere = { 0, 0, file };

		config_error_add(errors, nowhere, NULL, NULL, "expected at most %u bytes",
				 CONFIG_FILE_BYTES_MAX);
		return -EINVAL;
	}
	rc = config_text_check(part->data, part->bytes, file, errors);
	if (rc)
		return rc;
	rc = config_keep(config, part, file);
	if (rc == 0)
		rc = config_read(part->data, part->bytes, file, config, errors);
	if (rc == -ENOMEM)
		config_refuse_file(errors, file, "cannot be stored", ENOMEM);
	return rc;
}

/* Cross checks need all values; what belongs to a later version is a value, too. */
static int config_load(struct config *config, const struct config_part *own,
		       const struct config_part *commands, struct config_errors *errors)
{
	int rc = config_load_part(config, own, CONFIG_FILE_OWN, errors), more = 0, check_rc = 0;

	if (commands && (rc == 0 || rc == -ENOTSUP))
		more = config_load_part(config, commands, CONFIG_FILE_COMMANDS, errors);
	if ((rc == 0 || rc == -ENOTSUP) && (more == 0 || more == -ENOTSUP))
		check_rc = config_validate(config, errors);
	if (rc == -ENOMEM || more == -ENOMEM)
		return -ENOMEM;
	return rc || more || check_rc ? -EINVAL : 0;
}

struct config *config_load_parts(const struct config_part *own, const struct config_part *commands,
				 struct config_errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));
	int rc = -ENOMEM;

	config_errors_init(errors, own->name);
	if (commands)
		config_errors_set_commands(errors, commands->name);
	if (config)
		rc = config_load(config, own, commands, errors);
	else
		config_refuse_file(errors, CONFIG_FILE_OWN, "cannot be stored", ENOMEM);
	if (rc == 0)
		return config;
	config_errors_sort(errors);
	config_free(config);
	errno = -rc;
	return NULL;
}

struct config *config_load_buffer(const void *data, size_t size, const char *name,
				  struct config_errors *errors)
{
	const struct config_part own = { name, size ? data : "", size };

	return config_load_parts(&own, NULL, errors);
}

/* Return: size of @data, to be wiped and freed by the caller; or -errno. */
static ssize_t config_read_fd(int fd, char **data)
{
	const size_t room = CONFIG_FILE_BYTES_MAX + 1;

	*data = malloc(room);
	return *data ? file_read(fd, *data, room) : -ENOMEM;
}

struct config *config_load_fd(int fd, const char *name, struct config_errors *errors)
{
	struct config *config = NULL;
	char *data;
	ssize_t size = config_read_fd(fd, &data);
	int error = (int)-size;

	config_errors_init(errors, name);
	if (size < 0) {
		config_refuse_file(errors, CONFIG_FILE_OWN, "cannot be read", error);
	} else {
		config = config_load_buffer(data, (size_t)size, name, errors);
		error = config ? 0 : errno;
		explicit_bzero(data, (size_t)size);
	}
	free(data);
	errno = error;
	return config;
}

static bool config_may_block(const struct stat *status)
{
	return !S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode);
}

/*
 * A daemon must not block until a pipe is written. Return: a descriptor, or -errno and the error.
 */
static int config_open(const char *path, enum config_file file, struct stat *status,
		       struct config_errors *errors)
{
	const struct config_place nowhere = { 0, 0, file };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return config_refuse_file(errors, file, "cannot be opened", errno);
	if (fstat(fd, status) == 0 && !config_may_block(status))
		return fd;
	config_error_add(errors, nowhere, NULL, NULL, "expected a regular file");
	close(fd);
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
 * all, and there is an error.
 */
static bool config_read_once(const char *path, enum config_file file, char **data, ssize_t *size,
			     struct config_errors *errors)
{
	const struct timespec quiet = { .tv_nsec = CONFIG_QUIET_MS * 1000000L };
	struct stat before = { .st_size = 0 };
	int fd = config_open(path, file, &before, errors);

	*data = NULL;
	*size = fd;
	if (fd < 0)
		return true;
	*size = config_read_fd(fd, data);
	close(fd);
	if (*size < 0) {
		config_refuse_file(errors, file, "cannot be read", (int)-*size);
		free(*data);
		*data = NULL;
		return true;
	}
	if (config_is_fresh(&before))
		nanosleep(&quiet, NULL);
	return config_is_same(path, &before);
}

/*
 * A file that is being written in place could be read in part, which may be valid and contain less.
 * Return: its size and @data, to be wiped and freed; or -errno and an error.
 */
static ssize_t config_read_whole(const char *path, enum config_file file, char **data,
				 struct config_errors *errors)
{
	const struct config_place nowhere = { 0, 0, file };
	ssize_t size = -EAGAIN;

	for (int i = 0; i < CONFIG_READS_MAX; i++) {
		if (config_read_once(path, file, data, &size, errors))
			return size;
		explicit_bzero(*data, (size_t)size);
		free(*data);
		*data = NULL;
	}
	config_error_add(errors, nowhere, NULL, NULL,
			 "is being written; expected a file without changes for %d ms",
			 CONFIG_QUIET_MS);
	return -EAGAIN;
}

static void config_forget(char *data, ssize_t size)
{
	if (data && size > 0)
		explicit_bzero(data, (size_t)size);
	free(data);
}

struct config *config_load_beside(const struct config_part *own, const char *commands_path,
				  struct config_errors *errors)
{
	/* If it cannot be looked at, reading it says why. */
	bool merged = commands_path && (access(commands_path, F_OK) == 0 || errno != ENOENT);
	struct config_part commands = { .name = commands_path };
	struct config *config = NULL;
	char *data = NULL;
	ssize_t size = 0;
	int error;

	config_errors_init(errors, own->name);
	if (merged) {
		config_errors_set_commands(errors, commands_path);
		size = config_read_whole(commands_path, CONFIG_FILE_COMMANDS, &data, errors);
	}
	error = (int)-size;
	if (size >= 0) {
		commands.data = data;
		commands.bytes = (size_t)size;
		config = config_load_parts(own, merged ? &commands : NULL, errors);
		error = config ? 0 : errno;
	}
	config_forget(data, size);
	errno = error;
	return config;
}

struct config *config_load_files(const char *path, const char *commands_path,
				 struct config_errors *errors)
{
	struct config_part own = { .name = path };
	struct config *config = NULL;
	char *data = NULL;
	ssize_t size;
	int error;

	config_errors_init(errors, path);
	size = config_read_whole(path, CONFIG_FILE_OWN, &data, errors);
	error = (int)-size;
	if (size >= 0) {
		own.data = data;
		own.bytes = (size_t)size;
		config = config_load_beside(&own, commands_path, errors);
		error = config ? 0 : errno;
	}
	config_forget(data, size);
	errno = error;
	return config;
}

struct config *config_load_file(const char *path, struct config_errors *errors)
{
	return config_load_files(path, NULL, errors);
}
