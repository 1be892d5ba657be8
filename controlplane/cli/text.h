/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures for people. Each writes into @text of TEXT_MAX bytes and returns it. */
#ifndef CONTROLPLANE_CLI_TEXT_H
#define CONTROLPLANE_CLI_TEXT_H

#include <stdint.h>

#define TEXT_MAX 32

/** "1,234,567". */
const char *text_count(char *text, int64_t count);

/** "0", "0.3", "12.5", "1,234". */
const char *text_rate(char *text, double per_s);

/** "1.25 Gbit/s". */
const char *text_bits(char *text, double bits_per_s);

/** A fraction as "33.3 %". */
const char *text_percent(char *text, double fraction);

/** "84 ms", "1.2 s", "5 m 12 s", "3 h 4 m", "2 d 5 h". */
const char *text_duration(char *text, int64_t ms);

/** "" for 1, else "s". */
const char *text_plural(int64_t count);

#endif
