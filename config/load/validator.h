/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_VALIDATOR_H
#define CONFIG_VALIDATOR_H

/* The parts of config_validate(), by section. They count errors and continue. */

#include "config/error.h"

struct config_validator {
	struct config *config;
	struct config_errors *errors;
	uint32_t wrong;
};

/** @key: path of the key; @value may be NULL. */
void config_validator_fail(struct config_validator *validator, struct config_place place,
			   const char *key, const char *value, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/** The same about an address. */
void config_validator_fail_address(struct config_validator *validator,
				   const struct config_host *host, const char *key,
				   const char *message);

/** Refuse a network that has an address. @what: whose it is. */
void config_validate_taken(struct config_validator *validator, const struct config_prefix *prefix,
			   const char *key, const struct config_address *address, const char *what,
			   struct config_place place);

/** Refuse a network of which a gateway, an instance or a VIP has an address. */
void config_validate_unused(struct config_validator *validator, const struct config_prefix *prefix,
			    const char *key);

void config_validate_nat(struct config_validator *validator);
/** Also sets send_proxy of checks that do not say it. */
void config_validate_proxies(struct config_validator *validator);
void config_validate_nat_services(struct config_validator *validator);
void config_validate_access(struct config_validator *validator);

/** Addresses and gateways of the node; and the networks of services: network_mask. */
void config_validate_networks(struct config_validator *validator);
void config_validate_services(struct config_validator *validator);

#endif
