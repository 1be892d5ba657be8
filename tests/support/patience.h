/* SPDX-License-Identifier: BSD-3-Clause */
/* How long a test waits for what must happen: no test is about this time, and only a fault takes all of it. */
#ifndef TESTS_SUPPORT_PATIENCE_H
#define TESTS_SUPPORT_PATIENCE_H

#include <stdbool.h>
#include <unistd.h>

#include "config/base/clock.h"

#define PATIENCE_S 60
#define PATIENCE_MS (PATIENCE_S * 1000)

/** Look every millisecond whether the condition holds, and first at once. Value: whether it does in the end. */
#define COMES_TRUE(condition)                                                                      \
	({                                                                                         \
		const uint64_t end_ms_ = clock_now_ms() + PATIENCE_MS;                             \
		bool is_true_;                                                                     \
                                                                                                   \
		while (!(is_true_ = (condition)) && clock_now_ms() < end_ms_)                      \
			usleep(1000);                                                              \
		is_true_;                                                                          \
	})

#endif
