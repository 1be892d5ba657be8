/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame in a few words, as tcpdump has them. */
#ifndef CONTROLPLANE_CLI_PACKET_TEXT_H
#define CONTROLPLANE_CLI_PACKET_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_TEXT_MAX 200

/** "IP 198.51.100.7.40000 > 203.0.113.10.443: TCP [S], 74 bytes". @len: of the frame, @captured of it. */
const char *packet_text(char text[PACKET_TEXT_MAX], const uint8_t *frame, uint32_t captured,
			uint32_t len);

#endif
