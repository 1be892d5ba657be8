/* SPDX-License-Identifier: BSD-3-Clause */
/* sluicectl: its command line, and what its verbs share. */
#ifndef CONTROLPLANE_CLI_CLI_H
#define CONTROLPLANE_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_DIR_DEFAULT "/run/sluice"

enum cli_exit {
	CLI_DONE = 0,
	CLI_REFUSED = 1,
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3,
};

enum cli_option {
	CLI_OPTION_WAIT = 1 << 0,
	CLI_OPTION_FORCE = 1 << 1,
	CLI_OPTION_ORIGIN = 1 << 2,
	CLI_OPTION_CONVERT = 1 << 3, /* --node, --vip, --forward */
	CLI_OPTION_EVENTS = 1 << 4,  /* -f, --since, --object */
	CLI_OPTION_CONFIRM = 1 << 5,
	CLI_OPTION_INIT = 1 << 6,     /* -w, --port, --dataplane, --cpus */
	CLI_OPTION_EXPLAIN = 1 << 7,  /* -c, --at, --reverse */
	CLI_OPTION_FLOWS = 1 << 8,    /* --instance, --client, --service, --older, --limit */
	CLI_OPTION_TOP = 1 << 9,      /* --once, --interval */
	CLI_OPTION_DOCTOR = 1 << 10,  /* -c, --root */
	CLI_OPTION_CAPTURE = 1 << 11, /* -w, --drops, --reason, --instance, --client, --count */
};

struct cli;

struct cli_verb {
	const char *name;     /* "config check" is two words */
	const char *synopsis; /* arguments */
	const char *summary;  /* one line */
	const char *help;     /* additional help, whole lines; or NULL */
	const char *examples; /* whole lines, indented */
	unsigned int options; /* enum cli_option */
	bool own_options;     /* run reads them all; the verb is also a program of its name */
	int arguments_min;
	int arguments_max;
	/* Arguments only, or with own_options the verb and all words after it. Return: enum cli_exit. */
	int (*run)(struct cli *cli, int argc, char **argv);
};

struct cli {
	const char *program; /* a verb's own name, or "sluicectl" */
	const char *dir;
	bool json;
	bool wait;	     /* --wait */
	uint32_t wait_ms;    /* 0: no limit */
	bool force;	     /* --force */
	bool origin;	     /* --origin */
	const char *node;    /* --node FILE, or NULL */
	const char *vip;     /* --vip ADDRESS, or NULL */
	const char *forward; /* --forward MODE, or NULL */
	bool follow;	     /* -f */
	uint32_t since_ms;   /* --since; 0: not given */
	const char *object;  /* --object, or NULL */
	uint32_t confirm_ms; /* --confirm; 0: not given */
	const char *write;   /* -w FILE, or NULL */
	const char *port;    /* --port, --dataplane, --cpus, or NULL */
	const char *dataplane;
	const char *cpus;
	const char *config;  /* -c FILE, or NULL */
	const char *at;	     /* --at N, or NULL */
	const char *reverse; /* --reverse WHAT, or NULL */
	/* The options of flows as they are written, or NULL: */
	const char *instance;
	const char *client;
	const char *service;
	const char *older;
	const char *limit;
	bool once;	      /* --once */
	const char *interval; /* --interval TIME, or NULL */
	const char *root;     /* --root, or NULL */
	bool drops;	      /* --drops */
	const char *reason;   /* --reason, or NULL */
	const char *count;    /* --count, or NULL */
	bool tty;	      /* out is a terminal */
	bool colour;
	bool utf8; /* out may be given more than ASCII */
	const struct cli_verb *verb;
	FILE *out;
	FILE *err;
};

/** The whole program. Return: enum cli_exit. */
int cli_run(int argc, char **argv, FILE *out, FILE *err);

/** All verbs; the last has no name. */
extern const struct cli_verb cli_verbs[];

/** Print "sluicectl: ..." on stderr. Return: CLI_REFUSED. */
int cli_refuse(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Print what is wrong with the command line, and the verb's usage. Return: CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Take one of the options of all verbs. Return: -1 to go on, else the exit code. */
int cli_read_option(struct cli *cli, int option, char **argv);

/** Print JSON for programs. */
void cli_print_json(const struct cli *cli, const json_t *value, size_t flags);

/* The verbs. */
int status_run(struct cli *cli, int argc, char **argv);
int drain_run(struct cli *cli, int argc, char **argv);
int maint_run(struct cli *cli, int argc, char **argv);
int resume_run(struct cli *cli, int argc, char **argv);
int weight_run(struct cli *cli, int argc, char **argv);
int drops_run(struct cli *cli, int argc, char **argv);
int events_run(struct cli *cli, int argc, char **argv);
int check_run(struct cli *cli, int argc, char **argv);
int diff_run(struct cli *cli, int argc, char **argv);
int history_run(struct cli *cli, int argc, char **argv);
int confirm_run(struct cli *cli, int argc, char **argv);
int rollback_run(struct cli *cli, int argc, char **argv);
int apply_run(struct cli *cli, int argc, char **argv);
int show_run(struct cli *cli, int argc, char **argv);
int elb_create_run(struct cli *cli, int argc, char **argv);
int elb_delete_run(struct cli *cli, int argc, char **argv);
int elb_describe_run(struct cli *cli, int argc, char **argv);
int elb_configure_run(struct cli *cli, int argc, char **argv);
int elb_register_run(struct cli *cli, int argc, char **argv);
int elb_deregister_run(struct cli *cli, int argc, char **argv);
int elb_health_run(struct cli *cli, int argc, char **argv);
int doctor_verb_run(struct cli *cli, int argc, char **argv);
int init_run(struct cli *cli, int argc, char **argv);
int explain_run_verb(struct cli *cli, int argc, char **argv);
int flows_run(struct cli *cli, int argc, char **argv);
int top_run(struct cli *cli, int argc, char **argv);
int capture_run(struct cli *cli, int argc, char **argv);
int from_haproxy_run(struct cli *cli, int argc, char **argv);

#endif
