/* SPDX-License-Identifier: BSD-3-Clause */
/* Files as the wire: replay in time, record by the writer's thread. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "fd.h"
#include "net_pcap.h"
#include "nic_card.h"
#include "uplink_impl.h"

#define RECORDED 5000u

static struct nic_burst *burst;
static struct nic_card *card;
static struct uplink *up;
static struct nic_port *port;
static int fds[2] = {-1, -1};
static uint64_t now;

static int setup(void **state)
{
	const struct nic_dp_params params = {0};

	(void)state;
	burst = calloc(1, sizeof(*burst));
	now = clock_ns();
	return burst ? nic_card_new("nic0", 1, &params, &card) : -1;
}

static int teardown(void **state)
{
	(void)state;
	uplink_close(up);
	up = NULL;
	nic_card_free(card);
	fd_close_all(fds, 2);
	free(burst);
	return 0;
}

/* A file with frames at these milliseconds, marked by their number. */
static int file_with(const unsigned *ms, unsigned num)
{
	int fd = memfd_create("replay", MFD_CLOEXEC);
	uint8_t buf[NET_PCAP_REC + 60];

	net_pcap_put_head(buf);
	assert_int_equal(write(fd, buf, NET_PCAP_HEAD), NET_PCAP_HEAD);
	for (unsigned i = 0; i < num; i++) {
		net_pcap_put_rec(buf, 60, NSEC_PER_SEC * 100 + ms[i] * NSEC_PER_MSEC);
		memset(buf + NET_PCAP_REC, (int)i, 60);
		assert_int_equal(write(fd, buf, sizeof(buf)), sizeof(buf));
	}
	return fd;
}

static int open_it(const char *spec, const char **ret_why)
{
	const struct uplink_env env = {.mtu = 1500, .files = fds};
	int ret = uplink_open(spec, &env, &up, ret_why);

	if (ret < 0)
		return ret;
	port = &up->port;
	return 0;
}

/* Without a data path of its own: attached only as far as service looks. */
static void start(void)
{
	uint64_t wait;

	assert_int_equal(uplink_attach(up, card), 0);
	assert_true(uplink_service(up, now, &wait));
	assert_int_equal(wait, 50 * NSEC_PER_MSEC); /* nobody is ready */
	nic_card_set_uplink(card, NULL, -1);	    /* the test is the data path */
	card->vf[0].guest.active = true;
	assert_true(uplink_service(up, now, &wait));
	card->vf[0].guest.active = false;
}

/* How many frames come at that many ms from the start; each is marked with its number. */
static unsigned come(unsigned ms)
{
	static unsigned next;
	unsigned n = 0;

	if (ms == 0)
		next = 0;
	do {
		burst->n = burst->num_segs = 0;
		port->ops->tx_poll(port, burst, now + ms * NSEC_PER_MSEC);
		for (unsigned i = 0; i < burst->n; i++)
			assert_int_equal(burst->frame[i].hdr[0], next++ & 0xff);
		n += burst->n;
	} while (burst->n);
	return n;
}

static uint64_t tick(unsigned ms)
{
	return port->ops->tick(port, now + ms * NSEC_PER_MSEC);
}

static void frames_come_when_they_came(void **state)
{
	static const unsigned ms[] = {0, 10, 10, 5, 2000};
	const char *why = "";

	(void)state;
	fds[0] = file_with(ms, 5);
	assert_int_equal(open_it("pcap:replay=x", &why), 0);
	assert_int_equal(come(5000), 0);
	assert_int_equal(tick(5000), UINT64_MAX);
	start();
	assert_int_equal(come(0), 1);
	assert_int_equal(tick(0), 10 * NSEC_PER_MSEC);
	assert_int_equal(come(9), 0);
	assert_int_equal(come(10), 3); /* one of them from the past */
	assert_int_equal(tick(10), 1990 * NSEC_PER_MSEC);
	assert_int_equal(come(1999), 0);
	assert_int_equal(come(2500), 1);
	assert_int_equal(tick(2500), UINT64_MAX);
	assert_int_equal(come(9000), 0);
	assert_true(fds[0] >= 0); /* it was only read */
}

static void speed_is_a_factor(void **state)
{
	static const unsigned ms[] = {0, 100, 200};
	const char *why = "";

	(void)state;
	fds[0] = file_with(ms, 3);
	assert_int_equal(open_it("pcap:replay=x,speed=2.5", &why), 0);
	start();
	assert_int_equal(come(0), 1);
	assert_int_equal(come(39), 0);
	assert_int_equal(come(40), 1);
	assert_int_equal(come(79), 0);
	assert_int_equal(come(80), 1);
}

static void at_full_speed_a_burst_comes_at_a_time(void **state)
{
	unsigned ms[100];
	const char *why = "";

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		ms[i] = 1000 * i;
	fds[0] = file_with(ms, 100);
	assert_int_equal(open_it("pcap:replay=x,speed=max", &why), 0);
	start();
	burst->n = burst->num_segs = 0;
	assert_true(port->ops->tx_poll(port, burst, now));
	assert_int_equal(burst->n, NIC_BURST);
	assert_int_equal(tick(0), 0);
}

