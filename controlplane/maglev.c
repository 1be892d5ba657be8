/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/abi/lb_abi.h"

/*
 * The last free slots would cost half of all draws: with k of M free, M / k of them each. So few are
 * left to a scan for the best score; more would move more slots when a member comes or goes.
 */
#define MAGLEV_SCAN 32

#define MAGLEV_WORDS ((LB_POOL_SLOTS_MAX + 63) / 64)

/* Members of one weight. They have their turns together, at the times (round + 1/2) / weight. */
struct maglev_class {
	uint32_t first;
	uint32_t count;
	uint32_t weight;
	uint32_t round;
};

struct maglev {
	struct maglev_class *classes; /* a heap: the one whose turn it is comes first */
	uint32_t n_classes;
	struct maglev_member *members;
	uint16_t *slots;
	uint32_t n_slots;
	uint32_t left; /* free slots */
	uint64_t free[MAGLEV_WORDS];
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

/* Equal times: the heavier first. */
static bool class_is_before(const struct maglev_class *a, const struct maglev_class *b)
{
	uint64_t left = (2 * (uint64_t)a->round + 1) * b->weight;
	uint64_t right = (2 * (uint64_t)b->round + 1) * a->weight;

	return left != right ? left < right : a->weight > b->weight;
}

static void heap_sift(struct maglev_class *heap, uint32_t n, uint32_t at)
{
	struct maglev_class moving = heap[at];
	uint32_t child;

	for (; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && class_is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!class_is_before(&heap[child], &moving))
			break;
		heap[at] = heap[child];
	}
	heap[at] = moving;
}

/* Group sorted members. Heavier classes come first, so this is a heap already. */
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
}

static void maglev_free_all(struct maglev *m)
{
	uint32_t words = m->n_slots / 64, rest = m->n_slots % 64;

	memset(m->free, 0xff, words * sizeof(m->free[0]));
	if (rest)
		m->free[words] = (1ULL << rest) - 1;
	m->left = m->n_slots;
}

static void maglev_take(struct maglev *m, const struct maglev_member *member, uint32_t slot)
{
	m->free[slot / 64] &= ~(1ULL << slot % 64);
	m->slots[slot] = member->value;
	m->left--;
}

/*
 * Turns of members from @member to @end, as long as there are slots enough: each takes the first free
 * slot of the rest of its list. All the time of a build is spent here, so everything is in registers.
 * Return: the member whose turn it is next.
 */
static struct maglev_member *maglev_draw(struct maglev *m, struct maglev_member *member,
					 const struct maglev_member *end)
{
	uint64_t *free_slots = m->free;
	uint16_t *slots = m->slots;
	uint32_t n_slots = m->n_slots, left = m->left;

	for (; member < end && left > MAGLEV_SCAN; member++, left--) {
		uint64_t draw = member->draw;
		uint32_t slot;

		do {
			draw += LB_HASH_MUL2;
			slot = lb_flow_slot((draw ^ draw >> 32) * LB_HASH_MUL1, n_slots);
		} while (!(free_slots[slot / 64] >> slot % 64 & 1));
		member->draw = draw;
		free_slots[slot / 64] &= ~(1ULL << slot % 64);
		slots[slot] = member->value;
	}
	m->left = left;
	return member;
}

/* Of the free slots, the one with the member's lowest score. */
static uint32_t maglev_scan(const struct maglev *m, const struct maglev_member *member)
{
	uint64_t best = UINT64_MAX;
	uint32_t found = 0;

	for (uint32_t word = 0; word <= (m->n_slots - 1) / 64; word++) {
		for (uint64_t bits = m->free[word]; bits; bits &= bits - 1) {
			uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
			uint64_t score = lb_hash_mix(member->key ^ slot * LB_HASH_MUL1);

			if (score <= best) {
				best = score;
				found = slot;
			}
		}
	}
	return found;
}

/* One round of one class: a turn for each of its members, as long as there are slots. */
static void maglev_round(struct maglev *m, const struct maglev_class *class)
{
	struct maglev_member *member = m->members + class->first;
	struct maglev_member *end = member + class->count;

	member = maglev_draw(m, member, end);
	for (; member < end && m->left > 0; member++)
		maglev_take(m, member, maglev_scan(m, member));
}

int maglev_build(struct maglev_member *members, uint32_t n, uint16_t *slots, uint32_t n_slots)
{
	struct maglev m = { .members = members, .slots = slots, .n_slots = n_slots };
	struct maglev_class *classes;

	if (n == 0 || n > n_slots || n_slots > LB_POOL_SLOTS_MAX)
		return -EINVAL;
	qsort(members, n, sizeof(*members), member_compare);
	if (members[n - 1].weight == 0)
		return -EINVAL;
	classes = calloc(n, sizeof(*classes));
	if (!classes)
		return -ENOMEM;
	m.classes = classes;
	for (uint32_t i = 0; i < n; i++)
		members[i].draw = lb_hash_mix(members[i].key + 1);
	maglev_classify(&m, n);
	maglev_free_all(&m);
	while (m.left > 0) {
		maglev_round(&m, &classes[0]);
		classes[0].round++;
		heap_sift(classes, m.n_classes, 0);
	}
	free(classes);
	return 0;
}
