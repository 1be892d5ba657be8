/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rtnetlink: requests, which the kernel answers at once, and notifications. Context: one thread of a
 * process.
 */
#ifndef CONFIG_BASE_NETLINK_H
#define CONFIG_BASE_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

#define NETLINK_REQUEST_MAX 512

struct netlink {
	struct mnl_socket *socket;
	uint32_t port_id;
	uint32_t seq;
};

/** Return: 0 or -errno. */
int netlink_open(struct netlink *netlink);

/** Subscribe to notifications, RTNLGRP_*; reads do not block then. Return: 0 or -errno. */
int netlink_listen(struct netlink *netlink, const int *groups, size_t n);

/** Zeros (never opened) are allowed. */
void netlink_close(struct netlink *netlink);

int netlink_fd(const struct netlink *netlink);

/**
 * Begin a request.
 * @buffer: NETLINK_REQUEST_MAX bytes, aligned for a struct nlmsghdr.
 * @flags: in addition to NLM_F_REQUEST.
 * @family_header: bytes of the header that follows; zeroed.
 * Return: that header.
 */
void *netlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t family_header);

/** Add an address as an attribute. */
void netlink_put_address(void *buffer, uint16_t attribute, const struct config_address *address);

/** Read an address of @family (AF_INET, AF_INET6) from an attribute. Return: false if none. */
bool netlink_get_address(const struct nlattr *attribute, int family,
			 struct config_address *address);

/** Send a request; @each gets the messages of its answer (may be NULL). Return: 0 or -errno. */
int netlink_talk(struct netlink *netlink, void *buffer, mnl_cb_t each, void *arg);

/**
 * Pass all pending notifications to @each.
 * Return: 0; -ENOBUFS: some were lost, and everything must be looked up again; -errno.
 */
int netlink_drain(struct netlink *netlink, mnl_cb_t each, void *arg);

/** The attributes of a message, by type. @table: @max + 1 pointers, each set, or NULL if absent. */
void netlink_attributes(const struct nlmsghdr *message, uint32_t family_header,
			const struct nlattr **table, uint16_t max);

/** AF_INET or AF_INET6 of an address, and its bytes. */
int netlink_family(const struct config_address *address);
uint32_t netlink_address_bytes(const struct config_address *address);

#endif
