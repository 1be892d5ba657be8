/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_FIELD_H
#define CONFIG_FIELD_H

/*
 * Readers and writers of values that are more than a number or a word, for the parse and format
 * members of config_item (see there). A reader sets the fields of its struct only when it returns
 * 0.
 */

#include "config/schema/item.h"

#define CONFIG_FIELD_PARSER(name)                                                                  \
	int name(const struct config_item *item, const char *text, void *object,                   \
		 struct config_reason *reason)

/** struct config_node: port and port_kind. */
CONFIG_FIELD_PARSER(config_field_port);
/** struct config_node: cpus and cpu_count, from "2-5,7". */
CONFIG_FIELD_PARSER(config_field_cpus);
void config_field_cpus_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_node: secret, from 32 hex digits. */
CONFIG_FIELD_PARSER(config_field_secret);
/** A string of the section: the name of a pool, or of a group of the system. */
CONFIG_FIELD_PARSER(config_field_name);
CONFIG_FIELD_PARSER(config_field_group);
/** struct config_node: metrics, and metrics_address and metrics_port, from "127.0.0.1:9627". */
CONFIG_FIELD_PARSER(config_field_metrics);
void config_field_string_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_check: target, type, port and path, from "HTTP:80/up.html". */
CONFIG_FIELD_PARSER(config_field_target);
/** struct config_check: expect, statuses and status_count, from "200-299,301" or a text. */
CONFIG_FIELD_PARSER(config_field_expect);
/** A string of struct config_check: the value of a Host header, a DNS name, an absolute path. */
CONFIG_FIELD_PARSER(config_field_host);
CONFIG_FIELD_PARSER(config_field_dns_name);
CONFIG_FIELD_PARSER(config_field_file);
/** struct config_check: source. */
CONFIG_FIELD_PARSER(config_field_source);
void config_field_source_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_prefix, from "10.0.0.5/24". */
CONFIG_FIELD_PARSER(config_field_prefix);
void config_field_prefix_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_node: tunnel_sources, from "10.255.0.0/16". */
CONFIG_FIELD_PARSER(config_field_network4);
void config_field_network4_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_prefix: a network, from "203.0.113.16/28", or a single address. */
CONFIG_FIELD_PARSER(config_field_network);
/** struct config_prefix: clients, from "198.51.100.0/24" or an address. */
CONFIG_FIELD_PARSER(config_field_clients);
/** A domain; a string of the section. */
CONFIG_FIELD_PARSER(config_field_domain);
/** struct config_prefix, from "10.0.0.32/29" or an address: of all its addresses. */
CONFIG_FIELD_PARSER(config_field_addresses);
void config_field_addresses_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_pool: minimum, from "2" or "50%". */
CONFIG_FIELD_PARSER(config_field_minimum);
void config_field_minimum_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_node: nat_port_first and nat_port_last, from "1024-32767". */
CONFIG_FIELD_PARSER(config_field_ports);
void config_field_ports_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_network_name, from "10" or "untagged". */
CONFIG_FIELD_PARSER(config_field_vlan);
void config_field_vlan_format(const struct config_item *item, const void *object, FILE *to);
/** struct config_host: an address that packets may be sent to; a gateway's may be link-local. */
CONFIG_FIELD_PARSER(config_field_vip);
CONFIG_FIELD_PARSER(config_field_gateway);
void config_field_host_format(const struct config_item *item, const void *object, FILE *to);
/** An address of the section: struct config_instance's, or struct config_id's. */
CONFIG_FIELD_PARSER(config_field_address);
void config_field_address_format(const struct config_item *item, const void *object, FILE *to);

/** Check the name of a pool, an instance or a service. Return: 0, or -EINVAL with the reason. */
int config_field_check_name(const char *text, struct config_reason *reason);

/** Check that a number is prime. Return: 0, or -EINVAL with the nearest primes as the reason. */
int config_field_accept_prime(uint32_t value, struct config_reason *reason);

#endif
