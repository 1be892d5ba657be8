/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/state/trial.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "controlplane/state/file.h"

#define TRIAL_VERSION 1

void trial_hash(const char *text, size_t bytes, char hash[TRIAL_HASH_MAX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	hash[0] = '\0';
	if (EVP_Digest(text, bytes, digest, &size, EVP_sha256(), NULL) != 1)
		return;
	for (unsigned int i = 0; i < size && 2 * i + 2 < TRIAL_HASH_MAX; i++)
		snprintf(hash + 2 * i, 3, "%02x", digest[i]);
}

static void trial_copy(char *to, size_t size, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(to, size, "%s", text != NULL ? text : "");
}

static int trial_parse(const char *text, size_t size, struct trial *trial)
{
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *pending = json_object_get(root, "unconfirmed");
	json_int_t version = json_integer_value(json_object_get(root, "version"));

	trial_copy(trial->set_aside, sizeof(trial->set_aside), root, "set_aside");
	trial->in_force = (uint64_t)json_integer_value(json_object_get(root, "in_force"));
	trial->is_pending = json_is_object(pending);
	trial_copy(trial->hash, sizeof(trial->hash), pending, "hash");
	trial_copy(trial->who, sizeof(trial->who), pending, "who");
	trial->deadline_unix_ms = json_integer_value(json_object_get(pending, "deadline_unix_ms"));
	trial->period_ms = (uint32_t)json_integer_value(json_object_get(pending, "period_ms"));
	trial->back = (uint64_t)json_integer_value(json_object_get(pending, "back"));
	json_decref(root);
	return version == TRIAL_VERSION ? 0 : -EINVAL;
}

void trial_load(const char *dir, struct trial *trial)
{
	size_t size;
	char *text;
	int err = state_file_read(dir, TRIAL_FILE_NAME, &text, &size);

	*trial = (struct trial){ .is_pending = false };
	if (err == 0) {
		err = trial_parse(text, size, trial);
		free(text);
	}
	if (err == 0 || err == -ENOENT)
		return;
	*trial = (struct trial){ .is_pending = false };
	log_err("%s/" TRIAL_FILE_NAME ": %s: the configuration's file counts", dir,
		err == -EINVAL ? "damaged" : strerror(-err));
}

static char *trial_format(const struct trial *trial)
{
	json_t *root = json_pack("{s:i}", "version", TRIAL_VERSION);
	int err = 0;
	char *text;

	if (trial->set_aside[0] != '\0') {
		err |= json_object_set_new(root, "set_aside", json_string(trial->set_aside));
		err |= json_object_set_new(root, "in_force",
					   json_integer((json_int_t)trial->in_force));
	}
	if (trial->is_pending)
		err |= json_object_set_new(root, "unconfirmed",
					   json_pack("{s:s, s:I, s:i, s:I, s:s}", "hash",
						     trial->hash, "deadline_unix_ms",
						     (json_int_t)trial->deadline_unix_ms,
						     "period_ms", (int)trial->period_ms, "back",
						     (json_int_t)trial->back, "who", trial->who));
	text = err == 0 ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	return text;
}

int trial_save(const char *dir, const struct trial *trial)
{
	char *text = trial_format(trial);
	int fd;

	if (text == NULL)
		return -ENOMEM;
	fd = state_file_prepare(dir, TRIAL_FILE_NAME, text, strlen(text));
	free(text);
	return fd < 0 ? fd : state_file_commit(dir, TRIAL_FILE_NAME, fd);
}
