/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The largest card, with a driver on each VF; and a card that grows and shrinks a thousand
 * times beside two VFs that notice nothing: each frame between them is numbered, and all
 * arrive.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "clock.h"
#include "e2e.h"
#include "test_effort.h"

#define ALL	255u
#define WAIT_NS (20 * NSEC_PER_SEC)
#define FRAME	64u

static const struct ladon_igbvf_config small = {
	.rx_desc = 8, .tx_desc = 8, .buf_size = 1024, .num_bufs = 24, .max_frame = 1000};

struct driver {
	struct ladon_function *fn;
	struct ladon_igbvf *vf;
	uint8_t mac[6];
};
static struct driver driver[ALL];

/* A descriptor or more for each of them on either side. */
static void allow_files(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 4096) {
		print_message("only %lu files may be open\n", (unsigned long)limit.rlim_cur);
		skip();
	}
}

static void driver_open(struct driver *d, unsigned n)
{
	uint64_t end = clock_ns() + WAIT_NS;
	char path[DEMO_PATH_MAX];
	int err;

	do
		err = ladon_function_attach(demo_daemon_vf(&e2e.daemon, n, path), NULL, &d->fn);
	while (err && clock_ns() < end);
	assert_int_equal(err, 0);
	assert_int_equal(ladon_igbvf_open(d->fn, &small, &d->vf), 0);
	ladon_igbvf_mac(d->vf, d->mac);
}

static void driver_close(struct driver *d)
{
	ladon_igbvf_close(d->vf);
	ladon_function_detach(d->fn);
	*d = (struct driver){0};
}

static void send_to(struct driver *d, const uint8_t *mac, uint32_t number)
{
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(d->vf);
	uint64_t end = clock_ns() + WAIT_NS;
	int sent;

	assert_non_null(buf);
	memset(buf->data, 0, FRAME);
	memcpy(buf->data, mac, 6);
	memcpy(buf->data + 6, d->mac, 6);
	put_be16(buf->data + 12, 0x88b5);
	put_le32(buf->data + 14, number);
	buf->len = FRAME;
	do
		sent = ladon_igbvf_tx_burst(d->vf, &buf, 1);
	while (sent == 0 && clock_ns() < end);
	assert_int_equal(sent, 1);
}

static uint32_t next_number(struct driver *d)
{
	uint64_t end = clock_ns() + WAIT_NS;
	struct ladon_buf *buf;
	uint32_t number;

	while (ladon_igbvf_rx_burst(d->vf, &buf, 1) != 1)
		assert_true(clock_ns() < end);
	number = get_le32(buf->data + 14);
	ladon_igbvf_buf_free(d->vf, buf);
	return number;
}

static void ask(const char *line)
{
	assert_int_equal(demo_daemon_ask(&e2e.daemon, line, NULL), 0);
}

static void all_vfs_of_the_largest_card_talk(void **state)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	(void)state;
	allow_files();
	ask("card set nic0 vfs 255");
	for (unsigned n = 0; n < ALL; n++)
		driver_open(&driver[n], n);
	/* Round and round: each to its neighbour, and far across. */
	for (unsigned step = 1; step < ALL; step += 63) {
		for (unsigned n = 0; n < ALL; n++)
			send_to(&driver[n], driver[(n + step) % ALL].mac, step << 8 | n);
		for (unsigned n = 0; n < ALL; n++)
			assert_int_equal(next_number(&driver[(n + step) % ALL]), step << 8 | n);
	}
	send_to(&driver[200], broadcast, 7);
	for (unsigned n = 0; n < ALL; n++)
		if (n != 200)
			assert_int_equal(next_number(&driver[n]), 7);
	for (unsigned n = 0; n < ALL; n += 50)
		assert_int_equal(demo_daemon_counter(&e2e.daemon, n, "stats.rx.dropped"), 0);
	for (unsigned n = 0; n < ALL; n++) {
		driver_close(&driver[n]);
		if (n % 64 == 0 && n + 2 < ALL) {
			send_to(&driver[n + 1], driver[n + 2].mac, n);
			assert_int_equal(next_number(&driver[n + 2]), n);
		}
	}
	ask("card set nic0 vfs 7");
}

/* ---- growing and shrinking under load ---- */

static unsigned open_files(void)
{
	char path[64];
	unsigned num = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)e2e.daemon.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		num++;
	closedir(dir);
	return num;
}

