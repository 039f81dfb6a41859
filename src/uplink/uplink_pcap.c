/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_pcap.c - files in place of a wire. What is replayed comes in as it once came, from
 * when the first driver is ready; it is held in memory, so that no disk is waited for. What
 * leaves the card is recorded by a thread of its own behind a ring: a slow disk costs frames of
 * the record, which are counted, and nobody's time.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "net_pcap.h"
#include "nic_capture.h"
#include "pcap_spec.h"
#include "uplink_impl.h"
#include "uplink_ring.h"

#define FILE_MAX_BYTES (256u << 20)
#define STEPS	       (4u * NIC_BURST)	    /* frames looked at in one poll, dropped ones too */
#define START_NS       (50 * NSEC_PER_MSEC) /* how often a driver is looked for */
#define WRITER_NS      (10 * NSEC_PER_MSEC) /* how long a frame waits to be written, at most */
#define OUT_SIZE       (256u * 1024)

struct recorder {
	int fd; /* owned */
	pthread_t thread;
	_Atomic bool stop;
	_Atomic int *err; /* the uplink's */
	uint32_t len;
	uint8_t out[OUT_SIZE];
	struct uplink_ring ring;
};

struct pcap_wire {
	struct uplink up; /* first */

	uint8_t *file; /* owned; NULL = nothing is replayed */
	struct net_pcap pcap;
	struct net_pcap_frame next; /* data path's, as the rest */
	bool has_next;
	uint32_t speed;
	uint64_t first_ns;
	_Atomic uint64_t start_ns; /* 0 = not yet. Set by the control thread */

	struct recorder *rec; /* owned; NULL = what leaves is forgotten */
	uint8_t *at;	      /* where the frame under way is put */
	uint8_t rx_buf[UPLINK_BUF];
};

static struct pcap_wire *wire_of(struct nic_port *port)
{
	return (struct pcap_wire *)port;
}

/* ---- wire -> card ---- */

/* When it is to come. One from before the frame ahead of it comes right after that. */
static uint64_t due_of(const struct pcap_wire *w, uint64_t start)
{
	uint64_t gone = w->next.ns > w->first_ns ? w->next.ns - w->first_ns : 0;

	if (w->speed == PCAP_SPEED_MAX)
		return start;
	gone = gone / w->speed * PCAP_SPEED_ONE + gone % w->speed * PCAP_SPEED_ONE / w->speed;
	return start + gone;
}

static void take_next(struct pcap_wire *w, struct nic_burst *burst)
{
	if (w->next.len != w->next.wire) /* the end was not kept: it is no frame any more */
		nic_lose_tx(&w->up.port, NULL, NIC_DROP_MALFORMED, 1);
	else
		uplink_frame(&w->up, burst, w->next.bytes, w->next.len);
	w->has_next = net_pcap_next(&w->pcap, &w->next);
}

static bool pcap_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct pcap_wire *w = wire_of(port);
	uint64_t start = atomic_load_explicit(&w->start_ns, memory_order_acquire);
	unsigned i;

	if (!start)
		return false;
	for (i = 0; i < STEPS && burst->n < NIC_BURST && w->has_next; i++) {
		if (due_of(w, start) > now_ns)
			break;
		take_next(w, burst);
	}
	return i > 0;
}

static uint64_t pcap_tick(struct nic_port *port, uint64_t now_ns)
{
	struct pcap_wire *w = wire_of(port);
	uint64_t start = atomic_load_explicit(&w->start_ns, memory_order_acquire), due;

	if (!start || !w->has_next)
		return UPLINK_NEVER;
	due = due_of(w, start);
	return due > now_ns ? due - now_ns : 0;
}

/* ---- card -> wire ---- */

static enum nic_drop pcap_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				     struct nic_sink *sink)
{
	struct pcap_wire *w = wire_of(port);

