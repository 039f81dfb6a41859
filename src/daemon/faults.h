/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * faults.h - the last DMA faults of all cards, for `ladon faults`: a fixed ring, the oldest is
 * overwritten. Faults are a guest's doing: log lines and events are limited to ten a second,
 * the counts are not.
 */
#ifndef LADON_DAEMON_FAULTS_H
#define LADON_DAEMON_FAULTS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "function.h"
#include "host.h"
#include "iommu_fault.h"
#include "log.h"
#include "nic_card.h"

#define FAULTS_KEPT 256u

struct fault_record {
	struct timespec time; /* CLOCK_REALTIME */
	char card[NIC_NAME_MAX];
	char name[FUNCTION_NAME_MAX]; /* the function's, or "?" */
	char host[HOST_NAME_LEN];     /* whose it is; "" = nobody's */
	bool remote;		      /* ... and that is a compute host */
	struct iommu_fault fault;
};

struct faults {
	struct fault_record rec[FAULTS_KEPT];
	uint64_t total;	      /* ever recorded; the newest is rec[(total - 1) % FAULTS_KEPT] */
	struct log_limit log; /* of log lines and events */
};

struct card;
struct function;
struct daemon;
struct json_object;

/* Takes what card's data path has recorded: at most one ringful, what comes meanwhile wakes us
 * again. */
void faults_collect(struct daemon *daemon, struct card *card);
/* The same of all cards: what is asked for shall not depend on when a data path last told. */
void faults_collect_all(struct daemon *daemon);
/* Records a refused DMA message of fn, which never reached the data path. */
void faults_add(struct daemon *daemon, const struct function *fn, uint64_t addr, bool write);

/* Who refused it: the check that caught it, of those that lie one behind the other. remote: the
 * function is a compute host's. */
const char *faults_level(uint8_t reason, bool remote);
/* What CLOCK_REALTIME showed at a stamp of clock_ns(), maybe a while ago. */
struct timespec faults_time(uint64_t stamp_ns);

/* The records of card ("" = all), oldest first, as a JSON array. */
struct json_object *faults_json(const struct faults *faults, const char *card);

#endif
