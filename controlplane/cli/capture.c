/* SPDX-License-Identifier: BSD-3-Clause */
/* capture: packets with their verdict, a line each or as pcapng. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/base/scalar.h"
#include "config/base/version.h"
#include "controlplane/cli/cli.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/packet_text.h"
#include "controlplane/cli/pcapng.h"
#include "controlplane/cli/table.h"
#include "controlplane/cli/text.h"
#include "dataplane/abi/lb_capture.h"

#define CAPTURE_COUNT_FILE 1000000u /* some 400 MB at most */
#define CAPTURE_FILTER_MAX 4096
#define CAPTURE_COMMENT_MAX 400

struct capture_print {
	struct cli *cli;
	FILE *file; /* pcapng; NULL: a line each */
	struct bpf_program filter;
	uint32_t count; /* 0: no limit */
	uint32_t shown;
	uint64_t other; /* not matched by the filter */
	int64_t lost;
	int64_t skipped;
	int err; /* of writing */
};

static volatile sig_atomic_t capture_stop;

static void capture_on_signal(int number)
{
	(void)number;
	capture_stop = 1;
}

static void capture_signals(void)
{
	struct sigaction action = { .sa_handler = capture_on_signal };

	capture_stop = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL); /* an error of writing tells as much */
}

static const char *capture_word(const json_t *line, const char *key)
{
	const char *text = json_string_value(json_object_get(line, key));

	return text != NULL ? text : "";
}

/* "dropped: ip_ttl, generation 12", "forwarded to web/web-1, generation 12" */
static void capture_comment(char text[CAPTURE_COMMENT_MAX], const json_t *line)
{
	const char *verdict = capture_word(line, "verdict"), *reason = capture_word(line, "reason");
	const char *instance = capture_word(line, "instance");
	const char *words = strcmp(verdict, "drop") == 0      ? "dropped: "
			    : strcmp(verdict, "kernel") == 0  ? "to the kernel"
			    : strcmp(verdict, "reply") == 0   ? "answered by an ICMP error"
			    : strcmp(verdict, "forward") == 0 ? "forwarded"
							      : verdict;

	snprintf(text, CAPTURE_COMMENT_MAX, "%s%s%s%s, generation %" JSON_INTEGER_FORMAT, words,
		 reason, instance[0] ? ", instance " : "", instance,
		 json_integer_value(json_object_get(line, "generation")));
}

static void capture_print_line(const struct capture_print *print,
			       const struct pcapng_packet *packet, const json_t *line)
{
	const struct cli *cli = print->cli;
	time_t seconds = (time_t)(packet->unix_ns / 1000000000u);
	char clock[16], text[PACKET_TEXT_MAX];
	struct tm when;

	localtime_r(&seconds, &when);
	strftime(clock, sizeof(clock), "%H:%M:%S", &when);
	fprintf(cli->out, "%s.%06u %s ", clock, (unsigned int)(packet->unix_ns / 1000 % 1000000),
		packet_text(text, packet->data, packet->captured, packet->len));
	table_text(cli->out, cli->colour,
		   strcmp(capture_word(line, "verdict"), "drop") == 0 ? TABLE_BAD : TABLE_PLAIN,
		   packet->comment);
	fputc('\n', cli->out);
}

static int capture_show(struct capture_print *print, const struct pcapng_packet *packet,
			const json_t *line)
{
	if (print->file != NULL)
		return pcapng_write(print->file, packet);
	if (print->cli->json)
		cli_print_json(print->cli, line, JSON_COMPACT);
	else
		capture_print_line(print, packet, line);
	return fflush(print->cli->out) != 0 ? -errno : 0;
}

static bool capture_matches(struct capture_print *print, const struct pcapng_packet *packet)
{
	const struct pcap_pkthdr head = { .caplen = packet->captured, .len = packet->len };

	return print->filter.bf_len == 0 ||
	       pcap_offline_filter(&print->filter, &head, packet->data) != 0;
}

/* Return: whether to go on. */
static bool capture_on_packet(struct capture_print *print, const json_t *line)
{
	const char *hex = capture_word(line, "data");
	size_t size = strlen(hex) / 2;
	uint8_t data[LB_CAPTURE_BYTES];
	char comment[CAPTURE_COMMENT_MAX];
	struct pcapng_packet packet = {
		.unix_ns = (uint64_t)json_integer_value(json_object_get(line, "unix_ns")),
		.len = (uint32_t)json_integer_value(json_object_get(line, "len")),
		.captured = (uint32_t)size,
		.data = data,
		.comment = comment,
	};

	if (size > sizeof(data) || (size > 0 && config_scalar_hex(hex, data, size) != 0))
		return true;
	if (!capture_matches(print, &packet)) {
		print->other++;
		return true;
	}
	capture_comment(comment, line);
	print->err = capture_show(print, &packet, line);
	if (print->err != 0)
		return false;
	print->shown++;
	return print->count == 0 || print->shown < print->count;
}

