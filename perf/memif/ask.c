/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ask SOCKET PERIOD_US REQUEST...
 *
 * Send requests to a control socket one after the other, cyclically, each as a line, once the
 * previous one is answered and the period has passed. Two requests belong together, such as a drain
 * and its end: after SIGTERM, the program ends once it has sent an even number. Then it writes how
 * long each took, as sluiced reports, and its own CPU use, which is small: it runs on a CPU that
 * something else needs.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clock.h"

#define ANSWERS_MAX 1000000
#define ANSWER_S 10

static volatile sig_atomic_t ending;

static void on_term(int number)
{
	(void)number;
	ending = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "ask: %s\n", what);
	exit(1);
}

static int control_open(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = ANSWER_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		die("the socket's path is too long");
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		die(strerror(errno));
	return fd;
}

static void answer_read(int fd, char *line, size_t room)
{
	size_t used = 0;

	do {
		ssize_t got = read(fd, line + used, room - 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("no answer");
		used += (size_t)got;
	} while (line[used - 1] != '\n' && used < room - 1);
	line[used] = '\0';
}

static double ask(int fd, const char *request)
{
	char line[4096];
	const char *took;

	if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		die("the request was not taken");
	answer_read(fd, line, sizeof(line));
	took = strstr(line, "\"took_us\":");
	if (!took || strstr(line, "\"ok\":true") == NULL)
		die(line);
	return strtod(took + strlen("\"took_us\":"), NULL);
}

/* Sleep until @due_ns; not at all if that has passed. Return: when the next request is due. */
static uint64_t pause_until(uint64_t due_ns, uint64_t period_ns)
{
	const struct timespec due = { .tv_sec = (time_t)(due_ns / 1000000000),
				      .tv_nsec = (long)(due_ns % 1000000000) };
	uint64_t now = clock_now_ns();

	if (due_ns <= now)
		return now + period_ns;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	return due_ns + period_ns;
}

/* @requests: as lines. @took_us: set to the times of the answers. Return: their number. */
static uint32_t run(int fd, uint64_t period_ns, char **requests, uint32_t n, double *took_us)
{
	uint64_t due_ns = clock_now_ns() + period_ns;
	uint32_t done = 0;

	while (done < ANSWERS_MAX && (!ending || done % 2)) {
		took_us[done] = ask(fd, requests[done % n]);
		done++;
		due_ns = pause_until(due_ns, period_ns);
	}
	return done;
}

int main(int argc, char **argv)
{
	const struct sigaction term = { .sa_handler = on_term };
	double *took_us = malloc(ANSWERS_MAX * sizeof(*took_us));
	uint64_t cpu_ns;
	uint32_t done;
	int fd;

	if (argc < 5 || argc % 2 == 0 || !took_us)
		die("usage: ask SOCKET PERIOD_US REQUEST REQUEST...");
	for (int i = 3; i < argc; i++)
		if (asprintf(&argv[i], "%s\n", argv[i]) < 0)
			die("no memory");
	sigaction(SIGTERM, &term, NULL);
	fd = control_open(argv[1]);
	cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
	done = run(fd, strtoull(argv[2], NULL, 10) * 1000, argv + 3, (uint32_t)argc - 3, took_us);
	cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	printf("{\"cpu_s\": %.6f, \"took_us\": [", (double)cpu_ns / 1e9);
	for (uint32_t i = 0; i < done; i++)
		printf("%s%.3f", i ? ", " : "", took_us[i]);
	printf("]}\n");
	free(took_us);
	close(fd);
	return 0;
}
