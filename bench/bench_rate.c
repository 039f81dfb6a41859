/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_rate.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

#define WARM_UP_NS (20 * NSEC_PER_MSEC)
#define LOST_NS	   (20 * NSEC_PER_SEC) /* a busy machine may stall for seconds */

static struct bench_side idle_side[BENCH_IDLE_MAX];

void bench_idle_stop(unsigned num)
{
	for (unsigned i = 0; i < num; i++)
		bench_side_close(&idle_side[i]);
}

int bench_idle_start(const struct bench_pair *b, unsigned num)
{
	static const struct ladon_igbvf_config small = {.rx_desc = 8,
							.tx_desc = 8,
							.buf_size = 1024,
							.num_bufs = 24,
							.max_frame = 1000};
	char path[DEMO_PATH_MAX], line[64];
	int err;

	snprintf(line, sizeof(line), "card set nic0 vfs %u", num + 2);
	err = demo_daemon_ask(&b->daemon, line, NULL);
	for (unsigned i = 0; i < num && !err; i++) {
		err = bench_side_attach(&idle_side[i], demo_daemon_vf(&b->daemon, i + 2, path));
		if (!err)
			err = bench_side_open(&idle_side[i], &small);
	}
	if (err)
		fprintf(stderr, "%u idle VFs: %s\n", num, strerror(-err));
	return err;
}

/* Register accesses of both VFs that were messages. */
static uint64_t traps(const struct bench_pair *b)
{
	static const char *const lines[] = {"vf show nic0 0", "vf show nic0 1"};
	struct json_object *vf, *value;
	uint64_t sum = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (demo_daemon_ask(&b->daemon, lines[i], &vf) < 0)
			continue;
		if (json_object_object_get_ex(vf, "traps", &value))
			sum += json_object_get_uint64(value);
		json_object_put(vf);
	}
	return sum;
}

/* bench_run(), for longer where the card did not get a CPU meanwhile. */
static uint64_t run(struct bench_pair *b, unsigned size, uint64_t ns, uint64_t *ret_ns)
{
	uint64_t start = clock_ns(), got;

	do {
		got = bench_run(b, size, ns, ret_ns);
		*ret_ns = clock_ns() - start;
	} while (!got && *ret_ns < LOST_NS);
	return got;
}

int bench_measure(struct bench_pair *b, unsigned size, uint64_t ns, struct bench_rate *ret)
{
	uint64_t took, got, copied, packets, trapped;

	bench_run(b, size, WARM_UP_NS, &took);
	bench_settle(b);
	copied = demo_daemon_counter(&b->daemon, 1, "ladon.copied_bytes");
	packets = demo_daemon_counter(&b->daemon, 1, "stats.rx.packets");
	if (copied == UINT64_MAX)
		return -EIO;
	trapped = traps(b);
	got = run(b, size, ns, &took);
	bench_settle(b);
	copied = demo_daemon_counter(&b->daemon, 1, "ladon.copied_bytes") - copied;
	packets = demo_daemon_counter(&b->daemon, 1, "stats.rx.packets") - packets;
	ret->mpps = (double)got * 1e3 / (double)took;
	ret->copied = packets ? (double)copied / (double)packets : 0;
	ret->traps = packets ? (double)(traps(b) - trapped) * 1e3 / (double)packets : 0;
	return got ? 0 : -ETIMEDOUT;
}
