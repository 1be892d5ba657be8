/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/log.h"
#include "controlplane/state/state.h"

#define GOOD "{\"version\":1,\"instances\":{\"web/web-1\":{\"admin\":\"drain\",\"changed\":5}}}"

struct fixture {
	char dir[64];
};

static const struct state_entry drained = { .admin = MODEL_DRAIN };
static const struct state_entry weighted = { .weight_set = true, .weight = 7 };

static int setup(void **test_state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_state.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	*test_state = f;
	log_set_level(LOG_EMERG);
	return 0;
}

static const char *file_path(const struct fixture *f, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	return path;
}

/* How many files of the directory begin like this. */
static unsigned int file_count(const struct fixture *f, const char *prefix)
{
	DIR *dir = opendir(f->dir);
	unsigned int count = 0;
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.' &&
			 strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return count;
}

static int teardown(void **test_state)
{
	struct fixture *f = *test_state;
	DIR *dir = opendir(f->dir);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		unlink(file_path(f, entry->d_name));
	if (dir != NULL)
		closedir(dir);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void file_write(const struct fixture *f, const char *name, const char *text, size_t size)
{
	FILE *file = fopen(file_path(f, name), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
}

static char *file_read(const struct fixture *f, const char *name)
{
	FILE *file = fopen(file_path(f, name), "re");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(file);
	assert_true(getdelim(&text, &size, '\0', file) > 0);
	fclose(file);
	return text;
}

static enum model_admin admin_of(const struct state *state, const char *path)
{
	struct state_entry entry;

	state_get(state, path, &entry);
	return entry.admin;
}

static enum model_admin admin_after_open(const struct fixture *f, const char *path)
{
	struct state *state = state_open(f->dir);
	enum model_admin admin;

	assert_non_null(state);
	admin = admin_of(state, path);
	state_close(state);
	return admin;
}

static void test_first_start(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state = state_open(f->dir);
	struct state_entry entry;

	assert_non_null(state);
	state_get(state, "web/web-1", &entry);
	assert_int_equal(entry.admin, MODEL_READY);
	assert_false(entry.weight_set);
	assert_int_equal(file_count(f, ""), 0);
	state_close(state);
	state_close(NULL);
}

static void test_missing_directory_is_made(void **test_state)
{
	struct fixture *f = *test_state;

	rmdir(f->dir);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_READY);
	assert_int_equal(file_count(f, ""), 0);
}

static void test_survives_reopen(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state = state_open(f->dir);
	struct state_entry entry;
	struct stat info;
	char *text, *copy;

	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	assert_int_equal(state_set(state, "web/web-2", &weighted), 0);
	assert_int_equal(
		state_set(state, "api/a", &(struct state_entry){ MODEL_MAINT, true, 0, 0 }), 0);
	state_close(state);

	state = state_open(f->dir);
	assert_int_equal(admin_of(state, "web/web-1"), MODEL_DRAIN);
	state_get(state, "web/web-2", &entry);
	assert_int_equal(entry.admin, MODEL_READY);
	assert_true(entry.weight_set);
	assert_int_equal(entry.weight, 7);
	assert_true(entry.changed_unix > 1600000000);
	state_get(state, "api/a", &entry);
	assert_int_equal(entry.admin, MODEL_MAINT);
	assert_true(entry.weight_set);
	assert_int_equal(entry.weight, 0);
	state_close(state);

	assert_int_equal(stat(file_path(f, "state.json"), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	text = file_read(f, "state.json");
	copy = file_read(f, "state.json~");
	assert_string_equal(text, copy);
	free(text);
	free(copy);
	assert_int_equal(file_count(f, ""), 2);
}

static void test_default_leaves_no_entry(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state = state_open(f->dir);
	char *text;

	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	assert_int_equal(state_set(state, "web/web-1", &(struct state_entry){ 0 }), 0);
	state_close(state);
	text = file_read(f, "state.json");
	assert_null(strstr(text, "web-1"));
	free(text);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_READY);
}

/* What a crash has left beside the file is neither read nor in the way. */
static void test_interrupted_write_is_ignored(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state;

	file_write(f, "state.json.new", GOOD, strlen(GOOD));
	file_write(f, "state.json~.new", GOOD, strlen(GOOD));
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_READY);
	state = state_open(f->dir);
	assert_int_equal(state_set(state, "web/web-2", &drained), 0);
	state_close(state);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_READY);
	assert_int_equal(admin_after_open(f, "web/web-2"), MODEL_DRAIN);
	assert_int_equal(file_count(f, ""), 2);
}

