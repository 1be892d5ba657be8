/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/xdp/access.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bpf/sluice_xdp.h"

static int words_fill(int fd, const uint64_t *words, uint32_t n)
{
	const size_t bytes = n * sizeof(*words);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	memcpy(memory, words, bytes);
	munmap(memory, bytes);
	return 0;
}

int xdp_access_put(int fd, uint32_t half, const struct lb_service_table *table)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = LB_XDP_ACCESS_FLAGS);
	const uint64_t *words = (const void *)&table->slot[table->mask + 1ULL];
	int inner, err;

	if (!table->access_words) {
		err = bpf_map_delete_elem(fd, &half);
		return err == -ENOENT ? 0 : err;
	}
	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xdp_words", sizeof(uint32_t), sizeof(*words),
			       table->access_words, &opts);
	if (inner < 0)
		return inner;
	err = words_fill(inner, words, table->access_words);
	if (!err)
		err = bpf_map_update_elem(fd, &half, &inner, BPF_ANY);
	close(inner);
	return err;
}
