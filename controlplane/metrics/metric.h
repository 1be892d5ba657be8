/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics as rows. A table is about one kind of object (instances, workers, drop reasons) and stands
 * beside the data of these; its rows say what is known of each. What is served, and the reference
 * page, come from the rows.
 * Context: the event loop's thread.
 */
#ifndef CONTROLPLANE_METRICS_METRIC_H
#define CONTROLPLANE_METRICS_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/metrics/histogram.h"

#define METRIC_PREFIX "sluice_"
#define METRIC_LABELS_MAX 6
#define METRIC_SCRATCH_MAX 192

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER,	  /* its samples are named with _total */
	METRIC_INFO,	  /* named with _info; a constant 1, and labels of its own */
	METRIC_STATE,	  /* one of several words: a gauge for each, 1 of the one that holds */
	METRIC_HISTOGRAM, /* of durations */
};

struct metric_label {
	const char *name;
	const char *value; /* any bytes; NULL: left out */
};

/* One object of a table. Its texts are valid until the next one. */
struct metric_entity {
	const void *object;
	const void *source; /* of the table */
	struct metric_label labels[METRIC_LABELS_MAX];
	bool is_maint;			  /* left out with ?no-maint */
	char scratch[METRIC_SCRATCH_MAX]; /* for labels that have to be written */
};

/* Where an iteration is; all 0 at its start. Tables use it as they like. */
struct metric_cursor {
	uint32_t outer, inner, third;
};

struct metric {
	const char *name; /* without METRIC_PREFIX, and without the endings of counters and infos */
	const char *help; /* a sentence */
	enum metric_type type;
	const char
		*unit; /* the last word of the name: "seconds", "bytes", "ratio"; NULL: a number */

	/** GAUGE, COUNTER. Return: the value; NAN: unknown, no sample. NULL: it is a field. */
	double (*value)(const struct metric_entity *entity);
	size_t field; /* offset of a uint64_t in the object; METRIC_FIELD() */

	/* INFO: names of its own labels, ended by NULL; and their values. */
	const char *const *info_labels;
	/** @values: filled; NULL: no such label. Return: false: no sample. */
	bool (*info)(const struct metric_entity *entity, const char **values, char *scratch);

	/* STATE: the words, ended by NULL; the label "state" has them. */
	const char *const *states;
	/** Return: the index of the one that holds. */
	uint32_t (*state)(const struct metric_entity *entity);

	/* HISTOGRAM. */
	const struct metric_bounds *bounds;
	const struct metric_histogram *(*histogram)(const struct metric_entity *entity);
};

struct metric_table {
	const char *scope;	   /* what ?scope= selects */
	const char *about;	   /* "Each instance of a pool." */
	const char *const *labels; /* of each object, ended by NULL; NULL: there is one object */
	const struct metric *rows;
	uint32_t count;

	/**
	 * The next object. @cursor: advanced. @entity: zeroed but for its source; filled.
	 * Return: false: there are no more.
	 */
	bool (*next)(const void *source, struct metric_cursor *cursor,
		     struct metric_entity *entity);
};

/* A table, and the object of the daemon that it is read from. */
struct metric_source {
	const struct metric_table *table;
	const void *source; /* NULL: there is none, and no sample */
};

#define METRIC_FIELD(type_, field_)                                                                \
	.field = offsetof(type_, field_) +                                                         \
		 0 * sizeof(char[sizeof(((type_ *)0)->field_) == sizeof(uint64_t) ? 1 : -1])
#define METRIC_ROWS(rows_) .rows = (rows_), .count = sizeof(rows_) / sizeof((rows_)[0])

/** metric_table.next of a table with one object: the source itself. */
bool metric_single_next(const void *source, struct metric_cursor *cursor,
			struct metric_entity *entity);

#endif