	if (meta->len > UPLINK_BUF)
		return NIC_DROP_SIZE;
	sink->n = 1;
	sink->iov[0].ptr = w->rx_buf;
	sink->iov[0].len = meta->len;
	if (!w->rec)
		return NIC_DROP_NONE;
	w->at = atomic_load_explicit(&w->up.err, memory_order_relaxed)
			? NULL
			: uplink_ring_room(&w->rec->ring, NET_PCAP_REC + meta->len);
	if (!w->at)
		return NIC_DROP_UPLINK;
	sink->iov[0].ptr = w->at + NET_PCAP_REC;
	return NIC_DROP_NONE;
}

static enum nic_drop pcap_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct pcap_wire *w = wire_of(port);
	struct timespec ts;

	if (!w->rec)
		return NIC_DROP_NONE;
	clock_gettime(CLOCK_REALTIME, &ts);
	net_pcap_put_rec(w->at, meta->len,
			 (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec);
	uplink_ring_push(&w->rec->ring, NET_PCAP_REC + meta->len);
	return NIC_DROP_NONE;
}

static const struct nic_port_ops pcap_ops = {
	.tx_poll = pcap_tx_poll,
	.tx_done = uplink_tx_done,
	.rx_strips_tag = uplink_strips_tag,
	.rx_buffers = pcap_rx_buffers,
	.rx_commit = pcap_rx_commit,
	.rx_done = uplink_tx_done,
	.tick = pcap_tick,
};

/* ---- the writer ---- */

static void write_out(struct recorder *rec)
{
	uint32_t at = 0;

	while (at < rec->len && !atomic_load_explicit(rec->err, memory_order_relaxed)) {
		ssize_t n = write(rec->fd, rec->out + at, rec->len - at);

		if (n > 0)
			at += (uint32_t)n;
		else if (n < 0 && errno != EINTR)
			atomic_store_explicit(rec->err, errno, memory_order_relaxed);
	}
	rec->len = 0;
}

static void drain(struct recorder *rec)
{
	const uint8_t *bytes;
	uint32_t len;

	while ((bytes = uplink_ring_next(&rec->ring, &len))) {
		if (rec->len + len > OUT_SIZE)
			write_out(rec);
		memcpy(rec->out + rec->len, bytes, len);
		rec->len += len;
		uplink_ring_release(&rec->ring);
	}
	write_out(rec);
}

static void *writer_main(void *arg)
{
	const struct timespec nap = {.tv_nsec = WRITER_NS};
	struct recorder *rec = arg;
	bool stop;

	pthread_setname_np(pthread_self(), "ladon-pcap");
	do {
		stop = atomic_load_explicit(&rec->stop, memory_order_acquire);
		drain(rec);
		if (!stop)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	} while (!stop);
	return NULL;
}

/* ---- files ---- */

static int file_fail(const char *path, const char *text, int err, const char **ret_why)
{
	static char why[384];

	snprintf(why, sizeof(why), "%.200s: %s", path, text);
	*ret_why = why;
	return err;
}

