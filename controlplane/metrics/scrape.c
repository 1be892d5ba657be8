/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/metrics/scrape.h"

#include <string.h>

static void row_end(struct metric_scrape *scrape)
{
	scrape->row++;
	scrape->begun = false;
}

/* To the next row that is asked for. Return: NULL: there are no more. */
static const struct metric *row_now(struct metric_scrape *scrape)
{
	while (scrape->source < scrape->count) {
		const struct metric_table *table = scrape->sources[scrape->source].table;

		if ((scrape->query.tables & (1u << scrape->source)) && scrape->row < table->count)
			return &table->rows[scrape->row];
		scrape->source++;
		scrape->row = 0;
	}
	return NULL;
}

static void row_begin(struct metric_scrape *scrape, uint64_t epoch, const struct metric *row,
		      struct metric_text *text)
{
	metric_text_head(text, scrape->format, row);
	scrape->begun = true;
	scrape->epoch = epoch;
	memset(&scrape->cursor, 0, sizeof(scrape->cursor));
}

/* One more object of the row. Return: false: there was none. */
static bool row_step(struct metric_scrape *scrape, uint64_t epoch, const struct metric *row,
		     struct metric_text *text)
{
	const struct metric_source *source = &scrape->sources[scrape->source];
	struct metric_entity entity;

	if (scrape->epoch != epoch || !source->source)
		return false;
	entity.object = NULL;
	entity.source = source->source;
	entity.is_maint = false;
	memset(entity.labels, 0, sizeof(entity.labels));
	if (!source->table->next(source->source, &scrape->cursor, &entity))
		return false;
	if (!entity.is_maint || !scrape->query.no_maint)
		metric_text_samples(text, row, &entity);
	return true;
}

bool metric_scrape_next(struct metric_scrape *scrape, uint64_t epoch, struct metric_text *text)
{
	const struct metric *row = NULL;
	uint32_t objects = 0;

	text->size = 0;
	if (scrape->ended)
		return false;
	while (objects < METRIC_PART_OBJECTS &&
	       text->size <= METRIC_PART_BYTES - METRIC_SAMPLE_BYTES) {
		row = row_now(scrape);
		if (!row)
			break;
		if (!scrape->begun)
			row_begin(scrape, epoch, row, text);
		if (!row_step(scrape, epoch, row, text))
			row_end(scrape);
		objects++;
	}
	if (row)
		return true;
	metric_text_end(text, scrape->format);
	scrape->ended = true;
	return false;
}
