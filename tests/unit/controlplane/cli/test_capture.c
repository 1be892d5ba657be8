/* SPDX-License-Identifier: BSD-3-Clause */
/* sluicectl capture: its command line, its lines, and its file as libpcap reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pcap/pcap.h>

#include "controlplane/cli/packet_text.h"
#include "controlplane/cli/pcapng.h"
#include "tests/unit/controlplane/cli/harness.h"

/* Ethernet, IPv4 and TCP: 198.51.100.7:40000 to 203.0.113.10:443, SYN. */
#define SYN_HEX                                                                                    \
	"0200000000010200000000020800"                                                             \
	"450000280000400040060000c6336407cb00710a"                                                 \
	"9c4001bb00000001000000005002ffff00000000"
#define LINE                                                                                       \
	"{\"unix_ns\":1764547200123456789,\"len\":54,\"data\":\"" SYN_HEX                          \
	"\",\"verdict\":\"drop\",\"generation\":12,\"reason\":\"tcp_flags\"}\n"
#define ALIVE "{\"alive\":true,\"lost\":3,\"skipped\":1234}\n"
#define ASKS "{\"verb\":\"capture\",\"follow\":true"

static const struct harness_row runs[] = {
	{ "-o json capture --drops --count 1", ALIVE LINE, 0, ASKS ",\"drops\":true}", LINE,
	  "1 packet; 3 lost, read too slowly; 1,234 not copied, above the rate\n" },
	{ "-o json capture --count 1 --reason tcp_flags --client 198.51.100.7 host 198.51.100.7 and "
	  "tcp dst port 443",
	  LINE, 0, ASKS ",\"reason\":\"tcp_flags\",\"client\":\"198.51.100.7\"}", LINE,
	  "1 packet; 0 not matched by the filter\n" },
	{ "-o json capture --instance web/web-1 udp", LINE ALIVE, 3,
	  ASKS ",\"instance\":\"web/web-1\"}", "", "sluiced closed the connection" },
	{ "capture", "{\"ok\":false,\"code\":\"busy\",\"error\":\"another capture is running\"}\n",
	  1, ASKS "}", "", "sluicectl: another capture is running\n" },
	{ "capture host and", NULL, 2, NULL, "", "filter \"host and\": " },
	{ "capture --count 0", NULL, 2, NULL, "", "--count 0: expected a number of packets" },
	{ "capture --count x", NULL, 2, NULL, "", "--count x: expected a number of packets" },
	{ "capture -w /none/x.pcapng", NULL, 1, NULL, "", "/none/x.pcapng: No such file" },
	{ "drops --count 1", NULL, 2, NULL, "", "unknown option --count" },
	{ "drops --drops", NULL, 2, NULL, "", "unknown option --drops" },
	{ "capture -w /dev/full --count 1", NULL, 1, NULL, "",
	  "/dev/full: No space left on device; what was written before is readable" },
};

static void command_lines(void **state)
{
	struct harness h;

	(void)state;
	assert_int_equal(harness_init(&h), 0);
	harness_rows(&h, runs, sizeof(runs) / sizeof(runs[0]));
	harness_fini(&h);
}

static void hex_read(const char *hex, uint8_t *data, size_t size)
{
	unsigned int byte;

	for (size_t i = 0; i < size; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		data[i] = (uint8_t)byte;
	}
}

static void words_of_a_frame(void **state)
{
	static const struct {
		const char *hex;
		const char *text;
	} cases[] = {
		{ SYN_HEX, "IP 198.51.100.7.40000 > 203.0.113.10.443: TCP [S], 99 bytes" },
		{ "0200000000010200000000020806", "ARP 0x0806, 99 bytes" },
		{ "02000000000102000000000288cc", "0x88cc, 99 bytes" },
		{ "020000000001020000000002080045", "0x0800, 99 bytes" }, /* cut short */
		{ "0200", "0x0000, 99 bytes" },
		{ "0200000000010200000000028100006486dd6000000000081140"
		  "20010db800000000000000000000000120010db8000000000000000000000002"
		  "0035003500080000",
		  "IP6 2001:db8::1.53 > 2001:db8::2.53: UDP, 99 bytes" },
		{ "02000000000102000000000208004500001c00000001401100007f0000017f000002",
		  "IP 127.0.0.1 > 127.0.0.2: protocol 17, fragment, 99 bytes" },
	};
	char text[PACKET_TEXT_MAX];
	uint8_t data[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t size = (uint32_t)strlen(cases[i].hex) / 2;

		hex_read(cases[i].hex, data, size);
		assert_string_equal(packet_text(text, data, size, 99), cases[i].text);
	}
}

static void libpcap_reads_the_file(void **state)
{
	static uint8_t data[256];
	static const char *const comments[] = { "", "a", "dropped: ip_ttl, generation 12" };
	FILE *file = tmpfile();
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *frame;
	pcap_t *pcap;

	(void)state;
	assert_non_null(file);
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	assert_int_equal(pcapng_begin(file, "sluicectl", 256), 0);
	for (uint32_t i = 0; i < 12; i++) {
		const struct pcapng_packet packet = {
			.unix_ns = 1764547200123456789u + i,
			.len = 1500 + i,
			.captured = 245 + i,
			.data = data,
			.comment = comments[i % 3],
		};

		assert_int_equal(pcapng_write(file, &packet), 0);
	}
	rewind(file);
	pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
	if (pcap == NULL)
		fail_msg("%s", error);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	for (uint32_t i = 0; i < 12; i++) {
		assert_int_equal(pcap_next_ex(pcap, &head, &frame), 1);
		assert_int_equal(head->ts.tv_sec, 1764547200);
		assert_int_equal(head->ts.tv_usec, 123456789 + i);
		assert_int_equal(head->len, 1500 + i);
		assert_int_equal(head->caplen, 245 + i);
		assert_memory_equal(frame, data, 245 + i);
	}
	assert_int_equal(pcap_next_ex(pcap, &head, &frame), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines),
		cmocka_unit_test(words_of_a_frame),
		cmocka_unit_test(libpcap_reads_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