/* The directory vanishes and comes back, as a disk does that is mounted late. */
static void test_directory_is_away(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state = state_open(f->dir);

	rmdir(f->dir);
	assert_int_equal(state_set(state, "web/web-1", &drained), -ENOENT);
	assert_int_equal(admin_of(state, "web/web-1"), MODEL_READY);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	state_close(state);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_DRAIN);
}

/* rename(2) fails when all of the file is written. */
static void test_failed_rename_goes_back(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state = state_open(f->dir);

	assert_int_equal(mkdir(file_path(f, "state.json"), 0700), 0);
	assert_int_equal(state_set(state, "web/web-1", &drained), -EISDIR);
	assert_int_equal(admin_of(state, "web/web-1"), MODEL_READY);
	assert_int_equal(file_count(f, "state.json.new"), 0);
	rmdir(file_path(f, "state.json"));
	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	state_close(state);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_DRAIN);
}

static void check_refused(const struct fixture *f, struct state *state, int expected)
{
	char *before = file_read(f, "state.json");
	char *after;

	assert_int_equal(state_set(state, "web/web-1", &(struct state_entry){ 0 }), expected);
	assert_int_equal(admin_of(state, "web/web-1"), MODEL_DRAIN);
	assert_int_equal(file_count(f, "state.json.new"), 0);
	after = file_read(f, "state.json");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_file_size_limit(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state = state_open(f->dir);
	struct rlimit old, small;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	check_refused(f, state, -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(state_set(state, "web/web-1", &(struct state_entry){ 0 }), 0);
	state_close(state);
}

/* A file system of our own, in a mount namespace of our own. Return: whether that may be done. */
static bool mount_own(const struct fixture *f)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", f->dir, "tmpfs", 0, "size=64k,mode=700") == 0;
}

static void fill(const struct fixture *f)
{
	int fd = open(file_path(f, "ballast"), O_WRONLY | O_CREAT, 0600);
	char block[4096] = { 0 };

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static void disk_faults(const struct fixture *f)
{
	struct state *state = state_open(f->dir);

	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	fill(f);
	check_refused(f, state, -ENOSPC);
	unlink(file_path(f, "ballast"));
	assert_int_equal(state_set(state, "web/web-2", &drained), 0);

	assert_int_equal(mount(NULL, f->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	check_refused(f, state, -EROFS);
	assert_int_equal(mount(NULL, f->dir, NULL, MS_REMOUNT, NULL), 0);
	assert_int_equal(state_set(state, "web/web-1", &(struct state_entry){ 0 }), 0);
	state_close(state);
}

static void test_full_and_read_only_disk(void **test_state)
{
	const struct fixture *f = *test_state;
	pid_t child;
	int status;

	if (geteuid() != 0)
		skip();
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		/* cmocka's own way out of a failed assertion would run the other tests twice. */
		int out = open("/dev/null", O_WRONLY);

		dup2(out, STDOUT_FILENO);
		if (!mount_own(f))
			_exit(77);
		disk_faults(f);
		umount2(f->dir, MNT_DETACH);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct {
	const char *name;
	const char *text;
} damaged[] = {
	{ "empty", "" },
	{ "zeros", "\0\0\0\0" },
	{ "half", "{\"version\":1,\"instances\":{\"web/web-1\":{\"adm" },
	{ "garbage", "\xff\xfe\x01garbage" },
	{ "array", "[]" },
	{ "no version", "{\"instances\":{}}" },
	{ "no instances", "{\"version\":1}" },
	{ "instances is a list", "{\"version\":1,\"instances\":[]}" },
	{ "newer version", "{\"version\":2,\"instances\":{}}" },
	{ "unknown admin",
	  "{\"version\":1,\"instances\":{\"a/b\":{\"admin\":\"x\",\"changed\":1}}}" },
	{ "admin missing", "{\"version\":1,\"instances\":{\"a/b\":{\"changed\":1}}}" },
	{ "admin no text", "{\"version\":1,\"instances\":{\"a/b\":{\"admin\":1,\"changed\":1}}}" },
	{ "entry no object", "{\"version\":1,\"instances\":{\"a/b\":7}}" },
	{ "weight too big",
	  "{\"version\":1,\"instances\":{\"a/b\":{\"admin\":\"ready\",\"weight\":1001,"
	  "\"changed\":1}}}" },
	{ "weight negative",
	  "{\"version\":1,\"instances\":{\"a/b\":{\"admin\":\"ready\",\"weight\":-1,"
	  "\"changed\":1}}}" },
	{ "weight is text",
	  "{\"version\":1,\"instances\":{\"a/b\":{\"admin\":\"ready\",\"weight\":\"1\","
	  "\"changed\":1}}}" },
	{ "no pool", "{\"version\":1,\"instances\":{\"b\":{\"admin\":\"drain\",\"changed\":1}}}" },
	{ "empty pool",
	  "{\"version\":1,\"instances\":{\"/b\":{\"admin\":\"drain\",\"changed\":1}}}" },
	{ "two slashes",
	  "{\"version\":1,\"instances\":{\"a/b/c\":{\"admin\":\"drain\",\"changed\":1}}}" },
	{ "twice", "{\"version\":1,\"instances\":{},\"instances\":{}}" },
	{ "trailing", GOOD "x" },
};

static void test_damaged_file(void **test_state)
{
	struct fixture *f = *test_state;

	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		size_t size = strcmp(damaged[i].name, "zeros") == 0 ? 4 : strlen(damaged[i].text);
		char *text;

		file_write(f, "state.json", damaged[i].text, size);
		file_write(f, "state.json~", GOOD, strlen(GOOD));
		if (admin_after_open(f, "web/web-1") != MODEL_DRAIN)
			fail_msg("%s: the copy was not used", damaged[i].name);
		assert_true(file_count(f, "state.json.corrupt-") >= 1);
		/* The good contents are the file's again, so the next start finds nothing wrong. */
		text = file_read(f, "state.json");
		assert_non_null(strstr(text, "web-1"));
		free(text);
	}
}

static void test_each_half_written_file(void **test_state)
{
	struct fixture *f = *test_state;

	for (size_t size = 0; size < strlen(GOOD); size++) {
		file_write(f, "state.json", GOOD, size);
		unlink(file_path(f, "state.json~"));
		assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_READY);
		assert_int_equal(file_count(f, "state.json.new"), 0);
	}
	file_write(f, "state.json", GOOD, strlen(GOOD));
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_DRAIN);
}

static void test_both_damaged(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state;

	file_write(f, "state.json", "{", 1);
	file_write(f, "state.json~", "", 0);
	state = state_open(f->dir);
	assert_non_null(state);
	assert_int_equal(admin_of(state, "web/web-1"), MODEL_READY);
	assert_int_equal(file_count(f, "state.json.corrupt-"), 1);
	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	state_close(state);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_DRAIN);
}

static void test_missing_file_with_copy(void **test_state)
{
	struct fixture *f = *test_state;

	file_write(f, "state.json~", GOOD, strlen(GOOD));
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_DRAIN);
	assert_int_equal(file_count(f, "state.json.corrupt-"), 0);
}

