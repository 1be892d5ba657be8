/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which clients have most flows, from a sample of the flow tables' buckets. A flow's bucket follows
 * from a keyed hash of its key, so the flows of a client are spread evenly over all buckets, and
 * the share of a client in the sample is binomial: it is within 1.96 standard deviations of the true
 * one 95 times of 100. Small tables are read as a whole. Of IPv6 flows the client is not known
 * (flows/scan.h). Pure.
 */
#ifndef CONTROLPLANE_FLOWS_SAMPLE_H
#define CONTROLPLANE_FLOWS_SAMPLE_H

#include "controlplane/flows/scan.h"

#define SAMPLE_FLOWS 16384 /* enough: the error of any share is below 0.8 % */
#define SAMPLE_CLIENTS 20

struct sample_client {
	lb_be32 address;
	uint32_t flows; /* of those in the sample */
};

struct sample {
	uint64_t random; /* state; seeded by the caller */
	struct scan_ids ids;
	uint64_t buckets; /* read so far */
	uint64_t all_buckets;
	bool is_whole; /* every bucket was read: there is no error */
	uint32_t n;    /* live flows read */
	uint32_t n_four;
	lb_be32 client[SAMPLE_FLOWS + LB_BUCKET_SLOTS]; /* of IPv4 flows */
	uint32_t n_clients;
	struct sample_client top[SAMPLE_CLIENTS]; /* set by sample_end(), most flows first */
};

/** Go on. @max_buckets: of this step. Return: whether it is complete. */
bool sample_step(struct sample *sample, const struct flows_view *view, uint32_t max_buckets);

/** Find the clients with most flows; some milliseconds. */
void sample_end(struct sample *sample);

/** Half the width of the interval of 95 % of a client's share. */
double sample_error(const struct sample *sample, const struct sample_client *client);

#endif
