/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of ELB classic on their file: what they change, and what they leave as it was. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "config/load/last_good.h"
#include "config/load/load.h"
#include "controlplane/api/ops.h"
#include "controlplane/commands.h"
#include "controlplane/elb/edit.h"
#include "controlplane/model/model.h"
#include "controlplane/versions.h"

static const char own[] = "node:\n"
			  "  port: eth1\n"
			  "  cpus: \"1\"\n"
			  "  address: [\"10.0.0.5/24\"]\n"
			  "  secret: \"000102030405060708090a0b0c0d0e0f\"\n"
			  "  vip_pool: [203.0.113.8/30, \"2001:db8::/126\"]\n"
			  "pools:\n"
			  "  web: { instances: { web-1: { address: 10.0.1.1 } } }\n"
			  "services:\n"
			  "  site:\n"
			  "    vip: [203.0.113.9]\n"
			  "    forward: l2\n"
			  "    listeners: [ { port: 80, pool: web } ]\n";

struct fixture {
	char dir[64];
	char config_path[96];
	struct sluiced sluiced;
	struct control_refusal refusal;
	bool changed;
};

static void on_changed(void *arg, enum model_change what, uint32_t pool_id)
{
	(void)arg;
	(void)what;
	(void)pool_id;
}

static const struct model_ops model_ops = { .changed = on_changed };

/* As at a start. */
static void load(struct fixture *f)
{
	struct control_apply_refusal refusal;
	struct config *config = sluiced_config_load(&f->sluiced);

	assert_non_null(config);
	model_destroy(f->sluiced.model);
	f->sluiced.model = model_create(&model_ops, f);
	assert_non_null(f->sluiced.model);
	assert_int_equal(sluiced_apply(&f->sluiced, config, true, &refusal), 0);
}

static void put(const char *path, const char *text)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	fputs(text, to);
	fclose(to);
}