/* Something else of that name must neither block the start nor be followed. */
static void test_not_a_regular_file(void **test_state)
{
	struct fixture *f = *test_state;
	char target[512];

	assert_int_equal(mkfifo(file_path(f, "state.json"), 0600), 0);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_READY);
	unlink(file_path(f, "state.json"));

	snprintf(target, sizeof(target), "%s/elsewhere", f->dir);
	file_write(f, "elsewhere", GOOD, strlen(GOOD));
	assert_int_equal(symlink(target, file_path(f, "state.json")), 0);
	assert_int_equal(admin_after_open(f, "web/web-1"), MODEL_READY);
}

static bool known_is_web(void *arg, const char *path)
{
	assert_ptr_equal(arg, &drained);
	return strncmp(path, "web/", 4) == 0;
}

static void test_bounded(void **test_state)
{
	struct fixture *f = *test_state;
	FILE *file = fopen(file_path(f, "state.json"), "we");
	struct state *state;

	fputs("{\"version\":1,\"instances\":{", file);
	for (unsigned int i = 0; i < STATE_ENTRIES_MAX; i++)
		fprintf(file, "%s\"%s/i%u\":{\"admin\":\"drain\",\"changed\":%u}", i ? "," : "",
			i % 2 ? "gone" : "web", i, i == 4001 ? 10 : 20 + i);
	fputs("}}", file);
	fclose(file);

	state = state_open(f->dir);
	assert_int_equal(admin_of(state, "gone/i4001"), MODEL_DRAIN);
	assert_int_equal(state_set(state, "web/new", &drained), -E2BIG);
	assert_int_equal(state_set(state, "web/i0", &(struct state_entry){ .admin = MODEL_MAINT }),
			 0);

	state_set_known(state, known_is_web, (void *)(uintptr_t)&drained);
	assert_int_equal(state_set(state, "web/new", &drained), 0);
	assert_int_equal(admin_of(state, "web/new"), MODEL_DRAIN);
	assert_int_equal(admin_of(state, "gone/i4001"), MODEL_READY);
	assert_int_equal(admin_of(state, "gone/i4003"), MODEL_DRAIN);
	state_close(state);
	assert_int_equal(admin_after_open(f, "web/new"), MODEL_DRAIN);
}

