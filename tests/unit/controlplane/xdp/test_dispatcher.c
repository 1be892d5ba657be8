/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Beside others' XDP programs in libxdp's dispatcher, on kernels that have it (tests/kernels); on the
 * others, how it is said that it can't be. In namespaces of this process's own.
 */
#include <dlfcn.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <xdp/libxdp.h>
#include <xdp/prog_dispatcher.h>

#include "controlplane/xdp/dispatcher.h"
#include "controlplane/xdp/holder.h"
#include "controlplane/xdp/hook.h"
#include "controlplane/xdp/loader.h"
#include "controlplane/xdp/pins.h"
#include "tests/support/patience.h"
#include "tests/support/xdp_fixture.h"
#include "tests/unit/controlplane/xdp/xdp_count.skel.h"

#define BPFFS "/sys/fs/bpf"
#define PORT XDP_FIXTURE_PORT
#define PIN_DIR XDP_FIXTURE_PINS
#define DISPATCHER_FILE "/usr/lib/x86_64-linux-gnu/bpf/xdp-dispatcher.o"
#define REPLACEMENTS 20

static char log_path[] = "/tmp/sluice-test-XXXXXX";
static bool has_dispatcher; /* kernel and libxdp take programs into it */
static bool takes_us;	    /* those that may change packets, too */

static int ifindex(void)
{
	return (int)if_nametoindex(PORT);
}

static uint32_t hook(void)
{
	uint32_t id;

	assert_int_equal(xdp_pins_holder((uint32_t)ifindex(), &id), 0);
	return id;
}

static int quiet(enum libxdp_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int quiet_bpf(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	return quiet(LIBXDP_DEBUG, format, args);
}

/* libxdp 1.3 does not free everything when it is refused. */
const char *__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier) */
const char *__lsan_default_suppressions(void)  /* NOLINT(bugprone-reserved-identifier) */
{
	return "leak:libxdp.so\n";
}

/* ---- In the libraries' place ---- */

static int refusals;  /* of programs for a map, to come */
static bool is_dying; /* at the next program that a dispatcher is to take */

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	int (*real)(int, const void *, const void *, __u64) =
		dlsym(RTLD_NEXT, "bpf_map_update_elem");

	if (refusals > 0) {
		refusals--;
		return -EINVAL;
	}
	return real(fd, key, value, flags);
}

int xdp_program__attach(struct xdp_program *xdp_prog, int index, enum xdp_attach_mode mode,
			unsigned int flags)
{
	int (*real)(struct xdp_program *, int, enum xdp_attach_mode, unsigned int) =
		dlsym(RTLD_NEXT, "xdp_program__attach");

	if (is_dying)
		_exit(0);
	return real(xdp_prog, index, mode, flags);
}

/* ---- Somebody else ---- */

struct other {
	struct xdp_count *skel;
	struct xdp_program *program;
	enum xdp_attach_mode mode;
};

static int other_try(struct other *other, enum xdp_attach_mode mode, bool changes_packets)
{
	*other = (struct other){ .skel = xdp_count__open(), .mode = mode };
	assert_non_null(other->skel);
	other->skel->rodata->changes_packets = changes_packets;
	other->program = xdp_program__from_bpf_obj(other->skel->obj, "xdp");
	assert_int_equal(libxdp_get_error(other->program), 0);
	return xdp_program__attach(other->program, ifindex(), mode, 0);
}

static void other_start(struct other *other, enum xdp_attach_mode mode)
{
	assert_int_equal(other_try(other, mode, false), 0);
}

static void other_free(struct other *other)
{
	xdp_program__close(other->program);
	xdp_count__destroy(other->skel);
}

static uint64_t other_passed(const struct other *other)
{
	struct xdp_count__bss counts;
	const uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(other->skel->maps.bss), &zero, &counts),
			 0);
	return counts.passed;
}

