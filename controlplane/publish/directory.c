/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/publish/directory.h"

#include <stdio.h>
#include <string.h>

#include "config/base/clock.h"
#include "controlplane/model/maglev.h"

/* ---- Writing, so that a successor can read it at any point ---- */

static void entry_write(struct lb_directory_entry *entry, uint64_t hash, const char *name)
{
	__atomic_store_n(&entry->name_hash, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (hash == 0)
		return;
	memset(entry->name, 0, sizeof(entry->name));
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	entry->health = HEALTH_UNKNOWN;
	entry->gone = 0;
	__atomic_store_n(&entry->name_hash, hash, __ATOMIC_RELEASE);
}

static void name_write(struct lb_directory_entry *entry, uint64_t *written, uint64_t hash,
		       const char *name)
{
	if (*written == hash)
		return;
	entry_write(entry, hash, name);
	*written = hash;
}

/* Most indices were never used: a change must not scan all of them. */
static uint32_t indices_end(const struct publish_directory *directory, const struct model *model)
{
	uint32_t count;

	model_instances(model, &count);
	return count > directory->instance_end ? count : directory->instance_end;
}

void publish_directory_names(struct publish_directory *directory, const struct model *model)
{
	static const struct lb_secret none;
	struct lb_directory *shared = directory->shared;
	uint32_t end = indices_end(directory, model);

	directory->instance_end = end;
	for (uint32_t i = 0; i < end; i++) {
		const struct model_instance *instance = model_instance_at(model, i);

		if (instance || directory->instance[i])
			name_write(&shared->instance[i], &directory->instance[i],
				   instance ? instance->key | 1 : 0,
				   instance ? instance->path : "");
		if (instance)
			shared->instance[i].gone = !instance->pool && !instance->leaving;
	}
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++) {
		const struct model_pool *pool = model_pool_by_id(model, i);

		name_write(&shared->pool[i], &directory->pool[i],
			   pool ? maglev_key(&none, pool->name) | 1 : 0, pool ? pool->name : "");
	}
	shared->service_id_last = model_service_id_last(model);
	__atomic_store_n(&shared->published, 1, __ATOMIC_RELEASE);
}

void publish_directory_states(struct publish_directory *directory, const struct model *model)
{
	for (uint32_t i = 0; i < directory->instance_end; i++) {
		const struct model_instance *instance = model_instance_at(model, i);
		struct lb_directory_entry *entry = &directory->shared->instance[i];

		if (!instance || (!instance->pool && !instance->leaving) || !directory->instance[i])
			continue;
		entry->health = (uint8_t)instance->health;
	}
}

/* ---- Which buffer runs ---- */

static uint8_t *block_flags(struct lb_directory *shared, uint32_t kind, uint32_t pool)
{
	switch (kind) {
	case LB_BLOCK_PARAMS:
		return &shared->params_buffer;
	case LB_BLOCK_SERVICES:
		return &shared->services_buffer;
	case LB_BLOCK_INSTANCES:
		return &shared->instances_buffer;
	default:
		return &shared->pool_buffer[pool];
	}
}

/* Check that a block ends within its buffer, whatever was written there. */
static uint32_t block_bytes(const struct publish_directory *directory, uint32_t kind, uint32_t pool,
			    uint32_t buffer)
{
	const struct lb_directory *shared = directory->shared;
	uint32_t n;

	switch (kind) {
	case LB_BLOCK_PARAMS:
		return sizeof(struct lb_params);
	case LB_BLOCK_SERVICES:
		return shared->services_bytes[buffer];
	case LB_BLOCK_INSTANCES:
		n = shared->instances_count[buffer];
		return n <= LB_INSTANCES_MAX ? n * (uint32_t)sizeof(struct lb_instance) : 0;
	default:
		n = shared->pool_slots[pool][buffer];
		return n <= LB_POOL_SLOTS_MAX ? n * (uint32_t)sizeof(uint16_t) : 0;
	}
}

static const void *running_buffer(const struct publish_directory *directory, uint32_t kind,
				  uint32_t pool, uint32_t *bytes)
{
	uint8_t flags = *block_flags(directory->shared, kind, pool);

	*bytes = 0;
	if (!(flags & LB_DIRECTORY_RUNS))
		return NULL;
	*bytes = block_bytes(directory, kind, pool, flags & LB_DIRECTORY_BUFFER);
	return publish_link_buffer(directory->link, kind, pool, flags & LB_DIRECTORY_BUFFER);
}

const void *publish_directory_running(const struct publish_directory *directory,
				      const struct publish_block *block, uint32_t *bytes)
{
	return running_buffer(directory, block->kind, block->pool, bytes);
}

const uint16_t *publish_directory_previous(const struct publish_directory *directory, uint32_t pool,
					   uint32_t *slots)
{
	uint8_t flags = directory->shared->pool_buffer[pool];
	uint32_t buffer = flags & LB_DIRECTORY_BUFFER ? 0 : 1;

	*slots = 0;
	if (!(flags & LB_DIRECTORY_RUNS) || (flags & LB_DIRECTORY_SENT) ||
	    !directory->shared->pool_changed_ns[pool])
		return NULL;
	*slots = block_bytes(directory, LB_BLOCK_POOL, pool, buffer) / (uint32_t)sizeof(uint16_t);
	return publish_link_buffer(directory->link, LB_BLOCK_POOL, pool, buffer);
}

