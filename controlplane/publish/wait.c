/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "config/base/clock.h"
#include "controlplane/publish/internal.h"

struct publish_wait {
	struct publish *publish;
	struct publish_wait *next;
	enum publish_scope scope;
	uint64_t target; /* of publish_count.acked */
	uint64_t started_ns;
	publish_done done;
	void *arg;
};

static void result_fill(const struct publish *publish, uint64_t started_ns, int status,
			struct publish_result *result)
{
	*result = (struct publish_result){
		.status = status,
		.generation = publish->last.generation,
		.acked_ns = publish->last.acked_ns,
		.sent_ns = publish->last.sent_ns,
		.taken_ns = publish->last.taken_ns,
		.swapped_ns = publish->last.swapped_ns,
		.workers = publish->last.workers,
	};
	/* Nothing had to be sent: it already ran. */
	if (result->acked_ns < started_ns)
		result->acked_ns = started_ns;
}

static void wait_unlink(struct publish *publish, const struct publish_wait *wait)
{
	struct publish_wait **at = &publish->waits;

	while (*at != wait)
		at = &(*at)->next;
	*at = wait->next;
}

static void wait_end(struct publish *publish, struct publish_wait *wait, int status)
{
	struct publish_result result;

	wait_unlink(publish, wait);
	result_fill(publish, wait->started_ns, status, &result);
	wait->done(wait->arg, &result);
	free(wait);
}

/* A callback may start and cancel other waits, so each search starts at the front. */
static struct publish_wait *wait_first_ended(const struct publish *publish)
{
	struct publish_wait *wait = publish->waits;

	while (wait && publish->count[wait->scope].acked < wait->target)
		wait = wait->next;
	return wait;
}

void publish_waits_run(struct publish *publish)
{
	struct publish_wait *wait;

	while ((wait = wait_first_ended(publish)))
		wait_end(publish, wait, 0);
}

void publish_waits_end(struct publish *publish, int status)
{
	while (publish->waits)
		wait_end(publish, publish->waits, status);
}

/* Whether the wait has ended; @status is its result. */
static bool wait_is_over(const struct publish *publish, enum publish_scope scope, int *status)
{
	bool hopeless = publish->refusals >= PUBLISH_REFUSALS_MAX;

	*status = !publish->info.connected ? -ENOTCONN : hopeless ? -EBADMSG : 0;
	return !publish->info.connected || hopeless ||
	       publish->count[scope].acked >= publish->count[scope].marked;
}

struct publish_wait *publish_wait_start(struct publish *publish, enum publish_scope scope,
					uint64_t started_ns, publish_done done, void *arg)
{
	struct publish_wait *wait = NULL;
	struct publish_result result;
	int status;

	if (started_ns == 0)
		started_ns = clock_now_ns();
	if (!wait_is_over(publish, scope, &status)) {
		wait = malloc(sizeof(*wait));
		status = -ENOMEM;
	}
	if (!wait) {
		result_fill(publish, started_ns, status, &result);
		done(arg, &result);
		errno = -status;
		return NULL;
	}
	*wait = (struct publish_wait){
		.publish = publish,
		.next = publish->waits,
		.scope = scope,
		.target = publish->count[scope].marked,
		.started_ns = started_ns,
		.done = done,
		.arg = arg,
	};
	publish->waits = wait;
	return wait;
}

void publish_wait_cancel(struct publish_wait *wait)
{
	if (!wait)
		return;
	wait_unlink(wait->publish, wait);
	free(wait);
}
