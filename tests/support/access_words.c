/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/access_words.h"

#include <string.h>

#include "dataplane/core/lb_service.h"

uint32_t access_words_make(uint64_t *word, const uint16_t *ids, uint32_t n_ids,
			   const struct access_lists *lists)
{
	uint64_t at = 1 + n_ids, first = at + 2;

	memset(word, 0, ACCESS_WORDS_MAX * sizeof(*word));
	word[0] = n_ids;
	for (uint32_t i = 0; i < n_ids; i++)
		word[1 + i] = (uint64_t)ids[i] << 48 | at;
	word[at] = first << 32 | lists->n_ipv4;
	for (uint32_t i = 0; i < lists->n_ipv4; i++)
		word[first + i] = (uint64_t)lists->ipv4[i].first << 32 | lists->ipv4[i].rule;
	first += lists->n_ipv4;
	word[at + 1] = first << 32 | lists->n_ipv6;
	memcpy(&word[first], lists->ipv6, lists->n_ipv6 * sizeof(*lists->ipv6));
	first += (uint64_t)LB_ACCESS_WORDS_IPV6 * lists->n_ipv6;
	return (uint32_t)(first + LB_ACCESS_UNIT - 1) / LB_ACCESS_UNIT * LB_ACCESS_UNIT;
}
