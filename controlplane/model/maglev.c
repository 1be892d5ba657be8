/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/model/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/model/maglev_draw.h"

/*
 * The last free slots would take half of all draws: with k of M free, M / k draws each. So a few
 * are assigned by the best score; more would move more slots when a member is added or removed.
 */
#define MAGLEV_REST 32

/* Draw slots for roughly this many turns in advance. */
#define MAGLEV_TURNS 32

/* A member's next slots: free when drawn, in the order of its list. */
struct maglev_queue {
	uint64_t draw;
	uint32_t next;
	uint32_t end;
	uint32_t slot[MAGLEV_STEPS_MAX * MAGLEV_STEP];
};

/* Members of one weight. They take their turns together, at the times (round + 1/2) / weight. */
struct maglev_class {
	uint32_t first;
	uint32_t count;
	uint32_t weight;
	uint32_t round;
};

/*
 * When a class has its turn, in units of 2^-32, rounded down: with weights this small, only times
 * that are truly equal compare equal.
 */
struct maglev_time {
	uint64_t time;
	uint32_t class;
};

struct maglev {
	struct maglev_class *classes;
	uint32_t n_classes;
	uint32_t leaves; /* of the tree: a power of two */
	struct maglev_time
		*tree; /* a tournament: node i has the earlier of 2i and 2i + 1; leaves last */
	struct maglev_member *members;
	struct maglev_queue *queues; /* one per member */
	maglev_draw_fn draw;
	uint16_t *slots;
	uint32_t n;
	uint32_t n_slots;
	uint32_t left; /* free slots */
	uint32_t rest[MAGLEV_REST];
	uint32_t free[MAGLEV_WORDS];
};

uint64_t maglev_key(const struct lb_secret *secret, const char *name)
{
	size_t length = strlen(name);
	uint64_t key = lb_hash_mix(length ^ secret->word[0]);

	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = 0;

		memcpy(&word, name + i, length - i < 8 ? length - i : 8);
		key = lb_hash_mix((key ^ word) + secret->word[1]);
	}
	return lb_hash_mix(key ^ secret->word[2]);
}

static int member_compare(const void *left, const void *right)
{
	const struct maglev_member *a = left, *b = right;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (int)a->value - (int)b->value;
}

static uint64_t class_time(const struct maglev_class *class)
{
	LB_STATIC_ASSERT((uint64_t)MAGLEV_WEIGHT_MAX * MAGLEV_WEIGHT_MAX <= 1U << 31,
			 "times of two classes that differ do so by 2^-32");
	return ((2 * (uint64_t) class->round + 1) << 31) / class->weight;
}

/*
 * A class's time changed: replay its path to the root. Of equal times the heavier class comes
 * first, which is the left one. The outcome is unpredictable, so the loop is branch-free.
 */
static void tree_update(struct maglev *m, uint32_t class)
{
	struct maglev_time winner = { class_time(&m->classes[class]), class };
	uint32_t at = m->leaves + class;

	m->tree[at] = winner;
	for (; at > 1; at /= 2) {
		struct maglev_time other = m->tree[at ^ 1];
		bool wins = other.time < winner.time + (at & 1);

		winner.time = wins ? other.time : winner.time;
		winner.class = wins ? other.class : winner.class;
		m->tree[at / 2] = winner;
	}
}

static void tree_fill(struct maglev *m)
{
	for (uint32_t i = 0; i < 2 * m->leaves; i++)
		m->tree[i].time = UINT64_MAX;
	for (uint32_t i = 0; i < m->n_classes; i++)
		tree_update(m, i);
}

/* Group sorted members: heavier ones first. */
static void maglev_classify(struct maglev *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct maglev_class *last = m->n_classes ? &m->classes[m->n_classes - 1] : NULL;

		if (last && last->weight == m->members[i].weight)
			last->count++;
		else
			m->classes[m->n_classes++] = (struct maglev_class){
				.first = i,
				.count = 1,
				.weight = m->members[i].weight,
			};
	}
	while (m->leaves < m->n_classes)
		m->leaves *= 2;
}

static void maglev_free_all(struct maglev *m)
{
	uint32_t words = m->n_slots / 32, rest = m->n_slots % 32;

	memset(m->free, 0xff, words * sizeof(m->free[0]));
	if (rest)
		m->free[words] = (1U << rest) - 1;
	m->left = m->n_slots;
}

/*
 * Draw far enough ahead that a member has slots for some turns, but not so far that other members
 * will have taken many of them by then. All members draw the same number for a while, which a CPU
 * predicts well.
 */
static uint32_t maglev_steps(const struct maglev *m)
{
	uint32_t turns = m->left / (4 * m->n), steps;

	turns = turns < 1 ? 1 : turns > MAGLEV_TURNS ? MAGLEV_TURNS : turns;
	steps = turns * m->n_slots / (m->left * MAGLEV_STEP) + 1;
	return steps < MAGLEV_STEPS_MAX ? steps : MAGLEV_STEPS_MAX;
}

