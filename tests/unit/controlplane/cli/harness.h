/* SPDX-License-Identifier: BSD-3-Clause */
/* sluicectl in this process, against a daemon that answers what it is told to. */
#ifndef TESTS_CLI_HARNESS_H
#define TESTS_CLI_HARNESS_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/cli/cli.h"

#define HARNESS_WORDS_MAX 32
#define HARNESS_REQUEST_MAX (8 << 20)

struct harness {
	char dir[64];
	/* Of the last run; freed by the next one and by harness_fini(). */
	char *out;
	char *err;
	char *request; /* what the daemon got, without the newline; NULL: nothing */
	size_t request_bytes;
};

struct harness_daemon {
	int listener;
	const char *answer;
	struct harness *harness;
};

static int harness_init(struct harness *harness)
{
	*harness = (struct harness){ 0 };
	strcpy(harness->dir, "/tmp/test_cli.XXXXXX");
	return mkdtemp(harness->dir) == NULL ? -1 : 0;
}

static void harness_forget(struct harness *harness)
{
	free(harness->out);
	free(harness->err);
	free(harness->request);
	harness->out = harness->err = harness->request = NULL;
	harness->request_bytes = 0;
}

static void harness_fini(struct harness *harness)
{
	harness_forget(harness);
	rmdir(harness->dir);
}

static void harness_address(const struct harness *harness, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/control.sock", harness->dir);
}

static void *harness_serve(void *arg)
{
	struct harness_daemon *daemon = arg;
	struct harness *harness = daemon->harness;
	int fd = accept(daemon->listener, NULL, NULL);
	size_t left = strlen(daemon->answer), sent = 0;
	ssize_t got;

	if (fd < 0)
		return NULL;
	harness->request = calloc(1, HARNESS_REQUEST_MAX);
	while (memchr(harness->request, '\n', harness->request_bytes) == NULL) {
		got = read(fd, harness->request + harness->request_bytes,
			   HARNESS_REQUEST_MAX - 1 - harness->request_bytes);
		if (got <= 0)
			break;
		harness->request_bytes += (size_t)got;
	}
	harness->request[strcspn(harness->request, "\n")] = '\0';
	while (left > 0) {
		got = send(fd, daemon->answer + sent, left, MSG_NOSIGNAL);
		if (got <= 0)
			break;
		sent += (size_t)got;
		left -= (size_t)got;
	}
	close(fd);
	return NULL;
}

static int harness_call(struct harness *harness, const char *arguments)
{
	char *words[HARNESS_WORDS_MAX] = { (char *)"sluicectl", (char *)"-r", harness->dir };
	char *copy = strdup(arguments), *rest = copy, *word;
	size_t out_size, err_size;
	FILE *out, *err;
	int count = 3, code;

	while ((word = strsep(&rest, " ")) != NULL && count < HARNESS_WORDS_MAX - 1) {
		if (word[0] != '\0')
			words[count++] = word;
	}
	out = open_memstream(&harness->out, &out_size);
	err = open_memstream(&harness->err, &err_size);
	code = cli_run(count, words, out, err);
	fclose(out);
	fclose(err);
	free(copy);
	return code;
}

/*
 * Run "sluicectl -r DIR ARGUMENTS...".
 * @arguments: split at blanks.
 * @answer: what the daemon says to the first request, after which it closes; NULL: there is none.
 * Return: the exit code.
 */
static int harness_run(struct harness *harness, const char *arguments, const char *answer)
{
	struct harness_daemon daemon = { .listener = -1, .answer = answer, .harness = harness };
	struct sockaddr_un address;
	pthread_t thread;
	int code;

	harness_forget(harness);
	if (answer == NULL)
		return harness_call(harness, arguments);
	harness_address(harness, &address);
	daemon.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(daemon.listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(daemon.listener, 1) != 0 ||
	    pthread_create(&thread, NULL, harness_serve, &daemon) != 0)
		abort();
	code = harness_call(harness, arguments);
	shutdown(daemon.listener, SHUT_RDWR); /* if it was never called */
	pthread_join(thread, NULL);
	close(daemon.listener);
	unlink(address.sun_path);
	return code;
}

/* A command line, what the daemon answers, and what is expected. */
struct harness_row {
	const char *arguments;
	const char *answer;
	int code;
	const char *request; /* NULL: the daemon is not asked */
	const char *out;     /* NULL: whatever */
	const char *err;     /* a part of it */
};

static inline void harness_rows(struct harness *h, const struct harness_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int code = harness_run(h, rows[i].arguments, rows[i].answer);
		const char *request =
			h->request != NULL && h->request[0] != '\0' ? h->request : NULL;

		if (code != rows[i].code)
			fail_msg("%s: exit code %d, %s%s", rows[i].arguments, code, h->out, h->err);
		if ((request == NULL) != (rows[i].request == NULL) ||
		    (request != NULL && strcmp(request, rows[i].request) != 0))
			fail_msg("%s: asked %s", rows[i].arguments, request);
		if (rows[i].out != NULL && strcmp(h->out, rows[i].out) != 0)
			fail_msg("%s: printed\n%s", rows[i].arguments, h->out);
		if (strstr(h->err, rows[i].err) == NULL ||
		    (rows[i].err[0] == '\0' && h->err[0] != '\0'))
			fail_msg("%s: complained\n%s", rows[i].arguments, h->err);
	}
}

#endif
