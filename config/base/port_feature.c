/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/base/port_feature.h"
#include "config/base/ethtool.h"
#include "config/base/file.h"
#include "config/base/scalar.h"

#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTE "port-tags-kept"

static int ask(const char *iface, uint32_t command, uint32_t *flags)
{
	struct ethtool_value value = { .cmd = command, .data = *flags };
	int err = ethtool_request(iface, &value);

	*flags = value.data;
	return err;
}

uint32_t port_feature_queues(const char *iface)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	uint32_t n = 0;

	if (ethtool_request(iface, &channels) == 0)
		n = channels.rx_count + channels.combined_count;
	return n ? n : 1;
}

int port_feature_tags_keep(const char *iface)
{
	uint32_t flags = 0, wanted;
	int err = ask(iface, ETHTOOL_GFLAGS, &flags);

	if (err)
		return err == -EOPNOTSUPP ? 0 : err;
	if (!(flags & ETH_FLAG_RXVLAN))
		return 0;
	wanted = flags & ~(uint32_t)ETH_FLAG_RXVLAN;
	err = ask(iface, ETHTOOL_SFLAGS, &wanted);
	if (err && err != -EINVAL && err != -EOPNOTSUPP)
		return err;
	/* A driver may accept the request without acting on it. */
	err = ask(iface, ETHTOOL_GFLAGS, &flags);
	if (err)
		return err;
	return flags & ETH_FLAG_RXVLAN ? -EOPNOTSUPP : 1;
}

int port_feature_tags_restore(const char *iface)
{
	uint32_t flags = 0;
	int err = ask(iface, ETHTOOL_GFLAGS, &flags);

	flags |= ETH_FLAG_RXVLAN;
	return err ? err : ask(iface, ETHTOOL_SFLAGS, &flags);
}

void port_feature_tags_note(const char *run_dir, uint32_t ifindex)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/" NOTE, run_dir);
	unlink(path);
	file = ifindex ? fopen(path, "wxe") : NULL;
	if (!file)
		return;
	fprintf(file, "%u\n", ifindex);
	fclose(file);
}

bool port_feature_tags_noted(const char *run_dir, uint32_t ifindex)
{
	char path[PATH_MAX], text[16];
	uint32_t noted = 0;

	snprintf(path, sizeof(path), "%s/" NOTE, run_dir);
	if (file_line(path, text, sizeof(text)))
		return false;
	return config_scalar_number(text, &noted) == 0 && noted != 0 && noted == ifindex;
}
