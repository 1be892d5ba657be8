/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs of sluice-instance; argv[0] is the verb's name. Each returns the exit code. */
#ifndef INSTANCE_VERB_H
#define INSTANCE_VERB_H

enum verb_exit { VERB_DONE = 0, VERB_REFUSED = 1, VERB_USAGE = 2 };

struct options;
struct program;

/** Undo what attach did to the host, the program last. Return: the exit code. */
int detach_undo(const struct options *options, const struct program *program);

int verb_attach(int argc, char **argv);
int verb_detach(int argc, char **argv);
int verb_status(int argc, char **argv);

#endif
