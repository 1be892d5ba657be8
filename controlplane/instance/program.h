/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The BPF program on an interface's XDP hook: load, attach, find again, detach.
 *
 * The hook is set through rtnetlink, without a BPF link and without pins. The network device holds
 * the program and the program its maps, so all of it outlives the command and is freed with the
 * device. A pin would need a bpffs that every later command sees; inside `ip netns exec` there is
 * none, since each command gets its own /sys.
 */
#ifndef INSTANCE_PROGRAM_H
#define INSTANCE_PROGRAM_H

#include <stdbool.h>

#include "bpf/sluice_instance.h"

enum program_mode {
	PROGRAM_AUTO,	/* native if the driver supports it, else generic */
	PROGRAM_NATIVE, /* in the driver */
	PROGRAM_GENERIC /* in the stack, on any device */
};

/* Owns its file descriptors; -1 if not open. */
struct program {
	__u32 id;
	enum program_mode mode; /* never PROGRAM_AUTO once attached */
	int prog_fd;
	int reply_fd; /* the program for tc egress: of a program that was loaded, not of one found */
	int state_fd;
	int vips_fd;
	int from_fd;
	int counts_fd;
	int ports_fd; /* this and the next: -1 for a version without port mapping */
	int replies_fd;
	__u32 n_counts; /* reasons that it counts: older versions have fewer */
};

/* The program on a hook that isn't ours. */
struct program_holder {
	__u32 id;
	char name[16];
};

/** Set all descriptors to -1. */
void program_init(struct program *program);

/** Close all descriptors. What is attached stays attached. */
void program_close(struct program *program);

/**
 * Open the program that an earlier attach left on @ifindex.
 * Return: 0; -ENOENT if the hook is free; -EBUSY if another program has it (@holder says which);
 * -EPROTO if it is ours, of a version whose maps we can't read; or -errno.
 */
int program_find(int ifindex, struct program *program, struct program_holder *holder);

/**
 * Open a program for tc egress that an earlier attach left, and its maps.
 * Return: 0; -EPROTO if it is not ours; or -errno. It is closed then.
 */
int program_open_reply(struct program *program, __u32 id);

/**
 * Load a fresh program.
 * @maps: program whose maps the new one shares, or NULL for maps of its own. Counters are shared
 * only if it has as many.
 * @frags: accept frames of several buffers (kernel 5.18).
 * Return: 0, or -errno; libbpf's log is captured, see report.h.
 */
int program_load(struct program *program, const struct program *maps, bool frags);

/**
 * Attach @program to the free hook of @ifindex.
 * Return: 0, -EEXIST or -EBUSY if the hook isn't free, or the driver's -errno.
 */
int program_attach(struct program *program, int ifindex, enum program_mode mode);

/**
 * Replace @old by @program; no packet passes between the two.
 * Return: 0, or -errno.
 */
int program_replace(struct program *program, int ifindex, const struct program *old);

/**
 * Detach @program from @ifindex.
 * Return: 0, -EEXIST if another program is there by now, or -errno.
 */
int program_detach(const struct program *program, int ifindex);

/** Whether both have the same code. */
bool program_same_code(const struct program *a, const struct program *b);

/** "native" or "generic". */
const char *program_mode_name(enum program_mode mode);

#endif
