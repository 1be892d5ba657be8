/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health/agent.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clock.h"

#define FIRST_MAX_MS 250
#define PAUSE_MIN_MS 10

/* Its timer is pending (for the next question, or while it is asked: until that is given up), or it waits. */
struct agent {
	struct agents *agents;
	struct agent_spec spec;
	void *owner;
	struct event *timer;
	struct event *readable; /* NULL: not asked now */
	int fd;
	bool waiting;
	TAILQ_ENTRY(agent) entry; /* while it waits */
	uint64_t start_ms;
	uint64_t answer_ms; /* 0: never */
	char problem[AGENT_WHY_MAX];
	size_t used;
	char line[AGENT_LINE_MAX];
};

struct agents {
	struct event_base *base;
	const struct agents_ops *ops;
	void *arg;
	uint32_t max;
	uint32_t in_flight;
	TAILQ_HEAD(, agent) waiting;
};

static void agent_start(struct agent *agent);

static void timer_arm(struct agent *agent, uint64_t ms)
{
	const struct timeval delay = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	evtimer_add(agent->timer, &delay);
}

static uint32_t timeout_ms(const struct agent *agent)
{
	return agent->spec.interval_ms < AGENT_TIMEOUT_MAX_MS ? agent->spec.interval_ms
							      : AGENT_TIMEOUT_MAX_MS;
}

/* ---- The end of a question ---- */

static void pump(struct agents *agents)
{
	struct agent *next;

	while (agents->in_flight < agents->max && (next = TAILQ_FIRST(&agents->waiting))) {
		TAILQ_REMOVE(&agents->waiting, next, entry);
		next->waiting = false;
		agent_start(next);
	}
}

static void disconnect(struct agent *agent)
{
	if (!agent->readable)
		return;
	event_free(agent->readable);
	agent->readable = NULL;
	close(agent->fd);
	agent->agents->in_flight--;
}

static void next_arm(struct agent *agent)
{
	uint64_t passed_ms = clock_now_ms() - agent->start_ms;
	uint64_t left_ms =
		passed_ms < agent->spec.interval_ms ? agent->spec.interval_ms - passed_ms : 0;

	timer_arm(agent, left_ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : left_ms);
}

static void fail(struct agent *agent, const char *why)
{
	bool first = !agent->problem[0];

	disconnect(agent);
	next_arm(agent);
	snprintf(agent->problem, sizeof(agent->problem), "%s", why);
	if (first)
		agent->agents->ops->fails(agent->agents->arg, agent->owner, agent->problem);
}

static void answer(struct agent *agent, size_t length)
{
	struct agent_says says;
	char why[AGENT_WHY_MAX];

	if (agent_words_read(agent->line, length, &says, why)) {
		fail(agent, why);
		return;
	}
	disconnect(agent);
	next_arm(agent);
	agent->problem[0] = '\0';
	agent->answer_ms = clock_now_ms();
	agent->agents->ops->says(agent->agents->arg, agent->owner, &says);
}

/* ---- Asking ---- */

static size_t line_length(const struct agent *agent)
{
	size_t length = 0;

	while (length < agent->used && agent->line[length] != '\r' && agent->line[length] != '\n')
		length++;
	return length;
}

