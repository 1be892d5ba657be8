/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/capabilities.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIGNAL (SIGRTMIN + 7)
#define WAIT_MS 2000

/* Those that this project uses. */
static const struct {
	uint32_t number;
	const char *name;
} names[] = {
	{ CAP_CHOWN, "CAP_CHOWN" },	    { CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE" },
	{ CAP_FOWNER, "CAP_FOWNER" },	    { CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	{ CAP_NET_RAW, "CAP_NET_RAW" },	    { CAP_IPC_LOCK, "CAP_IPC_LOCK" },
	{ CAP_SYS_RAWIO, "CAP_SYS_RAWIO" }, { CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_SYS_NICE, "CAP_SYS_NICE" },   { CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE" },
	{ CAP_PERFMON, "CAP_PERFMON" },	    { CAP_BPF, "CAP_BPF" },
};

/* ---- One thread ---- */

/* The kernel's interface: two 32-bit halves. */
struct sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3];
};

static int sets_get(struct sets *sets)
{
	*sets = (struct sets){ .header.version = _LINUX_CAPABILITY_VERSION_3 };
	return syscall(SYS_capget, &sets->header, sets->half) ? -errno : 0;
}

static void sets_limit(struct sets *sets, uint64_t keep)
{
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t part = (uint32_t)(keep >> (32 * i));

		sets->half[i].permitted &= part;
		sets->half[i].effective &= part;
		sets->half[i].inheritable &= part;
	}
}

/* The ambient set follows the inheritable one. Context: also a signal handler. */
static int thread_limit(uint64_t keep)
{
	struct sets sets;
	int err = sets_get(&sets);

	if (err)
		return err;
	sets_limit(&sets, keep);
	if (syscall(SYS_capset, &sets.header, sets.half))
		return -errno;
	/* Otherwise root regains all of them with the next program that it executes. */
	return prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) ? -errno : 0;
}

uint64_t capabilities_get(void)
{
	struct sets sets;

	if (sets_get(&sets))
		return 0;
	return (uint64_t)sets.half[1].effective << 32 | sets.half[0].effective;
}

/* ---- All threads: the kernel keeps these sets per thread ---- */

static uint64_t asked_keep;
static int answered_err;
static uint32_t answers;

static void on_asked(int number)
{
	int before = errno;
	int err = thread_limit(asked_keep);

	(void)number;
	if (err)
		__atomic_store_n(&answered_err, err, __ATOMIC_RELAXED);
	__atomic_fetch_add(&answers, 1, __ATOMIC_RELEASE);
	errno = before;
}

/* Signal all other threads. Return: their number, or -errno. */
static int others_ask(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;
	int asked = 0;

	if (!tasks)
		return -errno;
	while ((task = readdir(tasks))) {
		long tid = strtol(task->d_name, NULL, 10);

		if (tid > 0 && tid != syscall(SYS_gettid) &&
		    syscall(SYS_tgkill, getpid(), tid, SIGNAL) == 0)
			asked++;
	}
	closedir(tasks);
	return asked;
}

static int others_wait(uint32_t asked)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (uint32_t ms = 0; ms < WAIT_MS; ms++) {
		if (__atomic_load_n(&answers, __ATOMIC_ACQUIRE) >= asked)
			return __atomic_load_n(&answered_err, __ATOMIC_RELAXED);
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static int others_limit(uint64_t keep)
{
	struct sigaction asked = { .sa_handler = on_asked, .sa_flags = SA_RESTART }, before;
	int n, err;

	asked_keep = keep;
	answered_err = 0;
	answers = 0;
	if (sigaction(SIGNAL, &asked, &before))
		return -errno;
	n = others_ask();
	err = n < 0 ? n : others_wait((uint32_t)n);
	/* Otherwise the signal would kill a thread that has not handled it yet. */
	if (!err)
		sigaction(SIGNAL, &before, NULL);
	return err;
}

int capabilities_keep(uint64_t keep)
{
	/*
	 * This thread first, so that threads it creates are limited. A thread that another one
	 * created meanwhile has the sets of its creator, so ask twice.
	 */
	int err = thread_limit(keep);

	if (!err)
		err = others_limit(keep);
	return err ? err : others_limit(keep);
}

/* ---- Names ---- */

const char *capabilities_format(uint64_t set, char *text, size_t size)
{
	size_t length = 0;

	snprintf(text, size, "none");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (set & CAPABILITY(names[i].number) && length < size)
			length += (size_t)snprintf(text + length, size - length, "%s%s",
						   length ? " " : "", names[i].name);
	return text;
}
