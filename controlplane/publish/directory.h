/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The directory in the segment (dataplane/abi/lb_abi.h): what a successor of this process needs to
 * know. This process may be killed between any two stores, so:
 *
 * - an entry's name is written before its hash, and the hash is erased before its name; an entry
 *   never moves. Names are written before anything that has their index is sent.
 * - a block is marked as sent before the command leaves, and as running after the answer. A
 *   successor waits until the dataplane has taken all commands, then learns from the generation in
 *   use what became of those sent last.
 *
 * Internal to the ring backend. Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_PUBLISH_DIRECTORY_H
#define CONTROLPLANE_PUBLISH_DIRECTORY_H

#include "controlplane/model/model.h"
#include "controlplane/publish/backend.h"
#include "controlplane/publish/segment.h"

struct publish_directory {
	const struct publish_link *link;
	struct lb_directory *shared;
	/* hashes as written, so that a comparison finds what is new */
	uint64_t instance[LB_INSTANCES_MAX];
	uint32_t instance_end; /* one past the last index that ever had a name */
	uint64_t pool[LB_POOLS_MAX];
};

/**
 * Start with a segment whose dataplane has taken all commands.
 * @in_use: the generation that it uses.
 */
void publish_directory_attach(struct publish_directory *directory, const struct publish_link *link,
			      uint64_t in_use);

/** What runs, for model_adopt(). Return: false if nothing was ever published. */
bool publish_directory_read(const struct publish_directory *directory,
			    struct model_running *running);

/** Write the names of all instances and pools. */
void publish_directory_names(struct publish_directory *directory, const struct model *model);

/** Write admin states, health and weights. */
void publish_directory_states(struct publish_directory *directory, const struct model *model);

/** The buffer of the running block, and its length; or NULL. */
const void *publish_directory_running(const struct publish_directory *directory,
				      const struct publish_block *block, uint32_t *bytes);

/** A pool's previous table, while it is kept and not being replaced; or NULL. @slots: set. */
const uint16_t *publish_directory_previous(const struct publish_directory *directory, uint32_t pool,
					   uint32_t *slots);

/** The buffer that may be written: the one not in use. */
uint32_t publish_directory_spare(const struct publish_directory *directory,
				 const struct publish_block *block);

/** To be called just before a batch is sent. */
void publish_directory_sent(struct publish_directory *directory, const struct publish_batch *batch,
			    uint64_t generation);

/** Its answer arrived: everything marked as sent now runs, or never will. */
void publish_directory_answered(struct publish_directory *directory, bool runs);

/** The previous generations of these pools (a bit each) were released. */
void publish_directory_retired(struct publish_directory *directory, uint64_t pools);

#endif
