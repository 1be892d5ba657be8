/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to drivers of network interfaces. Context: any thread. */
#ifndef CONFIG_BASE_ETHTOOL_H
#define CONFIG_BASE_ETHTOOL_H

/**
 * Pass a request to the driver of an interface.
 * @command: one of the structures of <linux/ethtool.h> that begin with the command's number; the answer.
 * Return: 0 or -errno.
 */
int ethtool_request(const char *iface, void *command);

#endif
