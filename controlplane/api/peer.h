/* SPDX-License-Identifier: BSD-3-Clause */
/* Identity of the peer of a UNIX socket, and whether it may send commands. Any thread. */
#ifndef CONTROLPLANE_API_PEER_H
#define CONTROLPLANE_API_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* Linux's limit per process. */
#define CONTROL_GROUPS_MAX 65536

struct control_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary; owned */
	unsigned int group_count;
};

/**
 * Ask the kernel for the peer's credentials, as of connect(2).
 * @peer: filled in; to be freed with control_peer_fini().
 * Return: 0 or -errno.
 */
int control_peer_get(int fd, struct control_peer *peer);

void control_peer_fini(struct control_peer *peer);

/** Allowed: root, the daemon's own user and members of the group. */
bool control_peer_allowed(const struct control_peer *peer, uid_t daemon_uid, gid_t group);

/**
 * The name of a user of this machine, from /etc/passwd alone: a directory service could block.
 * @name: set; "uid 4711" if the user is not there.
 */
#define CONTROL_PEER_NAME_MAX 64
void control_peer_name(uid_t uid, char name[CONTROL_PEER_NAME_MAX]);

/**
 * The group of the socket.
 * @name: node.control_group; NULL: "sluice" if it exists, else root.
 * Return: its id; root's, and a log line, if the named group doesn't exist.
 */
gid_t control_peer_group(const char *name);

#endif
