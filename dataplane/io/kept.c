/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/io/kept.h"
#include "dataplane/abi/lb_abi_hash.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "config/base/log.h"
#include "dataplane/abi/lb_check.h"
#include "dataplane/engine/recover.h"

#define SLUICED_MS 5000 /* which a busy machine's sluiced may need to answer */
#define RETRY_MS 10

/* Descriptors from one keeper; -1: none. */
struct found {
	const char *keeper;
	int segment_fd;
	int flows_fd;
};

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void found_close(struct found *found)
{
	fd_close(&found->segment_fd);
	fd_close(&found->flows_fd);
}

/* ---- Keepers ---- */

/* Other descriptors stay open: they are not ours. */
static struct found systemd_ask(void)
{
	struct found found = { "systemd", -1, -1 };
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (strcmp(names[i], LB_KEPT_NAME_SEGMENT) == 0 && found.segment_fd < 0)
			found.segment_fd = fd;
		else if (strcmp(names[i], LB_KEPT_NAME_FLOWS) == 0 && found.flows_fd < 0)
			found.flows_fd = fd;
		free(names[i]);
	}
	free(names);
	return found;
}

/* Return: 0: @fd is readable; -ETIMEDOUT; -ECANCELED. */
static int readable_wait(int fd, uint64_t until_ns, int stop_fd)
{
	struct pollfd fds[] = { { .fd = stop_fd, .events = POLLIN },
				{ .fd = fd, .events = POLLIN } };
	uint64_t now = clock_now_ns();
	int n = now < until_ns ? poll(fds, 2, (int)((until_ns - now) / 1000000) + 1) : 0;

	if (n > 0 && fds[0].revents)
		return -ECANCELED;
	return n > 0 ? 0 : -ETIMEDOUT;
}

/* Return: the socket or -errno. -ENOENT, -ECONNREFUSED: there is no sluiced. */
static int sluiced_connect(const char *run_dir, uint64_t until_ns, int stop_fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int length = snprintf(to.sun_path, sizeof(to.sun_path), "%s/" LB_KEPT_SOCKET, run_dir);
	int fd, err = 0;

	if (length < 0 || (size_t)length >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
		err = -errno;
		/* EAGAIN: others wait for it */
		if (err != -EAGAIN || clock_now_ns() >= until_ns)
			break;
		err = readable_wait(-1, clock_now_ns() + RETRY_MS * 1000000ull, stop_fd);
		if (err == -ECANCELED)
			break;
		err = 0;
	}
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Return: 0 or -errno; without descriptors if sluiced has none. */
static int hello_receive(int fd, struct found *found)
{
	struct lb_hello hello = { .magic = 0 };
	struct iovec iov = { &hello, sizeof(hello) };
	union {
		char bytes[CMSG_SPACE(LB_KEPT_FDS * sizeof(int))];
		struct cmsghdr align;
	} rights = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = rights.bytes,
			      .msg_controllen = sizeof(rights.bytes) };
	int fds[LB_KEPT_FDS] = { -1, -1 };
	struct cmsghdr *cmsg;
	ssize_t bytes = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	cmsg = bytes >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(cmsg), cmsg->cmsg_len - CMSG_LEN(0));
	found->segment_fd = fds[0];
	found->flows_fd = fds[1];
	if (bytes == sizeof(hello) && hello.magic == LB_ABI_MAGIC)
		return 0;
	found_close(found);
	return bytes < 0 ? -errno : -EPROTO;
}

static int sluiced_ask(struct found *found, const char *run_dir, int stop_fd)
{
	uint64_t until_ns = clock_now_ns() + SLUICED_MS * 1000000ull;
	int fd = sluiced_connect(run_dir, until_ns, stop_fd), err;

	*found = (struct found){ "sluiced", -1, -1 };
	if (fd < 0)
		return fd;
	err = readable_wait(fd, until_ns, stop_fd);
	if (!err)
		err = hello_receive(fd, found);
	close(fd);
	return err;
}

/* ---- Checks ---- */

static void __attribute__((format(printf, 2, 3))) note(struct kept *kept, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(kept->note, sizeof(kept->note), format, values);
	va_end(values);
}

static bool sizes_check(struct kept *kept, const struct found *found, const struct plan *plan)
{
	struct lb_kept sizes = flow_memory_sizes(found->flows_fd);

	if (sizes.magic != LB_KEPT_MAGIC)
		note(kept, "what %s had is incomplete", found->keeper);
	else if (sizes.abi_hash != lb_abi_hash())
		note(kept, "they are of another release (layout %08x, this one has %08x)",
		     sizes.abi_hash, lb_abi_hash());
	else if (sizes.n_workers != plan->n_workers)
		note(kept, "node.cpus has changed, from %u workers to %u", sizes.n_workers,
		     plan->n_workers);
	else if (sizes.n_buckets != plan->flow_buckets)
		note(kept, "node.flows has changed");
	else if (sizes.n_records != plan->nat_records)
		note(kept, "services begin or cease to be nat, or node.nat_ports has changed");
	else
		return true;
	return false;
}

