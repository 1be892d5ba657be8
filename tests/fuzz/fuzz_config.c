/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arbitrary bytes as a configuration file: no crash, no leak; errors have a place; a valid one has
 * no diff.
 */
#include "config/config.h"
#include "config/load/load.h"
#include "config/schema/diff.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_check_errors(const struct config_errors *errors, size_t size)
{
	char line[1024];

	if (errors->count == 0)
		abort();
	for (uint32_t i = 0; i < errors->count; i++) {
		config_error_format(errors, i, line, sizeof(line));
		for (const char *at = line; *at; at++)
			if ((unsigned char)*at < ' ' || *at == 0x7f)
				abort();
		if (errors->list[i].place.line > size + 1)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors;
	struct config *config = config_load_buffer(data, size, "fuzz.yaml", &errors);
	struct config *again;

	if (!config) {
		fuzz_check_errors(&errors, size);
		return 0;
	}
	again = config_load_buffer(data, size, "fuzz.yaml", &errors);
	if (!again || config_diff(config, again, NULL, NULL).changes != 0)
		abort();
	config_free(again);
	config_free(config);
	return 0;
}