static void fixture_start(struct fixture *f)
{
	snprintf(f->config_path, sizeof(f->config_path), "%s/sluice.yaml", f->dir);
	f->sluiced.config_path = f->config_path;
	f->sluiced.state_dir = f->dir;
	snprintf(f->sluiced.commands_path, sizeof(f->sluiced.commands_path), "%s/%s", f->dir,
		 CONFIG_COMMANDS_NAME);
	put(f->config_path, own);
	assert_int_equal(sluiced_versions_open(&f->sluiced), 0);
	load(f);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_commands.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	fixture_start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	model_destroy(f->sluiced.model);
	versions_close(f->sluiced.versions);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* ---- Commands ---- */

static int run(struct fixture *f,
	       int (*edit)(void *, struct config_tree *, const struct config *,
			   struct config_reason *),
	       void *arg)
{
	const struct control_edit one = { edit, arg };
	int err;

	json_decref(f->refusal.details);
	f->refusal = (struct control_refusal){ .details = NULL };
	err = commands_edit(&f->sluiced, &one, &f->changed, &f->refusal);
	json_decref(f->refusal.details);
	f->refusal.details = NULL;
	return err;
}

static int run_create(void *arg, struct config_tree *tree, const struct config *config,
		      struct config_reason *reason)
{
	return elb_create(tree, config, arg, reason);
}

static int create(struct fixture *f, const char *name, const char *listeners, const char *vips)
{
	struct elb_create one = { name, listeners, vips, "l2" };

	return run(f, run_create, &one);
}

static int run_delete(void *arg, struct config_tree *tree, const struct config *config,
		      struct config_reason *reason)
{
	return elb_delete(tree, config, arg, reason);
}

static int delete (struct fixture *f, const char *name)
{
	return run(f, run_delete, (void *)(uintptr_t)name);
}

static int run_configure(void *arg, struct config_tree *tree, const struct config *config,
			 struct config_reason *reason)
{
	return elb_configure(tree, config, "shop", arg, reason);
}

static int configure(struct fixture *f, const char *target, const char *timeout, bool only)
{
	struct elb_check check = { target, "30s", timeout, 2, 2, only };

	return run(f, run_configure, &check);
}

static int run_register(void *arg, struct config_tree *tree, const struct config *config,
			struct config_reason *reason)
{
	const char *const *one = arg;
	struct config_address address;

	assert_int_equal(config_address_parse(one[1], &address), 0);
	return elb_register(tree, config, "shop", one[0], &address, reason);
}

static int enlist(struct fixture *f, const char *id, const char *address)
{
	const char *one[] = { id, address };

	return run(f, run_register, one);
}

static int run_deregister(void *arg, struct config_tree *tree, const struct config *config,
			  struct config_reason *reason)
{
	return elb_deregister(tree, config, "shop", arg, reason);
}

static int discharge(struct fixture *f, const char *id)
{
	return run(f, run_deregister, (void *)(uintptr_t)id);
}

static char *file_text(const struct fixture *f)
{
	static char text[8192];
	FILE *from = fopen(f->sluiced.commands_path, "r");
	size_t size = from ? fread(text, 1, sizeof(text) - 1, from) : 0;

	if (from)
		fclose(from);
	text[size] = '\0';
	/* Without the head. */
	return strstr(text, "\npools:") ? strstr(text, "\npools:") + 1 : text;
}

static const struct config *config(const struct fixture *f)
{
	return model_config(f->sluiced.model);
}

/* ---- Tests ---- */

static void a_life(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(create(f, "shop", "443/443,80/80", NULL), 0);
	assert_true(f->changed);
	assert_string_equal(file_text(f), "pools:\n  shop:\n    drain: 5m\n    checks:\n"
					  "      - { target: \"TCP:443\" }\n    instances: {}\n"
					  "services:\n  shop:\n    vip: [203.0.113.10]\n"
					  "    forward: l2\n    listeners:\n"
					  "      - { port: 443, pool: shop }\n"
					  "      - { port: 80, pool: shop }\n");
	assert_int_equal(configure(f, "TCP:8443", "20s", false), 0);
	assert_int_equal(configure(f, "HTTP:80/up.html", "5s", false), 0);
	assert_int_equal(configure(f, "TCP:8443", "10s", false), 0);
	assert_int_equal(enlist(f, "i-12ab3c45", "10.0.2.1"), 0);
	assert_int_equal(enlist(f, "i-12ab3c46", "10.0.2.2"), 0);
	assert_int_equal(discharge(f, "i-12ab3c45"), 0);
	assert_string_equal(
		file_text(f),
		"pools:\n  shop:\n    drain: 5m\n    checks:\n"
		"      - { target: \"TCP:8443\", interval: 30s, timeout: 10s, unhealthy: 2, healthy: 2 }\n"
		"      - { target: \"HTTP:80/up.html\", interval: 30s, timeout: 5s, unhealthy: 2, "
		"healthy: 2 }\n"
		"    instances:\n      i-12ab3c46: { address: 10.0.2.2 }\n"
		"services:\n  shop:\n    vip: [203.0.113.10]\n    forward: l2\n    listeners:\n"
		"      - { port: 443, pool: shop }\n      - { port: 80, pool: shop }\n");
	assert_int_equal(config(f)->pools[1].check_count, 2);
	assert_int_equal(configure(f, "SSL:443", "10s", true), 0);
	assert_int_equal(config(f)->pools[1].check_count, 1);
	/* A start finds the same. */
	load(f);
	assert_int_equal(config(f)->pools[1].check_count, 1);
	assert_int_equal(config(f)->pools[1].instance_count, 1);
	assert_int_equal(delete (f, "shop"), 0);
	assert_string_equal(file_text(f), "pools: {}\nservices: {}\n");
	assert_int_equal(config(f)->service_count, 1);
}

static void twice_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(create(f, "shop", "443/443", NULL), 0);
	assert_int_equal(create(f, "shop", "443/443", NULL), 0);
	assert_false(f->changed);
	assert_int_equal(create(f, "shop", "443/443", "203.0.113.10"), 0);
	assert_false(f->changed);
	assert_int_equal(configure(f, "TCP:443", "5s", false), 0);
	assert_true(f->changed);
	assert_int_equal(configure(f, "TCP:443", "5s", false), 0);
	assert_false(f->changed);
	assert_int_equal(configure(f, "TCP:443", "5s", true), 0);
	assert_false(f->changed);
	assert_int_equal(enlist(f, "i-1", "10.0.2.1"), 0);
	assert_int_equal(enlist(f, "i-1", "10.0.2.1"), 0);
	assert_false(f->changed);
	assert_int_equal(enlist(f, "i-1", "10.0.2.2"), 0);
	assert_true(f->changed);
	assert_int_equal(discharge(f, "i-1"), 0);
	assert_int_equal(discharge(f, "i-1"), 0);
	assert_false(f->changed);
	assert_int_equal(delete (f, "shop"), 0);
	assert_int_equal(delete (f, "shop"), 0);
	assert_false(f->changed);
}