uint32_t publish_directory_spare(const struct publish_directory *directory,
				 const struct publish_block *block)
{
	uint8_t flags = *block_flags(directory->shared, block->kind, block->pool);

	return flags & LB_DIRECTORY_BUFFER ? 0 : 1;
}

static void length_write(struct lb_directory *shared, const struct publish_block *block,
			 uint32_t buffer)
{
	if (block->kind == LB_BLOCK_SERVICES)
		shared->services_bytes[buffer] = block->bytes;
	else if (block->kind == LB_BLOCK_INSTANCES)
		shared->instances_count[buffer] = block->count;
	else if (block->kind == LB_BLOCK_POOL)
		shared->pool_slots[block->pool][buffer] = block->count;
}

void publish_directory_sent(struct publish_directory *directory, const struct publish_batch *batch,
			    uint64_t generation)
{
	struct lb_directory *shared = directory->shared;

	/* Not in use yet: a successor that finds marks without a command "
"recognizes them by this. */
	__atomic_store_n(&shared->generation, generation, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < batch->block_count; i++) {
		const struct publish_block *block = &batch->block[i];
		uint8_t *flags = block_flags(shared, block->kind, block->pool);

		length_write(shared, block, publish_directory_spare(directory, block));
		__atomic_store_n(flags, *flags | LB_DIRECTORY_SENT, __ATOMIC_RELEASE);
	}
}

/* In a single store, so that a block is never handled twice. Return: whether it runs now. */
static bool flags_answered(uint8_t *flags, bool runs)
{
	uint8_t now = *flags & (uint8_t)~LB_DIRECTORY_SENT;

	if (!(*flags & LB_DIRECTORY_SENT))
		return false;
	if (runs)
		now = (uint8_t)((now ^ LB_DIRECTORY_BUFFER) | LB_DIRECTORY_RUNS);
	__atomic_store_n(flags, now, __ATOMIC_RELEASE);
	return runs;
}

void publish_directory_answered(struct publish_directory *directory, bool runs)
{
	struct lb_directory *shared = directory->shared;

	flags_answered(&shared->params_buffer, runs);
	flags_answered(&shared->services_buffer, runs);
	flags_answered(&shared->instances_buffer, runs);
	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (flags_answered(&shared->pool_buffer[pool], runs))
			shared->pool_changed_ns[pool] = clock_now_ns();
}

void publish_directory_retired(struct publish_directory *directory, uint64_t pools)
{
	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++)
		if (pools >> pool & 1)
			directory->shared->pool_changed_ns[pool] = 0;
}

/* ---- Adoption ---- */

void publish_directory_attach(struct publish_directory *directory, const struct publish_link *link,
			      uint64_t in_use)
{
	struct lb_directory *shared = link->directory;

	directory->link = link;
	directory->shared = shared;
	publish_directory_answered(directory, in_use >= shared->generation);
	directory->instance_end = 0;
	for (uint32_t i = 0; i < LB_INSTANCES_MAX; i++) {
		directory->instance[i] = shared->instance[i].name_hash;
		if (directory->instance[i])
			directory->instance_end = i + 1;
	}
	for (uint32_t i = 0; i < LB_POOLS_MAX; i++)
		directory->pool[i] = shared->pool[i].name_hash;
}

/* Only the ids of this table are used, but its lookups must end within the buffer. */
static const struct lb_service_table *services_read(const struct publish_directory *directory)
{
	uint32_t bytes;
	const struct lb_service_table *table =
		running_buffer(directory, LB_BLOCK_SERVICES, 0, &bytes);
	uint64_t slots = table ? (uint64_t)table->mask + 1 : 0;

	if (!table || slots > LB_SERVICE_SLOTS_MAX || (slots & (slots - 1)) != 0 ||
	    sizeof(*table) + slots * sizeof(*table->slot) + table->access_words * sizeof(uint64_t) >
		    bytes)
		return NULL;
	return table;
}

bool publish_directory_read(const struct publish_directory *directory,
			    struct model_running *running)
{
	uint32_t bytes;

	*running = (struct model_running){ .directory = directory->shared };
	if (!__atomic_load_n(&directory->shared->published, __ATOMIC_ACQUIRE))
		return false;
	running->params = running_buffer(directory, LB_BLOCK_PARAMS, 0, &bytes);
	running->instances = running_buffer(directory, LB_BLOCK_INSTANCES, 0, &bytes);
	running->instance_count = bytes / (uint32_t)sizeof(struct lb_instance);
	running->services = services_read(directory);
	for (uint32_t pool = 0; pool < LB_POOLS_MAX; pool++) {
		running->slots[pool] = running_buffer(directory, LB_BLOCK_POOL, pool, &bytes);
		running->slot_count[pool] = bytes / (uint32_t)sizeof(uint16_t);
	}
	return true;
}
