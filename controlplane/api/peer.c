/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "controlplane/api/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "config/base/log.h"

#define CONTROL_GROUP_DEFAULT "sluice"

/*
 * The groups of the process itself, not those that a directory service lists for its user: no
 * lookup that could block, and a process that dropped a group doesn't have it.
 */
static int control_peer_groups(int fd, struct control_peer *peer)
{
	socklen_t bytes = 64 * sizeof(gid_t);

	for (;;) {
		gid_t *groups = realloc(peer->groups, bytes);

		if (groups == NULL)
			return -ENOMEM;
		peer->groups = groups;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) == 0)
			break;
		/* On ERANGE, bytes has been set to the size needed. */
		if (errno != ERANGE || bytes > CONTROL_GROUPS_MAX * sizeof(gid_t))
			return -errno;
	}
	peer->group_count = bytes / sizeof(gid_t);
	return 0;
}

int control_peer_get(int fd, struct control_peer *peer)
{
	struct ucred credentials;
	socklen_t bytes = sizeof(credentials);
	int err;

	*peer = (struct control_peer){ 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0)
		return -errno;
	peer->pid = credentials.pid;
	peer->uid = credentials.uid;
	peer->gid = credentials.gid;
	err = control_peer_groups(fd, peer);
	if (err != 0)
		control_peer_fini(peer);
	return err;
}

void control_peer_fini(struct control_peer *peer)
{
	free(peer->groups);
	peer->groups = NULL;
	peer->group_count = 0;
}

bool control_peer_allowed(const struct control_peer *peer, uid_t daemon_uid, gid_t group)
{
	if (peer->uid == 0 || peer->uid == daemon_uid || peer->gid == group)
		return true;
	for (unsigned int i = 0; i < peer->group_count; i++) {
		if (peer->groups[i] == group)
			return true;
	}
	return false;
}

void control_peer_name(uid_t uid, char name[CONTROL_PEER_NAME_MAX])
{
	FILE *file = fopen("/etc/passwd", "re");
	char line[1024];
	struct passwd entry = { .pw_uid = 0 }, *found = NULL;

	snprintf(name, CONTROL_PEER_NAME_MAX, "uid %u", uid);
	while (file != NULL && fgetpwent_r(file, &entry, line, sizeof(line), &found) == 0) {
		if (entry.pw_uid != uid)
			continue;
		snprintf(name, CONTROL_PEER_NAME_MAX, "%s", entry.pw_name);
		break;
	}
	if (file != NULL)
		fclose(file);
}

gid_t control_peer_group(const char *name)
{
	const struct group *group = getgrnam(name != NULL ? name : CONTROL_GROUP_DEFAULT);

	if (group != NULL)
		return group->gr_gid;
	if (name != NULL)
		log_warn("control: no group \"%s\": only root may use the socket", name);
	return 0;
}
