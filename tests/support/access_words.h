/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of clients as dataplanes get them (core/lb_access.h), written from ranges. */
#ifndef TESTS_ACCESS_WORDS_H
#define TESTS_ACCESS_WORDS_H

#include <stdint.h>

#define ACCESS_WORDS_MAX 512

struct access_range4 {
	uint32_t first; /* host order; of the first range 0 */
	uint32_t rule;
};

struct access_range6 {
	uint64_t high, low;
	uint64_t rule;
};

struct access_lists {
	const struct access_range4 *ipv4;
	uint32_t n_ipv4;
	const struct access_range6 *ipv6;
	uint32_t n_ipv6;
};

/**
 * The same lists for some listeners.
 * @word: ACCESS_WORDS_MAX. @ids: ascending.
 * Return: how many words.
 */
uint32_t access_words_make(uint64_t *word, const uint16_t *ids, uint32_t n_ids,
			   const struct access_lists *lists);

#endif