static void other_stop(struct other *other)
{
	assert_int_equal(xdp_program__detach(other->program, ifindex(), other->mode, 0), 0);
	other_free(other);
}

static int programs_in_dispatcher(void)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex());
	int n = libxdp_get_error(mp) ? 0 : xdp_multiprog__program_count(mp);

	if (!libxdp_get_error(mp))
		xdp_multiprog__close(mp);
	return n;
}

/* ---- Sluice ---- */

static struct xdp_object_options options(void)
{
	struct xdp_object_options opt = xdp_fixture_options(log_path);

	opt.is_behind = true;
	return opt;
}

static void object_open(struct xdp_object *o)
{
	const struct xdp_object_options opt = options();

	xdp_fixture_open(o, &opt);
}

static void object_attach(struct xdp_object *o)
{
	if (xdp_hook_attach(o, ifindex())) {
		if (getenv("V"))
			xdp_fixture_command("cat /tmp/sluice-test-* >&2");
		fail_msg("%s", o->why);
	}
}

static void object_end(struct xdp_object *o)
{
	xdp_hook_detach(o, ifindex());
	xdp_object_close(o);
	assert_int_equal(access(PIN_DIR, F_OK), -1);
}

static uint64_t received(const struct xdp_object *o)
{
	uint64_t pkts = 0;

	for (uint32_t cpu = 0; cpu < o->n_cpus; cpu++)
		pkts += __atomic_load_n(&o->cpus[cpu].stats.rx_pkts, __ATOMIC_RELAXED);
	return pkts;
}

/* ---- Packets ---- */

static void frame_send(uint16_t protocol)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)if_nametoindex(XDP_FIXTURE_PEER) };
	const uint8_t frame[64] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, (uint8_t)(protocol >> 8), (uint8_t)protocol
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (const void *)&to, sizeof(to)),
			 sizeof(frame));
	close(fd);
}

/* Each packet that others let pass meets our program too, and no other. */
static void packets_meet_both(const struct xdp_object *o, const struct other *other)
{
	uint64_t ours = received(o), theirs = other_passed(other);
	uint64_t we = 0, they = 0;

	for (int i = 0; i < 10; i++)
		frame_send(ETH_P_IP);
	assert_true(COMES_TRUE((we = received(o) - ours) >= 10 &&
			       (they = other_passed(other) - theirs) == we));
}

static void joined(struct xdp_object *o, const struct other *other)
{
	object_open(o);
	object_attach(o);
	assert_true(o->is_joined);
	assert_int_equal(o->mode,
			 other->mode == XDP_MODE_SKB ? XDP_OBJECT_GENERIC : XDP_OBJECT_NATIVE);
	if (!strstr(o->why, "behind 'xdp_count' in libxdp's dispatcher"))
		fail_msg("%s", o->why);
	assert_int_equal(xdp_pins_carry(PORT, (uint32_t)ifindex()), 1);
}

/* Where that can be: somebody in the dispatcher, and our program beside it. */
static void both_start(struct xdp_object *o, struct other *other, enum xdp_attach_mode mode)
{
	if (!takes_us)
		skip();
	other_start(other, mode);
	joined(o, other);
	packets_meet_both(o, other);
}

static void both_end(struct xdp_object *o, struct other *other)
{
	object_end(o);
	other_stop(other);
}

/* ---- Tests ---- */

static void joins_the_dispatcher_and_leaves_it(void **state)
{
	struct other other;
	struct xdp_object o;
	uint64_t ours;

	(void)state;
	both_start(&o, &other, XDP_MODE_NATIVE);
	ours = received(&o);
	frame_send(ETH_P_LOOPBACK); /* what another one drops is the other one's */
	packets_meet_both(&o, &other);
	assert_true(received(&o) >= ours + 10);
	xdp_object_close(&o); /* the process is gone */
	object_open(&o);
	assert_true(o.adopted);
	packets_meet_both(&o, &other);
	assert_int_equal(programs_in_dispatcher(), 2);
	object_end(&o);
	assert_int_equal(programs_in_dispatcher(), 1);
	ours = other_passed(&other);
	assert_true(COMES_TRUE((frame_send(ETH_P_IP), other_passed(&other) > ours)));
	other_stop(&other);
	assert_int_equal(hook(), 0);
}

