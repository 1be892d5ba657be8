/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/schema/reference.h"
#include "config/schema/schema.h"

#include <string.h>

static const char reference_head[] =
	"# Configuration reference\n"
	"\n"
	"All programs read one YAML file, by default `" CONFIG_DEFAULT_PATH
	"`. This page is generated from\n"
	"the table that reads the file (`config/schema/schema.c`), by `make docs`.\n"
	"\n"
	"`sluicectl config check FILE` reports all errors of a file as the daemons do:\n"
	"\n"
	"```\n"
	"sluice.yaml:6:10: node.flows: \"12x\": expected a number from 1024 to 100000000\n"
	"```\n"
	"\n"
	"A file with an error is refused as a whole; the running configuration stays in force.\n"
	"\n"
	"- Numbers are decimal integers without sign, leading zeros or quotes.\n"
	"- Durations are integers with a unit: `500ms`, `10s`, `5m`, `1h`.\n"
	"- Names have up to 63 letters, digits, `.`, `_` and `-`, and do not begin with `.` or `-`.\n"
	"- A file is one YAML document in UTF-8 of mappings, lists and scalars, at most 4 MiB; anchors, aliases,\n"
	"  tags and merge keys are refused.\n"
	"- *Live* keys change with `sluicectl config apply` or SIGHUP; the others need a restart of the\n"
	"  daemons, which `config apply` reports.\n";

static const char reference_tail[] =
	"\n"
	"## Limits and rules across keys\n"
	"\n"
	"- A VIP and port belong to one service. A VIP is not an address of the node, a gateway or an instance.\n"
	"- Instances of a pool have different addresses, none of them the node's.\n"
	"- `node.networks` takes the place of `node.address` and `node.gateway`; what is said of these holds for the\n"
	"  addresses and gateways of all networks.\n"
	"- With `forward: ipip` or `gue`, `node.address` has an address of each family that the instances have.\n"
	"- With `forward: nat` and `source: node`, the NAT addresses have each family that the instances have.\n"
	"- With `forward: nat` and `source: client`, instances are of the families of the service's VIPs: there is\n"
	"  no translation across families.\n"
	"- A NAT address is not a VIP, a gateway, an instance, or one of `tunnel_sources`.\n"
	"- A check's `timeout` is less than its `interval`, and checks of a pool have different targets.\n";

static void reference_default(const struct config_item *item, FILE *to)
{
	if (item->required && item->instead)
		fprintf(to, "required, or `%s`", item->instead);
	else if (item->required)
		fputs("required", to);
	else if (item->fallback)
		fprintf(to, "`%s`", item->fallback);
	else
		fputs(item->absent ? item->absent : "none", to);
}

static void reference_value(const struct config_item *item, FILE *to)
{
	char expect[256];

	config_item_expect(item, expect, sizeof(expect));
	switch (item->type) {
	case CONFIG_TYPE_SECTION:
	case CONFIG_TYPE_NAMED:
	case CONFIG_TYPE_SEQUENCE:
		fprintf(to, "see `%s`", config_sections[item->child].title);
		if (item->max)
			fprintf(to, "; at most %u", item->max);
		break;
	case CONFIG_TYPE_LIST:
		fprintf(to, "list; each entry %s; %u to %u", expect, item->min, item->max);
		break;
	default:
		fprintf(to, "%s%s%s", expect, item->unit ? " " : "", item->unit ? item->unit : "");
		break;
	}
}

static const char *reference_live(const struct config_item *item)
{
	if (item->type == CONFIG_TYPE_SECTION)
		return "by key";
	return item->reloadable ? "yes" : "no";
}

static void reference_section(enum config_section section, FILE *to)
{
	const struct config_section_info *info = &config_sections[section];
	size_t count;
	const struct config_item *items = config_schema_section(section, &count);
	const char *quote = section == CONFIG_SECTION_ROOT ? "" : "`";

	fprintf(to, "\n## %s%s%s\n\n%s\n\n", quote, info->title, quote, info->help);
	fputs("| key | value | default | live | meaning |\n|---|---|---|---|---|\n", to);
	for (size_t i = 0; i < count; i++) {
		fprintf(to, "| `%s` | ", items[i].key);
		reference_value(&items[i], to);
		fputs(" | ", to);
		reference_default(&items[i], to);
		fprintf(to, " | %s | %s |\n", reference_live(&items[i]), items[i].help);
	}
}

void config_reference_print(FILE *to)
{
	fputs(reference_head, to);
	for (int section = 0; section < CONFIG_SECTION_COUNT; section++)
		reference_section((enum config_section)section, to);
	fputs(reference_tail, to);
	fprintf(to,
		"- All pools together have at most %d instances, and all services together %d pairs of "
		"VIP and listener.\n",
		CONFIG_INSTANCES_MAX, CONFIG_ENDPOINTS_MAX);
}