static bool capture_on_line(void *arg, const json_t *line)
{
	struct capture_print *print = arg;

	if (json_object_get(line, "alive") == NULL)
		return capture_on_packet(print, line);
	print->lost = json_integer_value(json_object_get(line, "lost"));
	print->skipped = json_integer_value(json_object_get(line, "skipped"));
	return true;
}

static void capture_print_end(const struct capture_print *print)
{
	FILE *err = print->cli->err;
	char text[TEXT_MAX];

	fprintf(err, "%s packet%s", text_count(text, print->shown), text_plural(print->shown));
	if (print->filter.bf_len != 0)
		fprintf(err, "; %s not matched by the filter",
			text_count(text, (int64_t)print->other));
	if (print->lost != 0)
		fprintf(err, "; %s lost, read too slowly", text_count(text, print->lost));
	if (print->skipped != 0)
		fprintf(err, "; %s not copied, above the rate", text_count(text, print->skipped));
	fputc('\n', err);
}

/* ---- The command line ---- */

static int capture_read_filter(struct cli *cli, struct bpf_program *filter, int argc, char **argv)
{
	char text[CAPTURE_FILTER_MAX] = "";
	size_t used = 0;
	pcap_t *pcap;
	int code = -1;

	for (int i = 0; i < argc && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 argv[i]);
	if (used >= sizeof(text))
		return cli_usage(cli, "the filter is too long");
	if (used == 0)
		return -1;
	pcap = pcap_open_dead(DLT_EN10MB, LB_CAPTURE_BYTES);
	if (pcap == NULL)
		return cli_refuse(cli, "%s", strerror(ENOMEM));
	if (pcap_compile(pcap, filter, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		code = cli_usage(cli, "filter \"%s\": %s", text, pcap_geterr(pcap));
	pcap_close(pcap);
	return code;
}

static int capture_read_count(struct capture_print *print)
{
	const struct cli *cli = print->cli;
	char *end;
	unsigned long count;

	print->count = cli->write != NULL ? CAPTURE_COUNT_FILE : 0;
	if (cli->count == NULL)
		return -1;
	errno = 0;
	count = strtoul(cli->count, &end, 10);
	if (errno != 0 || *end != '\0' || end == cli->count || cli->count[0] == '-' || count == 0 ||
	    count > UINT32_MAX)
		return cli_usage(cli, "--count %s: expected a number of packets", cli->count);
	print->count = (uint32_t)count;
	return -1;
}

/* Only its owner may read it: it has what clients have sent. */
static int capture_open(struct capture_print *print)
{
	const struct cli *cli = print->cli;
	int fd, err;

	if (cli->write == NULL)
		return -1;
	if (strcmp(cli->write, "-") == 0) {
		if (cli->tty)
			return cli_usage(cli, "-w -: the output is a terminal");
		print->file = cli->out;
	} else {
		fd = open(cli->write, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		print->file = fd >= 0 ? fdopen(fd, "w") : NULL;
		if (print->file == NULL) {
			err = errno;
			if (fd >= 0)
				close(fd);
			return cli_refuse(cli, "%s: %s", cli->write, strerror(err));
		}
	}
	print->err = pcapng_begin(print->file, "sluicectl " SLUICE_VERSION, LB_CAPTURE_BYTES);
	return -1;
}

static json_t *capture_request(const struct cli *cli)
{
	json_t *request = json_pack("{s:s, s:b}", "verb", "capture", "follow", 1);
	int err = 0;

	if (cli->drops)
		err |= json_object_set_new(request, "drops", json_true());
	if (cli->reason != NULL)
		err |= json_object_set_new(request, "reason", json_string(cli->reason));
	if (cli->instance != NULL)
		err |= json_object_set_new(request, "instance", json_string(cli->instance));
	if (cli->client != NULL)
		err |= json_object_set_new(request, "client", json_string(cli->client));
	if (err == 0)
		return request;
	json_decref(request);
	return NULL;
}

static int capture_ask(struct capture_print *print)
{
	const struct client_follow follow = { capture_on_line, print, &capture_stop };
	const struct cli *cli = print->cli;
	int code;

	if (print->err == 0) {
		capture_signals();
		code = client_follow(cli, capture_request(cli), &follow);
		if (code != CLI_DONE)
			return code;
		if (print->err == -EINTR && capture_stop != 0)
			print->err = 0;
		capture_print_end(print);
	}
	if (print->err == 0)
		return CLI_DONE;
	return cli_refuse(cli, "%s: %s; what was written before is readable",
			  cli->write != NULL ? cli->write : "output", strerror(-print->err));
}

int capture_run(struct cli *cli, int argc, char **argv)
{
	struct capture_print print = { .cli = cli };
	int code = capture_read_count(&print);

	if (code < 0)
		code = capture_read_filter(cli, &print.filter, argc, argv);
	if (code < 0)
		code = capture_open(&print);
	if (code < 0)
		code = capture_ask(&print);
	if (print.file != NULL && print.file != cli->out)
		fclose(print.file);
	pcap_freecode(&print.filter);
	return code;
}