static bool params_check(struct kept *kept, const struct plan *plan)
{
	const struct lb_params *params = recover_params(&kept->segment);
	uint64_t timeout = 0, down_ns;

	kept->ended_ns = kept->segment.node_stats->heartbeat_ns;
	if (kept->ended_ns < kept->segment.shared->started_ns)
		kept->ended_ns = kept->segment.shared->started_ns;
	down_ns = clock_now_ns() > kept->ended_ns ? clock_now_ns() - kept->ended_ns : 0;
	if (!params || lb_check_params(params)) {
		note(kept, "the predecessor never had its tables");
		return false;
	}
	if (memcmp(params->secret, plan->node->secret, sizeof(params->secret)) != 0) {
		note(kept, "node.secret has changed");
		return false;
	}
	/* Without a service of nat none are published, and there are no records. */
	if (plan->nat_records && params->nat.port_first &&
	    (params->nat.port_first != plan->node->nat_port_first ||
	     params->nat.port_last != plan->node->nat_port_last)) {
		note(kept, "node.nat_ports has changed");
		return false;
	}
	for (uint32_t i = LB_FLOW_UNCONFIRMED; i < LB_FLOW_STATES; i++)
		if (params->timeouts.ticks[i] > timeout)
			timeout = params->timeouts.ticks[i];
	if (down_ns / LB_FLOW_TICK_NS <= timeout)
		return true;
	note(kept, "all had expired: there was no dataplane for %u s",
	     (uint32_t)(down_ns / 1000000000u));
	return false;
}

/* Descriptors that are used are taken out of @found. */
static bool found_check(struct kept *kept, struct found *found, const struct plan *plan)
{
	enum flow_memory_fault fault;

	if (!sizes_check(kept, found, plan))
		return false;
	if (segment_map(&kept->segment, found->segment_fd, plan->n_workers)) {
		note(kept, "the segment that %s had is damaged", found->keeper);
		return false;
	}
	found->segment_fd = -1;
	fault = flow_memory_adopt(&kept->flows, found->flows_fd, plan->n_workers,
				  plan->flow_buckets, plan->nat_records, kept->segment.boot_id);
	if (!fault)
		found->flows_fd = -1;
	else
		note(kept, "what %s had is damaged (%d)", found->keeper, fault);
	kept->is_found = !fault && params_check(kept, plan);
	if (!kept->is_found) {
		flow_memory_destroy(&kept->flows);
		segment_destroy(&kept->segment);
	}
	return kept->is_found;
}

int kept_find(struct kept *kept, const struct plan *plan, const char *run_dir, int stop_fd)
{
	struct found found = systemd_ask();
	int err;

	*kept = (struct kept){ .is_found = false };
	note(kept, "neither sluiced nor systemd had any");
	if (plan->has_handover) {
		kept->note[0] = '\0';
		found_close(&found);
		return 0;
	}
	kept->keeper = found.keeper;
	if (found.segment_fd >= 0 && found.flows_fd >= 0)
		kept->is_stored = found_check(kept, &found, plan);
	found_close(&found);
	if (kept->is_found)
		return 0;
	err = sluiced_ask(&found, run_dir, stop_fd);
	if (err == -ETIMEDOUT || err == -EACCES || err == -EPROTO)
		note(kept, "sluiced does not answer on " LB_KEPT_SOCKET ": %s", strerror(-err));
	kept->keeper = found.keeper;
	if (found.segment_fd >= 0 && found.flows_fd >= 0)
		(void)found_check(kept, &found, plan);
	found_close(&found);
	return err == -ECANCELED ? err : 0;
}

void kept_drop(struct kept *kept)
{
	flow_memory_destroy(&kept->flows);
	segment_destroy(&kept->segment);
	kept->is_found = false;
}

/* ---- For a successor ---- */

static void store(const char *name, int fd)
{
	char text[128];
	int err;

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	sd_notify(0, text);
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	err = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	if (err < 0)
		log_warn("%s cannot be given to systemd to be kept: %s", name, strerror(-err));
}

void kept_store(const struct segment *segment, const struct flow_memory *flows)
{
	store(LB_KEPT_NAME_SEGMENT, segment->memfd);
	store(LB_KEPT_NAME_FLOWS, flows->fd);
}