static void change_for_ever(const struct fixture *f)
{
	struct state *state = state_open(f->dir);

	for (unsigned int i = 0;; i++) {
		struct state_entry entry = { i % 2 ? MODEL_DRAIN : MODEL_MAINT, true, i % 1000, 0 };

		state_set(state, "web/web-1", &entry);
	}
}

static void test_killed_at_any_moment(void **test_state)
{
	struct fixture *f = *test_state;
	struct state *state = state_open(f->dir);

	assert_int_equal(state_set(state, "web/web-1", &drained), 0);
	assert_int_equal(state_set(state, "web/web-2", &drained), 0);
	state_close(state);
	for (useconds_t us = 0; us < 40000; us += 1309) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			change_for_ever(f);
		usleep(us);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		assert_true(admin_after_open(f, "web/web-1") != MODEL_READY);
		assert_int_equal(admin_after_open(f, "web/web-2"), MODEL_DRAIN);
		assert_int_equal(file_count(f, "state.json.corrupt-"), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_start),
		TEST(test_missing_directory_is_made),
		TEST(test_survives_reopen),
		TEST(test_default_leaves_no_entry),
		TEST(test_interrupted_write_is_ignored),
		TEST(test_directory_is_away),
		TEST(test_failed_rename_goes_back),
		TEST(test_file_size_limit),
		TEST(test_full_and_read_only_disk),
		TEST(test_damaged_file),
		TEST(test_each_half_written_file),
		TEST(test_both_damaged),
		TEST(test_missing_file_with_copy),
		TEST(test_not_a_regular_file),
		TEST(test_bounded),
		TEST(test_killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
