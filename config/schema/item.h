/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_ITEM_H
#define CONFIG_ITEM_H

/* A row of the table of keys (schema.h), and the operations on the value that it describes. */

#include "config/config.h"
#include "config/error.h"

enum config_section {
	CONFIG_SECTION_ROOT,
	CONFIG_SECTION_NODE,
	CONFIG_SECTION_NETWORK,
	CONFIG_SECTION_ID,
	CONFIG_SECTION_POOL,
	CONFIG_SECTION_FLAPPING,
	CONFIG_SECTION_CHECK,
	CONFIG_SECTION_INSTANCE,
	CONFIG_SECTION_SERVICE,
	CONFIG_SECTION_LISTENER,
	CONFIG_SECTION_COUNT,
};

#define CONFIG_SECTION_KEYS_MAX 32

enum config_type {
	CONFIG_TYPE_NUMBER,
	CONFIG_TYPE_DURATION,
	CONFIG_TYPE_BOOL,
	CONFIG_TYPE_WORD,     /* one of several words */
	CONFIG_TYPE_TEXT,     /* read by parse */
	CONFIG_TYPE_LIST,     /* of scalars, each read by parse */
	CONFIG_TYPE_SECTION,  /* one mapping */
	CONFIG_TYPE_SEQUENCE, /* a list of mappings */
	CONFIG_TYPE_NAMED,    /* a mapping of names to mappings */
};

/** A list of these ends with a NULL name. */
struct config_word {
	const char *name;
	uint32_t value;
	bool refused; /* reserved for a later version */
};

struct config_item {
	enum config_section section;
	const char *key;
	enum config_type type;
	enum config_section child; /* SECTION, SEQUENCE, NAMED: of the entries */
	bool required;
	const char *instead; /* required only without this key */
	bool reloadable;     /* false: a change needs a restart of the daemons */
	bool secret;	     /* the value is never shown */
	uint32_t min;	     /* NUMBER, DURATION (ms); number of entries: LIST, SEQUENCE, NAMED */
	uint32_t max;
	const char *fallback; /* the default as written in the file, or NULL */
	const char *absent;   /* what absence means if there is no default */
	const char *unit;     /* of a NUMBER, or NULL */
	const char *expect;   /* TEXT, LIST: what an entry is, "a PCI address" */
	const char *help;
	const struct config_word *words;
	size_t offset;	     /* of the field in the section's struct */
	size_t size;	     /* of the field, or of an entry of the array */
	size_t count_offset; /* LIST, SEQUENCE, NAMED */
	size_t place_offset; /* of the value's place in the section or list entry, 0: not kept */

	/**
	 * TEXT, LIST: read @text into @object, the section or the list entry.
	 * Return: 0; -EINVAL with the reason; -ENOMEM.
	 */
	int (*parse)(const struct config_item *item, const char *text, void *object,
		     struct config_reason *reason);
	/** TEXT, LIST: write as in the file. */
	void (*format)(const struct config_item *item, const void *object, FILE *to);
	/** NUMBER: an additional check. Return: 0, or -EINVAL with the reason. */
	int (*accept)(uint32_t value, struct config_reason *reason);
};

struct config_section_info {
	const char *title;    /* "pools.NAME.checks[]", as in the reference */
	const char *help;     /* one paragraph */
	size_t size;	      /* of the struct; its first member is its place */
	size_t name_offset;   /* NAMED: of the name; 0: nameless */
	const char *identity; /* nameless: the key that identifies an entry */
};

/**
 * Read one scalar into @object, the section, or the entry of a LIST.
 * Return: 0; -EINVAL with the reason; -ENOMEM; -ENOTSUP with the reason for a value that is valid
 * and stored, but reserved for a later version.
 */
int config_item_parse(const struct config_item *item, const char *text, void *object,
		      struct config_reason *reason);

/** Write the value of a scalar or LIST as in the file; nothing if it is absent. */
void config_item_format(const struct config_item *item, const void *object, FILE *to);

/** Write what is expected, "a number from 1 to 65535". */
void config_item_expect(const struct config_item *item, char *text, size_t size);

/** The array of a LIST, SEQUENCE or NAMED. */
void *config_item_entries(const struct config_item *item, const void *object, uint32_t *count);
void config_item_set_entries(const struct config_item *item, void *object, void *entries,
			     uint32_t count);

/** The field of a row that is one text, or NULL. */
const char *config_item_text(size_t offset, const void *object);

#endif
