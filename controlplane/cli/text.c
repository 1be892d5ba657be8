/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cli/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

const char *text_count(char *text, int64_t count)
{
	char digits[TEXT_MAX];
	uint64_t magnitude = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, magnitude);
	char *to = text;

	if (count < 0)
		*to++ = '-';
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

const char *text_rate(char *text, double per_s)
{
	if (!isfinite(per_s) || per_s < 0.05)
		return text_count(text, 0);
	if (per_s < 99.95) {
		snprintf(text, TEXT_MAX, "%.1f", per_s);
		return text;
	}
	return text_count(text, per_s < 1e18 ? (int64_t)(per_s + 0.5) : (int64_t)1e18);
}

const char *text_bits(char *text, double bits_per_s)
{
	static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s" };
	unsigned int unit = 0;

	if (!isfinite(bits_per_s) || bits_per_s < 0)
		bits_per_s = 0;
	for (; bits_per_s >= 999.5 && unit < 4; unit++)
		bits_per_s /= 1000;
	snprintf(text, TEXT_MAX, "%.3g %s", bits_per_s, units[unit]);
	return text;
}

const char *text_percent(char *text, double fraction)
{
	snprintf(text, TEXT_MAX, "%.1f %%", isfinite(fraction) ? fraction * 100 : 0);
	return text;
}

const char *text_duration(char *text, int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(text, TEXT_MAX, "%" PRId64 " ms", ms < 0 ? 0 : ms);
	else if (s < 10)
		snprintf(text, TEXT_MAX, "%" PRId64 ".%" PRId64 " s", s, ms % 1000 / 100);
	else if (s < 60)
		snprintf(text, TEXT_MAX, "%" PRId64 " s", s);
	else if (s < 3600)
		snprintf(text, TEXT_MAX, "%" PRId64 " m %" PRId64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, TEXT_MAX, "%" PRId64 " h %" PRId64 " m", s / 3600, s % 3600 / 60);
	else
		snprintf(text, TEXT_MAX, "%" PRId64 " d %" PRId64 " h", s / 86400,
			 s % 86400 / 3600);
	return text;
}

const char *text_plural(int64_t count)
{
	return count == 1 ? "" : "s";
}
