/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing pcapng (draft-ietf-opsawg-pcapng): Ethernet frames with nanoseconds and a comment each.
 * Each block is whole after each call, so that a file is readable whenever writing ends.
 */
#ifndef CONTROLPLANE_CLI_PCAPNG_H
#define CONTROLPLANE_CLI_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

struct pcapng_packet {
	uint64_t unix_ns;
	uint32_t len;	   /* of the frame, bytes */
	uint32_t captured; /* of them at @data */
	const uint8_t *data;
	const char *comment; /* UTF-8 */
};

/** The file's head. @snap_len: of packets. Return: 0 or -errno. */
int pcapng_begin(FILE *file, const char *application, uint32_t snap_len);

/** Return: 0 or -errno. */
int pcapng_write(FILE *file, const struct pcapng_packet *packet);

#endif