/* Less those of connections that it has not seen the end of yet. */
static unsigned open_files_settled(void)
{
	unsigned least = UINT32_MAX;

	for (unsigned i = 0; i < 50; i++) {
		least = MIN(least, open_files());
		usleep(2000);
	}
	return least;
}

struct churn {
	unsigned rounds, failed;
	_Atomic bool over;
};

static int churn_ask(const char *what, unsigned n)
{
	char line[64];

	snprintf(line, sizeof(line), what, n);
	return demo_daemon_ask(&e2e.daemon, line, NULL);
}

/* VFs between and after the two that talk. Some are attached when they go. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	uint64_t start = clock_ns();
	char path[DEMO_PATH_MAX];

	for (unsigned i = 0; test_goes_on(start, i, c->rounds); i++) {
		unsigned n = i % 3 == 0 ? 2 : 7 + i % 248;
		struct ladon_function *fn = NULL;

		if (n != 2)
			c->failed += churn_ask("vf add nic0 %u", n) != 0;
		if (i % 4 == 0)
			c->failed += ladon_function_attach(demo_daemon_vf(&e2e.daemon, n, path),
							   NULL, &fn) != 0;
		c->failed += churn_ask("vf del nic0 %u", n) != 0;
		if (n == 2)
			c->failed += churn_ask("vf add nic0 %u", n) != 0;
		ladon_function_detach(fn);
	}
	atomic_store(&c->over, true);
	return NULL;
}

/* Returns how many frames went each way. */
static unsigned talk_while(struct churn *c, unsigned a, unsigned b)
{
	unsigned num = 0;

	while (!atomic_load(&c->over)) {
		e2e_stream(a, b, 64);
		e2e_stream(b, a, 64);
		num += 64;
	}
	return num;
}

static void neighbours_lose_nothing_in_a_thousand_changes(void **state)
{
	struct churn c = {.rounds = 1000}, warm = {.rounds = 50};
	unsigned files, num;
	pthread_t thread;

	(void)state;
	e2e_open(1, NULL);
	e2e_open(3, NULL);
	churn(&warm);
	files = open_files_settled();
	assert_int_equal(pthread_create(&thread, NULL, churn, &c), 0);
	num = talk_while(&c, 1, 3);
	pthread_join(thread, NULL);
	assert_int_equal(c.failed, 0);
	assert_true(num > 0);
	for (unsigned n = 1; n <= 3; n += 2) {
		assert_int_equal(demo_daemon_counter(&e2e.daemon, n, "stats.rx.dropped"), 0);
		assert_int_equal(demo_daemon_counter(&e2e.daemon, n, "stats.tx.dropped"), 0);
	}
	assert_int_equal(open_files_settled(), files);
	e2e_healthy(1, 3);
}

/* What a VF was sending when it went is on the wire or nowhere; its memory is not touched. */
static void a_vf_goes_in_the_middle_of_its_traffic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct ladon_buf *bufs[32];
		unsigned got = 0;

		e2e_open(1, NULL);
		e2e_open(2, NULL);
		for (unsigned k = 0; k < 100; k++) {
			struct ladon_buf *buf = ladon_igbvf_buf_alloc(e2e.vf[2]);

			memcpy(buf->data, e2e.mac[1], 6);
			memcpy(buf->data + 6, e2e.mac[2], 6);
			put_be16(buf->data + 12, 0x88b5);
			buf->len = 1000;
			assert_int_equal(ladon_igbvf_tx_burst(e2e.vf[2], &buf, 1), 1);
		}
		ask("vf del nic0 2");
		/* All that was received has been counted by the card. */
		for (int n = 1; n > 0;) {
			n = ladon_igbvf_rx_burst(e2e.vf[1], bufs, 32);
			for (int k = 0; k < n; k++)
				ladon_igbvf_buf_free(e2e.vf[1], bufs[k]);
			got += n > 0 ? (unsigned)n : 0;
		}
		assert_true(got <= 100);
		ask("vf add nic0 2");
		e2e_close(2);
		e2e_open(2, NULL);
		e2e_healthy(1, 2);
		e2e_close(1);
		e2e_close(2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(neighbours_lose_nothing_in_a_thousand_changes,
					  e2e_close_all),
		cmocka_unit_test_teardown(a_vf_goes_in_the_middle_of_its_traffic,
					  e2e_close_all),
		cmocka_unit_test_teardown(all_vfs_of_the_largest_card_talk, e2e_close_all),
	};

	return cmocka_run_group_tests(tests, e2e_setup_mapped, e2e_teardown);
}