static void maglev_refill(const struct maglev *m, struct maglev_queue *queue)
{
	do
		queue->end =
			m->draw(&queue->draw, m->n_slots, m->free, maglev_steps(m), queue->slot);
	while (queue->end == 0);
	queue->next = 0;
}

/* A turn: the first free slot in the rest of a member's list. */
static inline void maglev_turn(struct maglev *m, struct maglev_queue *queue, uint16_t value)
{
	uint32_t slot;

	do {
		if (queue->next == queue->end)
			maglev_refill(m, queue);
		slot = queue->slot[queue->next++];
	} while (!(m->free[slot / 32] >> slot % 32 & 1));
	m->free[slot / 32] &= ~(1U << slot % 32);
	m->slots[slot] = value;
}

static void maglev_rest_collect(struct maglev *m)
{
	uint32_t n = 0;

	for (uint32_t word = 0; word <= (m->n_slots - 1) / 32; word++)
		for (uint32_t bits = m->free[word]; bits; bits &= bits - 1)
			m->rest[n++] = word * 32 + (uint32_t)__builtin_ctz(bits);
}

/* A turn when few slots are left: the one with the member's lowest score. */
static void maglev_turn_late(struct maglev *m, const struct maglev_member *member)
{
	uint64_t best = UINT64_MAX;
	uint32_t found = 0;

	for (uint32_t i = 0; i < m->left; i++) {
		uint64_t score = lb_hash_mix(member->key ^ m->rest[i] * LB_HASH_MUL1);

		if (score < best || (score == best && m->rest[i] > m->rest[found])) {
			best = score;
			found = i;
		}
	}
	m->slots[m->rest[found]] = member->value;
	m->rest[found] = m->rest[--m->left];
}

/*
 * One round of one class: a turn for each of its members, while there are slots.
 * Return: how many had a turn.
 */
static uint32_t maglev_round(struct maglev *m, const struct maglev_class *class)
{
	uint32_t turns = m->left > MAGLEV_REST ? m->left - MAGLEV_REST : 0;
	const struct maglev_member *member = m->members + class->first;
	struct maglev_queue *queue = m->queues + class->first;

	turns = turns < class->count ? turns : class->count;
	for (uint32_t i = 0; i < turns; i++)
		maglev_turn(m, &queue[i], member[i].value);
	m->left -= turns;
	if (turns > 0 && m->left <= MAGLEV_REST)
		maglev_rest_collect(m);
	for (; turns < class->count && m->left > 0; turns++)
		maglev_turn_late(m, &member[turns]);
	return turns;
}

/* A member has a slot for each round; in the last round, only the first @turns members. */
static void maglev_count(struct maglev *m, const struct maglev_class *last, uint32_t turns)
{
	for (uint32_t i = 0; i < m->n_classes; i++) {
		const struct maglev_class *class = &m->classes[i];

		for (uint32_t j = 0; j < class->count; j++)
			m->members[class->first + j].slots =
				class->round - (class == last && j >= turns);
	}
}

static void maglev_fill(struct maglev *m)
{
	struct maglev_class *class = NULL;
	uint32_t turns = 0;

	tree_fill(m);
	for (uint32_t i = 0; i < m->n; i++) {
		m->queues[i].draw = lb_hash_mix(m->members[i].key + 1);
		m->queues[i].next = m->queues[i].end = 0;
	}
	maglev_free_all(m);
	if (m->left <= MAGLEV_REST)
		maglev_rest_collect(m);
	while (m->left > 0) {
		class = &m->classes[m->tree[1].class];
		turns = maglev_round(m, class);
		class->round++;
		tree_update(m, m->tree[1].class);
	}
	maglev_count(m, class, turns);
}

/* Allocate for a build; on failure the rest stays NULL. */
static int maglev_create(struct maglev *m)
{
	m->queues = malloc(m->n * sizeof(*m->queues));
	m->classes = calloc(m->n, sizeof(*m->classes));
	if (!m->queues || !m->classes)
		return -ENOMEM;
	maglev_classify(m, m->n);
	m->tree = calloc(2 * (size_t)m->leaves, sizeof(*m->tree));
	return m->tree ? 0 : -ENOMEM;
}

int maglev_build(struct maglev_member *members, uint32_t n, uint16_t *slots, uint32_t n_slots)
{
	struct maglev m = {
		.members = members,
		.draw = maglev_draw_choose(),
		.slots = slots,
		.n = n,
		.n_slots = n_slots,
		.leaves = 1,
	};
	int err;

	if (n == 0 || n > n_slots || n_slots > LB_POOL_SLOTS_MAX)
		return -EINVAL;
	qsort(members, n, sizeof(*members), member_compare);
	if (members[n - 1].weight == 0 || members[0].weight > MAGLEV_WEIGHT_MAX)
		return -EINVAL;
	err = maglev_create(&m);
	if (!err)
		maglev_fill(&m);
	free(m.tree);
	free(m.classes);
	free(m.queues);
	return err;
}
