/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/pcapng.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 3.5 */
enum {
	SECTION_HEADER = 0x0a0d0d0a,
	INTERFACE = 1,
	ENHANCED_PACKET = 6,
	BYTE_ORDER = 0x1a2b3c4d,
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_APPLICATION = 4, /* of a section */
	OPTION_RESOLUTION = 9,	/* of an interface */
	LINK_ETHERNET = 1,
	NANOSECONDS = 9, /* 10 to the power of minus so much */
};

#define BLOCK_MAX 4096
#define TEXT_MAX_BYTES 1024 /* of an option */

struct block {
	uint8_t bytes[BLOCK_MAX];
	uint32_t used;
};

static void put(struct block *block, const void *data, uint32_t size)
{
	memcpy(block->bytes + block->used, data, size);
	block->used += size;
	while (block->used % 4)
		block->bytes[block->used++] = 0;
}

static void put32(struct block *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

static void put_option(struct block *block, uint16_t code, const void *data, size_t size)
{
	uint16_t head[2] = { code, (uint16_t)(size < TEXT_MAX_BYTES ? size : TEXT_MAX_BYTES) };

	put(block, head, sizeof(head));
	put(block, data, head[1]);
}

static void begin(struct block *block, uint32_t type)
{
	block->used = 0;
	put32(block, type);
	put32(block, 0); /* its length, for end() */
}

/* Return: 0 or -errno. */
static int end(struct block *block, FILE *file)
{
	uint32_t size;

	put32(block, OPTION_END);
	size = block->used + (uint32_t)sizeof(size);
	put32(block, size);
	memcpy(block->bytes + sizeof(uint32_t), &size, sizeof(size));
	errno = 0;
	if (fwrite(block->bytes, 1, size, file) == size && fflush(file) == 0)
		return 0;
	return errno ? -errno : -EIO;
}

int pcapng_begin(FILE *file, const char *application, uint32_t snap_len)
{
	const uint16_t version[2] = { 1, 0 }, link[2] = { LINK_ETHERNET, 0 };
	const uint32_t unknown[2] = { UINT32_MAX, UINT32_MAX };
	const uint8_t resolution = NANOSECONDS;
	struct block block;
	int err;

	begin(&block, SECTION_HEADER);
	put32(&block, BYTE_ORDER);
	put(&block, version, sizeof(version));
	put(&block, unknown, sizeof(unknown)); /* the section's length */
	put_option(&block, OPTION_APPLICATION, application, strlen(application));
	err = end(&block, file);
	if (err)
		return err;
	begin(&block, INTERFACE);
	put(&block, link, sizeof(link));
	put32(&block, snap_len);
	put_option(&block, OPTION_RESOLUTION, &resolution, sizeof(resolution));
	return end(&block, file);
}

int pcapng_write(FILE *file, const struct pcapng_packet *packet)
{
	const uint32_t room = BLOCK_MAX - TEXT_MAX_BYTES - 64;
	uint32_t captured = packet->captured < room ? packet->captured : room;
	struct block block;

	begin(&block, ENHANCED_PACKET);
	put32(&block, 0); /* the interface */
	put32(&block, (uint32_t)(packet->unix_ns >> 32));
	put32(&block, (uint32_t)packet->unix_ns);
	put32(&block, captured);
	put32(&block, packet->len);
	put(&block, packet->data, captured);
	put_option(&block, OPTION_COMMENT, packet->comment, strlen(packet->comment));
	return end(&block, file);
}