static void the_pool_of_addresses_ends(void **state)
{
	struct fixture *f = *state;
	char text[CONFIG_ADDRESS_STRLEN];
	/* 203.0.113.8 and .11 are the network's, .9 is site's; of IPv6 only the first is reserved. */
	static const char *const expect[] = { "203.0.113.10", "2001:db8::1", "2001:db8::2",
					      "2001:db8::3" };

	for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
		char name[8];

		snprintf(name, sizeof(name), "lb%zu", i);
		assert_int_equal(create(f, name, "443", NULL), 0);
		assert_string_equal(
			config_address_format(&config(f)->services[i + 1].vips[0].address, text),
			expect[i]);
	}
	assert_int_equal(create(f, "more", "443", NULL), -EINVAL);
	assert_string_equal(f->refusal.reason, "no address of node.vip_pool is free; give --vip");
	assert_int_equal(delete (f, "lb1"), 0);
	assert_int_equal(create(f, "more", "443", NULL), 0);
}

/* Nothing has changed after any of these. */
static void refused(void **state)
{
	struct fixture *f = *state;
	char *before;

	assert_int_equal(create(f, "shop", "443/443", NULL), 0);
	before = strdup(file_text(f));

	assert_int_equal(create(f, "shop", "80/80", NULL), -EINVAL);
	assert_string_equal(f->refusal.reason,
			    "Load Balancer named shop already exists and it is configured with "
			    "different parameters");
	assert_int_equal(create(f, "site", "443/443", NULL), -EINVAL);
	assert_non_null(strstr(f->refusal.reason, "services.site is in "));
	assert_non_null(strstr(f->refusal.reason, "sluice.yaml:10; "));
	assert_non_null(strstr(f->refusal.reason, "elb.yaml"));
	assert_int_equal(create(f, "web", "443/443", NULL), -EINVAL);
	assert_non_null(strstr(f->refusal.reason, "pools.web is in "));
	assert_int_equal(create(f, "x", "80/80", "203.0.113.9"), -EINVAL);
	assert_non_null(strstr(f->refusal.reason, "service \"site\", "));
	assert_non_null(strstr(f->refusal.reason, "sluice.yaml:13, already has this port"));
	assert_int_equal(create(f, "x", "443/8443", NULL), -EINVAL);
	assert_non_null(
		strstr(f->refusal.reason, "services.x.listeners[0].instance_port: \"8443\": "));
	assert_int_equal(create(f, "x", "80/80", "nonsense"), -EINVAL);
	assert_string_equal(f->refusal.reason,
			    "services.x.vip[0]: \"nonsense\": expected an IPv4 or IPv6 address");
	assert_int_equal(configure(f, "TCP:80", "30s", false), -EINVAL);
	assert_non_null(strstr(f->refusal.reason, "expected less than the interval, 30s"));
	assert_int_equal(configure(f, "TCP", "5s", false), -EINVAL);
	assert_int_equal(enlist(f, "i-1", "10.0.0.5"), -EINVAL);
	assert_non_null(strstr(f->refusal.reason, "is the node's own address"));
	assert_int_equal(delete (f, "site"), -EINVAL);
	assert_int_equal(delete (f, "shop"), 0);
	assert_int_equal(enlist(f, "i-1", "10.0.2.1"), -EINVAL);
	assert_string_equal(f->refusal.reason, "There is no ACTIVE Load Balancer named 'shop'");
	assert_int_equal(create(f, "shop", "443/443", NULL), 0);

	assert_string_equal(file_text(f), before);
	free(before);
}

