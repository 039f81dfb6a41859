/* SPDX-License-Identifier: BSD-3-Clause */
/* demo_attack.h - what the demo does to its card, one function a line of output. */
#ifndef LADON_CLI_DEMO_ATTACK_H
#define LADON_CLI_DEMO_ATTACK_H

#include <stdbool.h>

#include "demo_net.h"

/* What came out, in words for the line. */
struct verdict {
	const char *outcome; /* "delivered", "blocked" ... */
	const char *reason;  /* the drop counter that moved; "" = none is meant to */
	bool ok;
	char note[64]; /* figures, may be "" */
};

struct demo_check {
	const char *title;
	void (*run)(struct demo *d, struct verdict *v);
};

/* All checks in order; ended by title == NULL. */
extern const struct demo_check demo_checks[];

#endif