static int read_all(struct pcap_wire *w, int fd, size_t len)
{
	size_t at = 0;

	w->file = malloc(len + !len);
	if (!w->file)
		return -ENOMEM;
	while (at < len) {
		ssize_t n = pread(fd, w->file + at, len - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* it has become shorter */
			return n < 0 ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

static int open_replay(struct pcap_wire *w, const char *path, int fd, const char **ret_why)
{
	const char *wrong;
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return file_fail(path, "a regular file is right", -EMEDIUMTYPE, ret_why);
	if (st.st_size > FILE_MAX_BYTES)
		return file_fail(path, "at most 256 MiB can be replayed", -EFBIG, ret_why);
	ret = read_all(w, fd, (size_t)st.st_size);
	if (ret < 0)
		return file_fail(path, "it cannot be read", ret, ret_why);
	wrong = net_pcap_open(&w->pcap, w->file, (size_t)st.st_size);
	if (wrong)
		return file_fail(path, wrong, -EINVAL, ret_why);
	w->has_next = net_pcap_next(&w->pcap, &w->next);
	w->first_ns = w->has_next ? w->next.ns : 0;
	return 0;
}

static void stop_recorder(struct recorder *rec)
{
	if (!rec)
		return;
	atomic_store_explicit(&rec->stop, true, memory_order_release);
	pthread_join(rec->thread, NULL);
	fd_close(&rec->fd);
	free(rec);
}

/* Consumes fd on success. */
static int open_record(struct pcap_wire *w, const char *path, int fd, const char **ret_why)
{
	size_t size = ALIGN_UP(sizeof(struct recorder), CACHE_LINE);
	struct recorder *rec;
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return file_fail(path, "a regular file is right", -EMEDIUMTYPE, ret_why);
	rec = aligned_alloc(CACHE_LINE, size);
	if (!rec)
		return file_fail(path, "out of memory", -ENOMEM, ret_why);
	memset(rec, 0, size);
	rec->fd = fd;
	rec->err = &w->up.err;
	net_pcap_put_head(rec->out);
	rec->len = NET_PCAP_HEAD;
	write_out(rec);
	ret = -atomic_load(&w->up.err);
	if (ret == 0)
		ret = -pthread_create(&rec->thread, NULL, writer_main, rec);
	if (ret < 0) {
		free(rec);
		return file_fail(path, "it cannot be written", ret, ret_why);
	}
	w->rec = rec;
	return 0;
}

/* ---- the uplink ---- */

static const char *pcap_wrong(const char *rest)
{
	struct pcap_spec spec;

	return pcap_spec_parse(rest, &spec);
}

static void pcap_close(struct uplink *up)
{
	struct pcap_wire *w = (struct pcap_wire *)up;

	stop_recorder(w->rec);
	free(w->file);
}

/* fds: those of the specification, without gaps. */
static int take_files(struct pcap_wire *w, const struct pcap_spec *spec, int *fds,
		      const char **ret_why)
{
	const char *replay = spec->path[PCAP_REPLAY], *record = spec->path[PCAP_RECORD];
	int *record_fd = fds + !!*replay;
	int ret = 0;

	if ((*replay && fds[0] < 0) || (*record && *record_fd < 0))
		return file_fail(*replay && fds[0] < 0 ? replay : record,
				 "ladon opens it and hands it over, this client did not",
				 -EBADF, ret_why);
	if (*replay)
		ret = open_replay(w, replay, fds[0], ret_why);
	if (ret == 0 && *record) {
		ret = open_record(w, record, *record_fd, ret_why);
		if (ret == 0)
			*record_fd = -1;
	}
	return ret;
}

static int pcap_open(struct uplink *up, const char *rest, const char **ret_why)
{
	struct pcap_wire *w = (struct pcap_wire *)up;
	int none[PCAP_FILES] = {-1, -1};
	struct pcap_spec spec;
	int ret;

	pcap_spec_parse(rest, &spec); /* it was looked at before */
	w->speed = spec.speed;
	ret = take_files(w, &spec, up->env.files ? up->env.files : none, ret_why);
	if (ret < 0)
		pcap_close(up);
	return ret;
}

/* Before a driver is ready nobody would get the frames. */
static bool somebody_listens(const struct nic_card *card)
{
	if (card->owner)
		return true;
	for (unsigned n = 0; n < card->num_vfs; n++) {
		if (card->vf[n].guest.active)
			return true;
	}
	return false;
}

static bool pcap_service(struct uplink *up, uint64_t now_ns, uint64_t *ret_wait_ns)
{
	struct pcap_wire *w = (struct pcap_wire *)up;
	uint64_t start = atomic_load_explicit(&w->start_ns, memory_order_relaxed);

	*ret_wait_ns = w->file && !start ? START_NS : UPLINK_SERVICE_NS;
	if (w->file && !start && up->card && somebody_listens(up->card)) {
		atomic_store_explicit(&w->start_ns, now_ns, memory_order_release);
		nic_dp_kick(up->card->dp);
	}
	return atomic_load_explicit(&up->err, memory_order_relaxed) == 0;
}

const struct uplink_kind uplink_pcap_kind = {
	.prefix = PCAP_SPEC_PREFIX,
	.size = sizeof(struct pcap_wire),
	.ops = &pcap_ops,
	.wrong = pcap_wrong,
	.open = pcap_open,
	.service = pcap_service,
	.close = pcap_close,
};
