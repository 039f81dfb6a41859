/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab.h - `ladon lab`: experiments on a private daemon, and what they share: VFs, progress,
 * tables, verdicts, files.
 *
 * Each drives its VFs in its own process with libladon, prints a table and a verdict, and draws
 * a picture. Verdicts are about counts and ratios within one run, never about speed: they hold
 * on a slow or busy machine.
 */
#ifndef LADON_CLI_LAB_H
#define LADON_CLI_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "clock.h"
#include "demo_driver.h"
#include "lab_chart.h"
#include "lab_table.h"

#define LAB_TYPE    0x88b5 /* IEEE 802 local experimental */
#define LAB_ETH_LEN 14
#define LAB_BURST   32

struct lab {
	const char *ladond;
	const char *dir; /* of pictures and CSV files */
	bool csv;
	double seconds; /* of measuring, about; 0 = the experiment's own */
	FILE *out;
	struct demo_daemon daemon;
};

struct lab_experiment {
	const char *name;
	const char *title;
	double seconds; /* when the user does not say */
	/* Returns the exit code: 0 = as it should be. */
	int (*run)(struct lab *lab);
};

extern const struct lab_experiment lab_chain, lab_incast, lab_pause, lab_rates;

/* Starts the daemon, without a card; prints what went wrong. 0 or -errno. */
int lab_start(struct lab *lab);
/* Makes a card with so many VFs, or as many as it can have, and these further words. Returns
 * the number of VFs, or -errno with a line of text. */
int lab_add_card(struct lab *lab, const char *card, unsigned vfs, const char *words);
/* Ends it. Returns 0, or -EIO and a line of text when it did not end well. */
int lab_stop(struct lab *lab);
/* As demo_driver_open; prints what went wrong. */
int lab_open(struct lab *lab, const char *card, unsigned n,
	     const struct ladon_igbvf_config *config, struct demo_driver *ret_drv);
/* Waits until the VF's link is up. Returns 0 or -ETIMEDOUT, with a line of text. */
int lab_await_link(const struct demo_driver *drv);
/* A counter of a VF (or of the card: vf < 0), by path; 0 when the daemon does not answer. */
uint64_t lab_counter(const struct lab *lab, const char *card, int vf, const char *what);

/* Says how far it has come, when somebody looks. */
void lab_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Writes table and chart: DIR/lab-NAME.csv (where asked for), DIR/lab-NAME.svg. 0 or -errno,
 * with a line of text. chart may be NULL. */
int lab_write(const struct lab *lab, const char *name, const struct lab_table *table,
	      const struct chart *chart);
/* The last line. Returns the exit code. */
int lab_verdict(const struct lab *lab, bool ok, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The header of a frame between two VFs. */
void lab_header(uint8_t *data, const uint8_t *dst, const uint8_t *src);
/* Sends num frames; those that the ring does not take within a second are freed. Returns how
 * many it took. */
unsigned lab_send(const struct demo_driver *drv, struct ladon_buf **bufs, unsigned num);

#endif