/* One read in each turn of the loop: an agent that sends endlessly gets one line's worth. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct agent *agent = arg;
	struct agents *agents = agent->agents;
	ssize_t got = recv(fd, agent->line + agent->used, sizeof(agent->line) - agent->used, 0);
	char why[AGENT_WHY_MAX];

	(void)what;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	agent->used += got > 0 ? (size_t)got : 0;
	if (got < 0) {
		fail(agent, strerror(errno));
	} else if (line_length(agent) < agent->used || (got == 0 && agent->used > 0)) {
		answer(agent, line_length(agent));
	} else if (got == 0) {
		fail(agent, "closed the connection without an answer");
	} else if (agent->used == sizeof(agent->line)) {
		snprintf(why, sizeof(why), "no end of line in %zu bytes", sizeof(agent->line));
		fail(agent, why);
	} else {
		return;
	}
	pump(agents);
}

static socklen_t sockaddr_make(const struct config_address *address, uint16_t port,
			       struct sockaddr_storage *to)
{
	struct sockaddr_in *in = (struct sockaddr_in *)to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (address->family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, address->bytes, sizeof(in->sin_addr));
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->bytes, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

/* Return: the socket, or -errno. */
static int connect_start(const struct agent_spec *spec)
{
	struct sockaddr_storage to;
	int fd, err = 0;

	fd = socket(spec->address.family == 4 ? AF_INET : AF_INET6,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (spec->source.family == spec->address.family) {
		socklen_t size = sockaddr_make(&spec->source, 0, &to);

		if (bind(fd, (const struct sockaddr *)&to, size) && errno != EADDRNOTAVAIL)
			err = -errno;
	}
	if (!err) {
		socklen_t size = sockaddr_make(&spec->address, spec->port, &to);

		if (connect(fd, (const struct sockaddr *)&to, size) && errno != EINPROGRESS)
			err = -errno;
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

/* A connection that fails is readable, too. */
static void agent_start(struct agent *agent)
{
	int fd = connect_start(&agent->spec);

	agent->start_ms = clock_now_ms();
	agent->used = 0;
	if (fd >= 0) {
		agent->readable = event_new(agent->agents->base, fd, EV_READ | EV_PERSIST,
					    on_readable, agent);
		if (!agent->readable)
			close(fd);
	}
	if (!agent->readable) {
		fail(agent, strerror(fd < 0 ? -fd : ENOMEM));
		return;
	}
	agent->fd = fd;
	agent->agents->in_flight++;
	event_add(agent->readable, NULL);
	timer_arm(agent, timeout_ms(agent));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent *agent = arg;
	struct agents *agents = agent->agents;
	char why[AGENT_WHY_MAX];

	(void)fd;
	(void)what;
	if (agent->readable) {
		snprintf(why, sizeof(why), "no line within %u ms", timeout_ms(agent));
		fail(agent, why);
	} else {
		TAILQ_INSERT_TAIL(&agents->waiting, agent, entry);
		agent->waiting = true;
	}
	pump(agents);
}

/* ---- Create, add and remove ---- */

struct agents *agents_create(struct event_base *base, const struct agents_ops *ops, void *arg,
			     uint32_t in_flight)
{
	struct agents *agents = calloc(1, sizeof(*agents));

	if (!agents)
		return NULL;
	agents->base = base;
	agents->ops = ops;
	agents->arg = arg;
	agents->max = in_flight;
	TAILQ_INIT(&agents->waiting);
	return agents;
}

void agents_destroy(struct agents *agents)
{
	free(agents);
}

struct agent *agent_add(struct agents *agents, const struct agent_spec *spec, void *owner)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	uint32_t spread = 0,
		 most = spec->interval_ms < FIRST_MAX_MS ? spec->interval_ms : FIRST_MAX_MS;

	if (!agent)
		return NULL;
	agent->agents = agents;
	agent->spec = *spec;
	agent->owner = owner;
	agent->timer = evtimer_new(agents->base, on_timer, agent);
	if (!agent->timer) {
		free(agent);
		errno = ENOMEM;
		return NULL;
	}
	if (getrandom(&spread, sizeof(spread), GRND_NONBLOCK) != sizeof(spread))
		spread = (uint32_t)clock_now_us();
	timer_arm(agent, most ? spread % most : 0);
	return agent;
}

void agent_remove(struct agent *agent)
{
	struct agents *agents;

	if (!agent)
		return;
	agents = agent->agents;
	if (agent->waiting)
		TAILQ_REMOVE(&agents->waiting, agent, entry);
	disconnect(agent);
	event_free(agent->timer);
	free(agent);
	pump(agents);
}

bool agent_is(const struct agent *agent, const struct agent_spec *spec)
{
	return config_address_equal(&agent->spec.address, &spec->address) &&
	       config_address_equal(&agent->spec.source, &spec->source) &&
	       agent->spec.port == spec->port && agent->spec.interval_ms == spec->interval_ms;
}

uint16_t agent_port(const struct agent *agent)
{
	return agent->spec.port;
}

const char *agent_problem(const struct agent *agent)
{
	return agent->problem;
}

int64_t agent_last_ms(const struct agent *agent)
{
	return agent->answer_ms ? (int64_t)(clock_now_ms() - agent->answer_ms) : -1;
}
