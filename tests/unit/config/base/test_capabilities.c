/* SPDX-License-Identifier: BSD-3-Clause */
/* What is given up is given up in every thread. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/capabilities.h"

#define THREADS 5
#define KEPT (CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_BPF))

static int wait_pipe[2], deaf_pipe[2];

/* In a system call, as threads of DPDK are that wait for their work. */
static void *thread_main(void *arg)
{
	char byte;

	(void)arg;
	return read(wait_pipe[0], &byte, 1) == 1 ? NULL : (void *)wait_pipe;
}

static void *deaf_main(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return write(deaf_pipe[1], "", 1) == 1 ? thread_main(arg) : NULL;
}

/* One set of a thread, as /proc says it. */
static uint64_t set_of(const char *tid, const char *name)
{
	unsigned long long set = UINT64_MAX;
	char path[64], line[128], format[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", tid);
	snprintf(format, sizeof(format), "%s: %%llx", name);
	file = fopen(path, "r");
	if (!file)
		return set;
	while (fgets(line, sizeof(line), file) && sscanf(line, format, &set) != 1)
		;
	fclose(file);
	return set;
}

/* Return: threads that have no more than @most in any set, and do not get more; -1 if one has. */
static int threads_count(uint64_t most)
{
	static const char *const sets[] = { "CapPrm", "CapEff", "CapInh", "CapAmb" };
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;
	int n = 0;

	while (n >= 0 && (task = readdir(tasks))) {
		if (task->d_name[0] == '.')
			continue;
		n++;
		for (size_t i = 0; i < 4; i++)
			if (set_of(task->d_name, sets[i]) & ~most)
				n = -1;
		if (set_of(task->d_name, "NoNewPrivs") != 1)
			n = -1;
	}
	closedir(tasks);
	return n;
}

/* In a process of its own, since it is for good. Return: its exit code. */
static int child(int (*what)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(what());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int threads_start(void *(*last)(void *arg))
{
	pthread_t thread;

	if (pipe(wait_pipe))
		return -errno;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, i == THREADS - 1 ? last : thread_main, NULL))
			return -EAGAIN;
	return 0;
}

static int keep_two(void)
{
	uint64_t before = capabilities_get();

	if (threads_start(thread_main) || capabilities_keep(KEPT))
		return 1;
	if (threads_count(KEPT) != THREADS + 1)
		return 2;
	/* No more than there was: a keeper that has not all of them doesn't get them. */
	if (capabilities_get() != (before & KEPT))
		return 3;
	if (capabilities_keep(UINT64_MAX) || capabilities_get() != (before & KEPT))
		return 4;
	/* The threads still wait: they were not disturbed. */
	return write(wait_pipe[1], "12345", THREADS) == THREADS ? 0 : 5;
}

static int keep_none_for_a_deaf_one(void)
{
	char byte;

	/* Before it blocks signals it would hear this one. */
	if (pipe(deaf_pipe) || threads_start(deaf_main) || read(deaf_pipe[0], &byte, 1) != 1)
		return 1;
	return capabilities_keep(0) == -ETIMEDOUT ? 0 : 2;
}

static int execute(void)
{
	if (capabilities_keep(KEPT))
		return 1;
	execl("/bin/sh", "sh", "-c",
	      "set -- $(grep CapEff /proc/self/status); [ $((0x$2 & ~0x8000001000)) = 0 ]", NULL);
	return 2;
}

static void capabilities_are_dropped_in_all_threads(void **state)
{
	(void)state;
	assert_int_equal(child(keep_two), 0);
}

static void unreachable_thread_is_reported(void **state)
{
	(void)state;
	assert_int_equal(child(keep_none_for_a_deaf_one), 0);
}

static void exec_does_not_restore_capabilities(void **state)
{
	(void)state;
	assert_int_equal(KEPT, 0x8000001000);
	assert_int_equal(child(execute), 0);
}

static void names_are_those_of_unit_files(void **state)
{
	char text[256];

	(void)state;
	assert_string_equal(capabilities_format(0, text, sizeof(text)), "none");
	assert_string_equal(capabilities_format(KEPT, text, sizeof(text)), "CAP_NET_ADMIN CAP_BPF");
	capabilities_format(UINT64_MAX, text, sizeof(text));
	assert_non_null(strstr(text, "CAP_SYS_ADMIN"));
	capabilities_format(UINT64_MAX, text, 20);
	assert_true(strlen(text) < 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capabilities_are_dropped_in_all_threads),
		cmocka_unit_test(unreachable_thread_is_reported),
		cmocka_unit_test(exec_does_not_restore_capabilities),
		cmocka_unit_test(names_are_those_of_unit_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