static void joins_in_generic_mode(void **state)
{
	struct other other;
	struct xdp_object o;

	(void)state;
	both_start(&o, &other, XDP_MODE_SKB);
	both_end(&o, &other);
}

static bool is_sending;

static void *send_all_the_time(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&is_sending, __ATOMIC_RELAXED)) {
		frame_send(ETH_P_IP);
		usleep(200);
	}
	return NULL;
}

/* No packet meets neither the old nor the new one. */
static void is_replaced_without_a_gap(void **state)
{
	struct other other;
	struct xdp_object o;
	pthread_t thread;
	uint32_t dispatcher;

	(void)state;
	both_start(&o, &other, XDP_MODE_NATIVE);
	dispatcher = hook();
	is_sending = true;
	assert_int_equal(pthread_create(&thread, NULL, send_all_the_time, NULL), 0);
	uint64_t before = other_passed(&other) - received(&o);

	for (int i = 0; i < REPLACEMENTS; i++) {
		xdp_object_close(&o);
		object_open(&o);
		object_attach(&o);
	}
	__atomic_store_n(&is_sending, false, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	packets_meet_both(&o, &other);
	assert_int_equal(other_passed(&other) - received(&o), before);
	assert_int_equal(hook(), dispatcher);
	both_end(&o, &other);
}

static void other_programs_join_and_leave(void **state)
{
	struct other first, second;
	struct xdp_object o;

	(void)state;
	both_start(&o, &first, XDP_MODE_NATIVE);
	other_start(&second, XDP_MODE_NATIVE);
	assert_int_equal(xdp_pins_carry(PORT, (uint32_t)ifindex()), 1);
	packets_meet_both(&o, &second);
	object_attach(&o);
	packets_meet_both(&o, &first);
	other_stop(&first);
	packets_meet_both(&o, &second);
	other_stop(&second);
	assert_int_equal(xdp_pins_carry(PORT, (uint32_t)ifindex()),
			 1); /* alone in the dispatcher */
	object_attach(&o);
	object_end(&o);
	assert_int_equal(hook(), 0);
}

static void lost_pins_leave_no_second_program(void **state)
{
	struct other other;
	struct xdp_object o;

	(void)state;
	both_start(&o, &other, XDP_MODE_NATIVE);
	assert_int_equal(unlink(PIN_DIR "/" XDP_PIN_DOOR), 0);
	assert_int_equal(xdp_pins_carry(PORT, (uint32_t)ifindex()), 0);
	object_attach(&o);
	assert_int_equal(xdp_pins_carry(PORT, (uint32_t)ifindex()), 1);
	assert_int_equal(programs_in_dispatcher(), 2);
	packets_meet_both(&o, &other);
	both_end(&o, &other);
}

/* @refused: first the kernel lets no other program into the map behind its door. */
static void killed_while_it_joins(bool refused)
{
	pid_t child = fork();
	struct xdp_object o;
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		object_open(&o);
		refusals = refused;
		is_dying = true;
		(void)xdp_hook_attach(&o, ifindex());
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void killed_while_joining_leaves_a_usable_hook(void **state)
{
	struct other other;
	struct xdp_object o;

	(void)state;
	both_start(&o, &other, XDP_MODE_NATIVE);
	for (int i = 0; i < 2; i++) {
		killed_while_it_joins(i == 0);
		packets_meet_both(&o, &other);
	}
	xdp_object_close(&o);
	joined(&o, &other);
	packets_meet_both(&o, &other);
	assert_int_equal(programs_in_dispatcher(), 2);
	object_end(&o);
	assert_int_equal(programs_in_dispatcher(), 1);
	other_stop(&other);
}

static void takes_the_hook_when_the_others_are_gone(void **state)
{
	struct other other;
	struct xdp_object o;

	(void)state;
	both_start(&o, &other, XDP_MODE_NATIVE);
	xdp_fixture_command("ip link set dev " PORT " xdp off"); /* all of them */
	assert_int_equal(xdp_pins_carry(PORT, (uint32_t)ifindex()), 0);
	object_attach(&o);
	assert_false(o.is_joined);
	assert_int_equal(xdp_pins_carry(PORT, (uint32_t)ifindex()), 1);
	object_end(&o);
	assert_int_equal(hook(), 0);
	other_free(&other);
}

/* libxdp's, with nobody behind it: what a kernel without freplace gets to see. */
static struct bpf_object *dispatcher_put(void)
{
	const struct xdp_dispatcher_config config = { .magic = XDP_DISPATCHER_MAGIC,
						      .dispatcher_version =
							      XDP_DISPATCHER_VERSION };
	struct bpf_object *object = bpf_object__open_file(DISPATCHER_FILE, NULL);
	char pins[100];
	int fd;

	assert_non_null(object);
	assert_int_equal(bpf_map__set_initial_value(bpf_object__next_map(object, NULL), &config,
						    sizeof(config)),
			 0);
	assert_int_equal(bpf_object__load(object), 0);
	fd = bpf_program__fd(bpf_object__find_program_by_name(object, "xdp_dispatcher"));
	assert_int_equal(bpf_xdp_attach(ifindex(), fd, 0, NULL), 0);
	mkdir(BPFFS "/xdp", 0700);
	snprintf(pins, sizeof(pins), BPFFS "/xdp/dispatch-%d-%u", ifindex(), hook());
	assert_int_equal(mkdir(pins, 0700), 0);
	return object;
}

static void refused_in_one_sentence(const char *others)
{
	uint32_t before = hook();
	struct xdp_object o;

	object_open(&o);
	assert_int_equal(xdp_hook_attach(&o, ifindex()), -EBUSY);
	if (!strstr(o.why, "held by libxdp's dispatcher (id ") || !strstr(o.why, others) ||
	    !strstr(o.why, log_path) || !strstr(o.why, "'xdp-loader unload lbx0 --all'") ||
	    strchr(o.why, '\n'))
		fail_msg("%s", o.why);
	assert_int_equal(access(log_path, R_OK), 0);
	assert_int_equal(hook(), before);
	object_end(&o);
	assert_int_equal(hook(), before);
}

static void refusal_is_one_line(void **state)
{
	struct bpf_object *dispatcher;

	(void)state;
	if (takes_us || access(DISPATCHER_FILE, R_OK))
		skip();
	dispatcher = dispatcher_put();
	refused_in_one_sentence("");
	assert_int_equal(bpf_xdp_detach(ifindex(), 0, NULL), 0);
	bpf_object__close(dispatcher);
}

static void other_programs_survive_a_refusal(void **state)
{
	struct other other;
	uint64_t before;

	(void)state;
	if (takes_us || !has_dispatcher)
		skip();
	other_start(&other, XDP_MODE_NATIVE);
	refused_in_one_sentence("'xdp_count'");
	before = other_passed(&other);
	assert_true(COMES_TRUE((frame_send(ETH_P_IP), other_passed(&other) > before)));
	other_stop(&other);
}

static void sockets_need_a_hook_of_their_own(void **state)
{
	struct xdp_object_options opt = options();
	struct bpf_object *dispatcher;
	struct xdp_object o;

	(void)state;
	if (access(DISPATCHER_FILE, R_OK))
		skip();
	opt.has_handover = true;
	opt.is_behind = false;
	if (xdp_object_open(&o, &opt)) {
		print_message("# figure: this kernel refuses the program of dataplane: auto\n");
		skip();
	}
	dispatcher = dispatcher_put();
	assert_int_equal(xdp_hook_attach(&o, ifindex()), -EBUSY);
	if (!strstr(o.why, "held by libxdp's dispatcher") || !strstr(o.why, "auto"))
		fail_msg("%s", o.why);
	object_end(&o);
	assert_int_equal(bpf_xdp_detach(ifindex(), 0, NULL), 0);
	bpf_object__close(dispatcher);
}

static void holder_is_named(void **state)
{
	struct xdp_holder holder;
	struct xdp_object o;
	struct xdp_count *skel = xdp_count__open_and_load();
	char why[XDP_OBJECT_WHY_MAX];
	uint32_t before;
	int link;

	(void)state;
	assert_non_null(skel);
	link = bpf_link_create(bpf_program__fd(skel->progs.xdp_count), ifindex(), BPF_XDP, NULL);
	assert_true(link >= 0);
	before = hook();
	object_open(&o);
	assert_int_equal(xdp_hook_attach(&o, ifindex()), -EBUSY);
	if (!strstr(o.why, "program 'xdp_count' (id ") || !strstr(o.why, "by a link"))
		fail_msg("%s", o.why);
	assert_int_equal(hook(), before);
	object_end(&o);
	close(link);
	assert_int_equal(xdp_holder_find(ifindex(), &holder), 0);
	assert_int_equal(bpf_xdp_attach(ifindex(), bpf_program__fd(skel->progs.xdp_count), 2, NULL),
			 0);
	assert_int_equal(xdp_holder_find(ifindex(), &holder), 1);
	xdp_holder_say(&holder, "", "", why, sizeof(why));
	if (!strstr(why, "generic mode") || !strstr(why, "'ip link set dev lbx0 xdpgeneric off'"))
		fail_msg("%s", why);
	xdp_fixture_command("ip link set dev lbx0 xdpgeneric off");
	assert_int_equal(hook(), 0);
	xdp_count__destroy(skel);
}

/* ---- ---- */

static bool is_put_into_dispatcher(bool changes_packets)
{
	struct xdp_holder holder;
	struct other other;
	bool is_in;

	if (other_try(&other, XDP_MODE_NATIVE, changes_packets)) {
		other_free(&other);
		return false;
	}
	is_in = xdp_holder_find(ifindex(), &holder) > 0 && holder.is_dispatcher;
	other_stop(&other);
	return is_in;
}

static int namespaces(void **state)
{
	int fd = mkstemp(log_path);

	(void)state;
	if (!getenv("V"))
		libxdp_set_print(quiet);
	if (!getenv("V"))
		libbpf_set_print(quiet_bpf);
	if (fd < 0 || close(fd) || unlink(log_path))
		fail_msg("%s", strerror(errno));
	xdp_fixture_veth(PORT, XDP_FIXTURE_PEER);
	has_dispatcher = is_put_into_dispatcher(false);
	takes_us = has_dispatcher && is_put_into_dispatcher(true);
	print_message("# figure: libxdp's dispatcher and this kernel take %s\n",
		      takes_us	       ? "any program"
		      : has_dispatcher ? "programs that change no packets"
				       : "no other program");
	return 0;
}

static int log_remove(void **state)
{
	(void)state;
	unlink(log_path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_the_dispatcher_and_leaves_it),
		cmocka_unit_test(joins_in_generic_mode),
		cmocka_unit_test(is_replaced_without_a_gap),
		cmocka_unit_test(other_programs_join_and_leave),
		cmocka_unit_test(lost_pins_leave_no_second_program),
		cmocka_unit_test(killed_while_joining_leaves_a_usable_hook),
		cmocka_unit_test(takes_the_hook_when_the_others_are_gone),
		cmocka_unit_test(refusal_is_one_line),
		cmocka_unit_test(other_programs_survive_a_refusal),
		cmocka_unit_test(sockets_need_a_hook_of_their_own),
		cmocka_unit_test(holder_is_named),
	};

	return cmocka_run_group_tests(tests, namespaces, log_remove);
}