static void frames_that_were_cut_are_counted(void **state)
{
	static const unsigned ms[] = {0, 0, 0};
	const char *why = "";

	(void)state;
	fds[0] = file_with(ms, 3);
	assert_int_equal(pwrite(fds[0], "\x70", 1, NET_PCAP_HEAD + 12),
			 1); /* it had been longer */
	assert_int_equal(open_it("pcap:replay=x", &why), 0);
	start();
	burst->n = burst->num_segs = 0;
	assert_true(port->ops->tx_poll(port, burst, now));
	assert_int_equal(burst->n, 2);
	assert_int_equal(nic_counter(&port->stats.tx_drops[NIC_DROP_MALFORMED]), 1);
}

static enum nic_drop give(uint32_t len, uint32_t mark)
{
	struct nic_rx_meta meta = {.len = len};
	struct nic_sink sink;
	enum nic_drop why = port->ops->rx_buffers(port, &meta, &sink);

	if (why != NIC_DROP_NONE)
		return why;
	memset(sink.iov[0].ptr, (int)(mark & 0xff), len);
	return port->ops->rx_commit(port, &meta);
}

static void what_leaves_is_recorded(void **state)
{
	int copy = memfd_create("record", MFD_CLOEXEC);
	struct net_pcap_frame frame;
	struct net_pcap pcap;
	const char *why = "";
	uint64_t last = 0;
	uint8_t *bytes;
	struct stat st;

	(void)state;
	fds[0] = fcntl(copy, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(open_it("pcap:record=y", &why), 0);
	assert_int_equal(fds[0], -1); /* the uplink's now */
	for (uint32_t i = 0; i < RECORDED; i++) {
		while (give(60 + i % 1400, i) != NIC_DROP_NONE)
			sched_yield();
	}
	assert_int_equal(give(NIC_JUMBO_MAX + 65, 0), NIC_DROP_SIZE);
	uplink_close(up); /* waits until all is written */
	up = NULL;
	assert_int_equal(fstat(copy, &st), 0);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, copy, 0);
	assert_null(net_pcap_open(&pcap, bytes, (size_t)st.st_size));
	for (uint32_t i = 0; i < RECORDED; i++) {
		assert_true(net_pcap_next(&pcap, &frame));
		assert_int_equal(frame.len, 60 + i % 1400);
		assert_int_equal(frame.bytes[59], i & 0xff);
		assert_true(frame.ns >= last);
		last = frame.ns;
	}
	assert_false(net_pcap_next(&pcap, &frame));
	munmap(bytes, (size_t)st.st_size);
	close(copy);
}

/* The disk is full: F_SEAL_GROW stands in for it. */
static void a_record_that_cannot_be_written_takes_the_link_down(void **state)
{
	int copy = memfd_create("record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *why = "";
	uint64_t wait;

	(void)state;
	fds[0] = fcntl(copy, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(open_it("pcap:record=y", &why), 0);
	assert_true(uplink_service(up, now, &wait));
	assert_int_equal(fcntl(copy, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(give(100, 1), NIC_DROP_NONE);
	for (int i = 0; i < 2000 && !uplink_error(up); i++)
		usleep(10000);
	assert_int_equal(uplink_error(up), EPERM);
	assert_false(uplink_service(up, now, &wait));
	assert_int_equal(give(100, 1), NIC_DROP_UPLINK);
	close(copy);
}

static void what_leaves_without_a_record_is_forgotten(void **state)
{
	static const unsigned ms[] = {0};
	const char *why = "";

	(void)state;
	fds[0] = file_with(ms, 1);
	assert_int_equal(open_it("pcap:replay=x", &why), 0);
	assert_int_equal(give(1514, 1), NIC_DROP_NONE);
}

static void wrong_files_are_named(void **state)
{
	const char *why = "";

	(void)state;
	assert_int_equal(open_it("pcap:", &why), -EINVAL);
	assert_int_equal(open_it("pcap:replay=x", &why), -EBADF);
	assert_non_null(strstr(why, "x: ladon opens it"));
	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(open_it("pcap:replay=x", &why), -EMEDIUMTYPE);
	assert_int_equal(open_it("pcap:record=x", &why), -EMEDIUMTYPE);
	fd_close(&fds[0]);
	fds[0] = memfd_create("x", MFD_CLOEXEC);
	assert_int_equal(open_it("pcap:replay=x", &why), -EINVAL);
	assert_non_null(strstr(why, "x: it is no pcap file"));
	assert_int_equal(ftruncate(fds[0], (256 << 20) + 1), 0);
	assert_int_equal(open_it("pcap:replay=x", &why), -EFBIG);
	fd_close(&fds[0]);
	fds[0] = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(fcntl(fds[0], F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(open_it("pcap:record=x", &why), -EPERM);
	assert_non_null(strstr(why, "x: it cannot be written"));
	assert_true(fds[0] >= 0);
	assert_null(up);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frames_come_when_they_came),
		T(speed_is_a_factor),
		T(at_full_speed_a_burst_comes_at_a_time),
		T(frames_that_were_cut_are_counted),
		T(what_leaves_is_recorded),
		T(a_record_that_cannot_be_written_takes_the_link_down),
		T(what_leaves_without_a_record_is_forgotten),
		T(wrong_files_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
