/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main lcore's loop. It sleeps on descriptors: of the interface, of the controller, and of the
 * doorbell that workers ring.
 */
#include "dataplane/io/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "dataplane/io/node_stats.h"

/* Busy time after a packet: another one follows soon, an answer or the rest of a connection. */
#define BUSY_NS 1000000
#define GRACE_BUSY_NS 300000 /* of a grace period that are spent without any sleep */
#define GRACE_WAIT_NS 20000
#define STATS_NS 100000000
#define EVENTS_MAX 8

struct loop {
	struct dataplane *dp;
	int epoll_fd;
	bool is_over;
	uint64_t now_ns;
	uint64_t active_ns; /* time of the last packet */
	uint64_t grace_ns;  /* start of the consumer's grace period */
	bool consumer_waits;
	uint64_t stats_ns; /* time of the next update */
	uint64_t watchdog_ns;
	uint64_t watchdog_next_ns;
	uint64_t n_refused; /* logged so far */
};

static int watch(const struct loop *loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void counter_clear(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void handle(struct loop *loop, int fd)
{
	struct dataplane *dp = loop->dp;
	struct signalfd_siginfo info;

	if (fd == dp->kernel_path.fd) {
		if (kernel_path_collect(&dp->kernel_path))
			loop->active_ns = loop->now_ns;
	} else if (fd == dp->segment.cmd_fd || fd == dp->kernel_path.bell.fd) {
		counter_clear(fd);
	} else if (fd == netlink_fd(&dp->kernel_path.watch)) {
		kernel_path_follow(&dp->kernel_path);
	} else if (fd == dp->control.listen_fd) {
		if (control_socket_accept(&dp->control))
			watch(loop, dp->control.controller_fd);
	} else if (fd == dp->control.controller_fd) {
		control_socket_watch(&dp->control);
	} else if (fd == dp->signal_fd && read(fd, &info, sizeof(info)) == sizeof(info)) {
		log_info("ending: signal %u from pid %u", info.ssi_signo, info.ssi_pid);
		loop->is_over = true;
	}
}

/* Time in nanoseconds until the next check. */
static uint64_t wait_choose(const struct loop *loop)
{
	uint64_t until_stats_ns = loop->stats_ns > loop->now_ns ? loop->stats_ns - loop->now_ns : 0;

	if (loop->consumer_waits)
		return loop->now_ns - loop->grace_ns < GRACE_BUSY_NS ? 0 : GRACE_WAIT_NS;
	/* If workers may sleep, there is no CPU to spare for polling here either. */
	if (loop->now_ns - loop->active_ns < BUSY_NS && !loop->dp->options.idle_sleep_us)
		return 0;
	return until_stats_ns;
}

/* Wait for events, unless a worker put something into its ring just before. */
static int events_wait(struct loop *loop, struct epoll_event *events, uint64_t wait_ns)
{
	struct kernel_path *path = &loop->dp->kernel_path;
	struct timespec timeout = { .tv_nsec = (long)wait_ns };
	int n;

	if (wait_ns) {
		doorbell_sleep(&path->bell);
		if (kernel_path_has_work(path))
			timeout.tv_nsec = 0;
	}
	n = epoll_pwait2(loop->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
	doorbell_wake(&path->bell);
	if (n < 0 && errno != EINTR) {
		log_err("epoll: %s", strerror(errno));
		return -errno;
	}
	return n < 0 ? 0 : n;
}

static void refusals_log(struct loop *loop)
{
	const struct consumer *consumer = &loop->dp->consumer;

	if (consumer->n_refused == loop->n_refused)
		return;
	log_warn("generation %llu refused: %s (command %u, block %u of pool %u, %u bytes)",
		 (unsigned long long)consumer->refused_cmd.generation,
		 consumer_refusal_text(consumer->refused_reason), consumer->refused_cmd.type,
		 consumer->refused_cmd.block, consumer->refused_cmd.index,
		 consumer->refused_cmd.bytes);
	loop->n_refused = consumer->n_refused;
}

/* Report again what was reported of the port at the start. */
static void port_tell(struct dataplane *dp)
{
	const struct port *port = &dp->port;
	const uint8_t *mac = port->mac;

	log_info("%s: address is now %02x:%02x:%02x:%02x:%02x:%02x, MTU %u%s%s",
		 dp->plan.node->port, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], port->mtu,
		 *port->remark ? "; " : "", port->remark);
	lb_segment_port_set(dp->segment.shared, port->mac, port->mtu);
	snprintf(dp->segment.shared->note, sizeof(dp->segment.shared->note), "%.120s%s%.120s",
		 port->note, *port->note && *port->remark ? "; " : "", port->remark);
	kernel_path_port_set(&dp->kernel_path, port);
}

/* Return: 0, or -ENODEV if the port is gone, and so nothing is left to do. */
static int interfaces_follow(struct loop *loop)
{
	struct dataplane *dp = loop->dp;
	bool changed;
	int err = port_follow(&dp->port, &changed);

	if (err) {
		log_err("%s was deleted; ending: only a restart can use another one",
			dp->port.iface);
		return err;
	}
	if (changed)
		port_tell(dp);
	if (dp->plan.has_handover && !handover_port_is_current(&dp->handover)) {
		log_err("%s: sluiced has replaced or removed the flow table; ending: only a restart"
			" can use another one",
			dp->port.iface);
		return -ESTALE;
	}
	if (kernel_path_restore(&dp->kernel_path))
		err = watch(loop, dp->kernel_path.fd);
	if (err)
		log_err(KERNEL_PATH_IFACE ": cannot wait for packets: %s", strerror(-err));
	if (dp->port.link != LB_LINK_UNKNOWN)
		kernel_path_carrier_set(&dp->kernel_path, dp->port.link == LB_LINK_UP);
	return err;
}

static int periodic(struct loop *loop)
{
	struct dataplane *dp = loop->dp;

	if (loop->now_ns < loop->stats_ns)
		return 0;
	loop->stats_ns = loop->now_ns + STATS_NS;
	node_stats_update(dp, loop->now_ns);
	if (loop->watchdog_ns && loop->now_ns >= loop->watchdog_next_ns) {
		loop->watchdog_next_ns = loop->now_ns + loop->watchdog_ns / 2;
		if (node_stats_workers_live(dp))
			sd_notify(0, "WATCHDOG=1");
	}
	if (control_socket_restore(&dp->control) && watch(loop, dp->control.listen_fd))
		log_err("%s: cannot wait for controllers", dp->control.address.sun_path);
	return interfaces_follow(loop);
}

static void commands_take(struct loop *loop)
{
	bool waited = loop->consumer_waits;

	loop->consumer_waits = consumer_poll(&loop->dp->consumer);
	if (!waited)
		loop->grace_ns = loop->now_ns;
}

static int turn(struct loop *loop)
{
	struct dataplane *dp = loop->dp;
	struct epoll_event events[EVENTS_MAX];
	int err, n;

	loop->now_ns = clock_now_ns();
	if (kernel_path_deliver(&dp->kernel_path))
		loop->active_ns = loop->now_ns;
	commands_take(loop);
	refusals_log(loop);
	err = periodic(loop);
	if (err)
		return err;
	n = events_wait(loop, events, wait_choose(loop));
	for (int i = 0; i < n; i++)
		handle(loop, events[i].data.fd);
	return n < 0 ? n : 0;
}

static int loop_prepare(struct loop *loop)
{
	struct dataplane *dp = loop->dp;
	const int fds[] = { dp->kernel_path.fd,	   dp->kernel_path.bell.fd,
			    dp->segment.cmd_fd,	   netlink_fd(&dp->kernel_path.watch),
			    dp->control.listen_fd, dp->signal_fd };
	uint64_t watchdog_us = 0;
	int err = 0;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]) && !err; i++)
		err = watch(loop, fds[i]);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		loop->watchdog_ns = watchdog_us * 1000;
	/* With the default slack the kernel adds 50 microseconds to every sleep. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	return err;
}

int serve(struct dataplane *dp)
{
	struct loop loop = { .dp = dp, .epoll_fd = -1 };
	int err = loop_prepare(&loop);

	if (err)
		log_err("cannot wait for events: %s", strerror(-err));
	else
		sd_notify(0, "READY=1");
	while (!err && !loop.is_over)
		err = turn(&loop);
	sd_notify(0, "STOPPING=1");
	if (loop.epoll_fd >= 0)
		close(loop.epoll_fd);
	return err;
}
