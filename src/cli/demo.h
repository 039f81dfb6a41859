/* SPDX-License-Identifier: BSD-3-Clause */
/* demo.h - `ladon demo`: a card of its own that moves frames, is attacked, and holds. */
#ifndef LADON_CLI_DEMO_H
#define LADON_CLI_DEMO_H

#include <stdio.h>

/*
 * Starts the ladond at ladond_path with a card of seven VFs, sends, attacks, and prints a
 * verdict a line on out: each measured at the receiving driver or in the card's counters. No
 * root, no VM, under 10 s. Returns 0 when all verdicts are ok, else 1.
 */
int demo_run(const char *ladond_path, FILE *out);

#endif
