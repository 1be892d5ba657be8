/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The BPF program on an interface's XDP hook: load it, put it on, find it again, take it off.
 *
 * The hook is set through rtnetlink, without a BPF link and without pins. The network device itself
 * then holds the program and the program its maps, so all of it outlives the command and goes with
 * the device. A pin would need a bpffs that every later command sees; inside `ip netns exec`
 * there is none, since each command gets a /sys of its own.
 */
#ifndef INSTANCE_PROGRAM_H
#define INSTANCE_PROGRAM_H

#include <stdbool.h>

#include "bpf/sluice_instance.h"

enum program_mode {
	PROGRAM_AUTO,	/* native if the driver can, else generic */
	PROGRAM_NATIVE, /* in the driver */
	PROGRAM_GENERIC /* in the stack, on any device */
};

/* File descriptors are this struct's own; -1 if not open. */
struct program {
	__u32 id;
	enum program_mode mode; /* never PROGRAM_AUTO once attached */
	int prog_fd;
	int state_fd;
	int vips_fd;
	int from_fd;
	int counts_fd;
};

/* Who is on a hook that isn't ours. */
struct program_holder {
	__u32 id;
	char name[16];
};

/** Set all descriptors to -1. */
void program_init(struct program *program);

/** Close all descriptors. What is attached stays so. */
void program_close(struct program *program);

/**
 * Open the program that an earlier attach left on @ifindex.
 * Return: 0; -ENOENT if the hook is free; -EBUSY if another program has it (@holder says which);
 * -EPROTO if it is ours, of a version whose maps we can't read; or -errno.
 */
int program_find(int ifindex, struct program *program, struct program_holder *holder);

/**
 * Load a fresh program.
 * @maps: program whose maps the new one shall share, or NULL for maps of its own.
 * @frags: accept frames of several buffers (kernel 5.18).
 * Return: 0, or -errno; libbpf's log is captured, see report.h.
 */
int program_load(struct program *program, const struct program *maps, bool frags);

/**
 * Put @program on the free hook of @ifindex.
 * Return: 0, -EEXIST or -EBUSY if the hook isn't free, or -errno: the driver's refusal.
 */
int program_attach(struct program *program, int ifindex, enum program_mode mode);

/**
 * Put @program in the place of @old, without a packet between them.
 * Return: 0, or -errno.
 */
int program_replace(struct program *program, int ifindex, const struct program *old);

/**
 * Take @program off @ifindex.
 * Return: 0, -EEXIST if another program is there by now, or -errno.
 */
int program_detach(const struct program *program, int ifindex);

/** Whether both hold the same code. */
bool program_same_code(const struct program *a, const struct program *b);

/** "native" or "generic". */
const char *program_mode_name(enum program_mode mode);

#endif
