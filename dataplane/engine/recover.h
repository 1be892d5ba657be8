/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables that a predecessor has used, from its segment: sluiced does not touch a buffer that is
 * in use, and notes in the directory which ones are. They are checked like any others.
 * Context: main lcore, before there are workers or a controller.
 */
#ifndef ENGINE_RECOVER_H
#define ENGINE_RECOVER_H

#include "dataplane/engine/consumer.h"

/** The parameters in use, which are not checked yet; NULL: none were ever published. */
const struct lb_params *recover_params(const struct segment *segment);

/**
 * Use the tables, under the generation that they had; of each pool also the previous table, unless
 * a later one was being sent.
 * Return: whether all of them passed the checks. If not, none is to be relied on.
 */
bool recover_tables(struct consumer *consumer);

#endif