/* Edited by hand: into nonsense it is refused, with its place; else it stays in what follows. */
static void edited_by_hand(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(create(f, "shop", "443/443", NULL), 0);
	put(f->sluiced.commands_path,
	    "pools:\n  shop: { instances: {} }\nservices:\n  shop: nonsense\n");
	assert_int_equal(create(f, "more", "443/443", NULL), -EINVAL);
	assert_non_null(strstr(f->refusal.reason, "elb.yaml is refused: "));
	assert_int_equal(config(f)->service_count, 2);
	assert_int_equal(sluiced_reload(&f->sluiced), -EINVAL);
	assert_int_equal(config(f)->service_count, 2);
	assert_non_null(strstr(f->sluiced.config_problem, "elb.yaml:4:"));
	/* The next start has what was in force. */
	load(f);
	assert_int_equal(config(f)->service_count, 2);

	put(f->sluiced.commands_path, "pools:\n  shop: { on_down: keep }\nservices:\n  shop:\n"
				      "    vip: [203.0.113.10]\n    forward: l2\n"
				      "    listeners: [{ port: 443, pool: shop }]\n");
	assert_int_equal(enlist(f, "i-1", "10.0.2.1"), 0);
	assert_int_equal(config(f)->pools[1].on_down, CONFIG_ON_DOWN_KEEP);
}

/* A command takes the operator's file as it is in force, not as it is being edited. */
static void an_edited_file_is_not_applied(void **state)
{
	struct fixture *f = *state;

	put(f->config_path, "node: [");
	assert_int_equal(create(f, "shop", "443/443", NULL), 0);
	assert_int_equal(config(f)->service_count, 2);
	put(f->config_path, own);
	assert_int_equal(sluiced_reload(&f->sluiced), 0);
	assert_int_equal(config(f)->service_count, 2);
}

static void fill(const struct fixture *f)
{
	char path[96], block[4096] = { 0 };
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", f->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static void check_not_written(struct fixture *f, int err, const char *why)
{
	char *before = strdup(file_text(f));

	assert_int_equal(create(f, "more", "443/443", NULL), err);
	assert_non_null(strstr(f->refusal.reason, why));
	assert_non_null(strstr(f->refusal.reason, "; nothing has changed"));
	assert_false(f->changed);
	assert_int_equal(config(f)->service_count, 2);
	assert_string_equal(file_text(f), before);
	free(before);
}

/* In a mount namespace of its own. */
static void disk_faults(struct fixture *f)
{
	char ballast[96];

	assert_int_equal(create(f, "shop", "443/443", NULL), 0);
	fill(f);
	check_not_written(f, -ENOSPC, "No space left on device");
	snprintf(ballast, sizeof(ballast), "%s/ballast", f->dir);
	unlink(ballast);
	assert_int_equal(mount(NULL, f->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	check_not_written(f, -EROFS, "Read-only file system");
	assert_int_equal(mount(NULL, f->dir, NULL, MS_REMOUNT, NULL), 0);
	load(f);
	assert_int_equal(config(f)->service_count, 2);
	assert_int_equal(create(f, "more", "443/443", NULL), 0);
	load(f);
	assert_int_equal(config(f)->service_count, 3);
}

static void a_full_disk(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int out = open("/dev/null", O_WRONLY);

		dup2(out, STDOUT_FILENO);
		if (unshare(CLONE_NEWNS) != 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("tmpfs", f->dir, "tmpfs", 0, "size=64k,mode=700") != 0)
			_exit(77);
		fixture_start(f);
		disk_faults(f);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_life, setup, teardown),
		cmocka_unit_test_setup_teardown(twice_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_pool_of_addresses_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(edited_by_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(an_edited_file_is_not_applied, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk, setup, teardown),
	};

	log_set_level(LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
