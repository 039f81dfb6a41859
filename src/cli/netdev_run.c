/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames between tap and VF, and all else that happens to the two. While there are frames both
 * ends are polled; a little later it sleeps on the tap and on the VF's interrupt.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "netdev.h"

#define SPIN_NS	  (20 * NSEC_PER_USEC)	/* of polling after the last frame */
#define LOOK_NS	  (10 * NSEC_PER_MSEC)	/* under load: signals, rtnetlink */
#define TICK_NS	  (1 * NSEC_PER_SEC)	/* the VF's state, address lists */
#define RETRY_NS  (100 * NSEC_PER_MSEC) /* to attach again: at first, */
#define RETRY_MAX (2 * NSEC_PER_SEC)	/* and at most */
#define FULL_MS	  1			/* until a full transmit ring is looked at again */
#define GO_ON	  (-1)
#define GONE	  "the interface was deleted, or moved away: this is the end"

/* ---- frames ---- */

/* Buffers for the longest frame: a tap does not tell the next one's length. */
static bool fill_spare(struct netdev *nd)
{
	if (nd->num_spare == 0)
		ladon_igbvf_tx_reap(nd->vf);
	while (nd->num_spare < NETDEV_FRAME_PARTS) {
		struct ladon_buf *buf = ladon_igbvf_buf_alloc(nd->vf);

		if (!buf)
			return false;
		nd->spare[nd->num_spare++] = buf;
	}
	return true;
}

/* The first used ones went away as a frame. */
static void take_spare(struct netdev *nd, unsigned used)
{
	nd->num_spare -= used;
	memmove(nd->spare, nd->spare + used, nd->num_spare * sizeof(struct ladon_buf *));
}

/* Reads what the kernel sends until there is no more, or no room, a burst at most. */
static void read_tap(struct netdev *nd)
{
	for (unsigned i = 0; i < NETDEV_BURST && nd->num_held < NETDEV_BURST && fill_spare(nd);
	     i++) {
		unsigned used = 0;
		int ret = netdev_tap_read(nd->tap, nd->spare, &used);

		if (ret < 0) {
			nd->deleted = ret == -EBADFD;
			return;
		}
		if (ret == 0)
			continue;
		if (netdev_is_group_report(nd->spare[0]))
			nd->requery = true;
		nd->held[nd->num_held++] = nd->spare[0];
		take_spare(nd, used);
	}
}

/* Returns 0 or -errno of a lost connection. */
static int send_held(struct netdev *nd)
{
	int n = ladon_igbvf_tx_burst(nd->vf, nd->held, nd->num_held);

	if (n == -EINVAL) { /* the first one cannot be sent as it is */
		ladon_igbvf_buf_free(nd->vf, nd->held[0]);
		n = 1;
	}
	if (n < 0)
		return n;
	nd->num_held -= (unsigned)n;
	memmove(nd->held, nd->held + n, nd->num_held * sizeof(struct ladon_buf *));
	return 0;
}

/* A burst each way. Returns 1 when something moved, 0, or -errno. */
static int move_frames(struct netdev *nd)
{
	struct ladon_buf *in[NETDEV_BURST];
	unsigned had;
	int n, err;

	read_tap(nd);
	had = nd->num_held;
	err = had ? send_held(nd) : 0;
	n = err ? err : ladon_igbvf_rx_burst(nd->vf, in, ARRAY_SIZE(in));
	for (int i = 0; i < n; i++) {
		netdev_tap_write(nd->tap, in[i]);
		ladon_igbvf_buf_free(nd->vf, in[i]);
	}
	return n < 0 ? n : n > 0 || nd->num_held < had;
}

/* ---- the VF's state ---- */

static void set_carrier(struct netdev *nd, bool on)
{
	if (nd->carrier == on)
		return;
	nd->carrier = on;
	netdev_tap_carrier(nd->tap, on);
	netdev_say("%s: link is %s", nd->wanted.name, on ? "up" : "down");
}

static int follow_link(struct netdev *nd)
{
	struct ladon_link link;
	int err = ladon_igbvf_link(nd->vf, &link);

	if (!err)
		set_carrier(nd, link.up);
	return err;
}

/* The card has gone, or has put us out. The interface stays. */
static int detached(struct netdev *nd, int err)
{
	netdev_vf_close(nd);
	set_carrier(nd, false);
	netdev_say("%s: %s vf %u is gone (%s)%s", nd->wanted.name, nd->words.card, nd->words.n,
		   strerror(-err), nd->words.once ? "" : ": it is tried until it is back");
	nd->retry_ns = RETRY_NS;
	nd->next_tick_ns = clock_ns() + nd->retry_ns;
	return nd->words.once ? 1 : GO_ON;
}

/* An opened VF is made what the interface is. */
static int settle(struct netdev *nd)
{
	int err;

	netdev_vf_address(nd);
	err = netdev_vf_sync(nd);
	return err ? err : follow_link(nd);
}

static int after_reset(struct netdev *nd, const char *why)
{
	int err;

	netdev_say("%s: %s", nd->wanted.name, why);
	err = netdev_vf_reopen(nd);
	if (!err)
		err = settle(nd);
	return err ? detached(nd, err) : GO_ON;
}

static int check_vf(struct netdev *nd)
{
	int ret = ladon_igbvf_check(nd->vf);

	if (ret == 1)
		return after_reset(nd, "the VF was reset, it starts again");
	if (ret == 0)
		ret = follow_link(nd);
	return ret ? detached(nd, ret) : GO_ON;
}

static void attach_again(struct netdev *nd, uint64_t now)
{
	int err = netdev_vf_open(nd);

	if (!err) {
		netdev_say("%s: %s vf %u is back", nd->wanted.name, nd->words.card,
			   nd->words.n);
		err = settle(nd);
	}
	if (!err)
		return;
	netdev_vf_close(nd);
	nd->retry_ns = MIN(nd->retry_ns * 2, RETRY_MAX);
	nd->next_tick_ns = now + nd->retry_ns;
}

/* ---- the kernel's wishes ---- */

static int over(const struct netdev *nd, const char *why)
{
	netdev_say("%s: %s", nd->wanted.name, why);
	return 1;
}

/* A longer frame than the VF was opened for takes new buffers. */
static int follow_mtu(struct netdev *nd)
{
	if (nd->wanted.mtu == nd->words.mtu)
		return GO_ON;
	nd->words.mtu = nd->wanted.mtu;
	if (nd->words.mtu > NETDEV_MTU_MAX)
		netdev_say("%s: mtu %u is more than the %u that the card has: longer frames "
			   "are lost",
			   nd->wanted.name, nd->words.mtu, NETDEV_MTU_MAX);
	return nd->vf ? after_reset(nd, "another mtu, the VF starts again") : GO_ON;
}

static int follow_kernel(struct netdev *nd)
{
	int err, ret;

	nd->requery = false;
	err = netdev_link_query(&nd->link, &nd->wanted);
	if (err == -ENODEV)
		return over(nd, GONE);
	if (err)
		return GO_ON; /* asked again with the next tick */
	ret = follow_mtu(nd);
	/* A VF that was reset refuses all: that would look like the policy's word. */
	if (ret == GO_ON && nd->vf)
		ret = check_vf(nd);
	if (ret != GO_ON || !nd->vf)
		return ret;
	err = netdev_vf_sync(nd);
	return err ? detached(nd, err) : GO_ON;
}

static int on_events(struct netdev *nd)
{
	nd->requery = true;
	if (netdev_link_events(&nd->link) == NETDEV_DELETED)
		return over(nd, GONE);
	return GO_ON;
}

static int tick(struct netdev *nd, uint64_t now)
{
	nd->next_tick_ns = now + TICK_NS;
	if (netdev_ns_gone(&nd->ns))
		return over(nd, "its network namespace was deleted: this is the end");
	if (!nd->vf)
		attach_again(nd, now);
	return follow_kernel(nd);
}

/* ---- sleeping ---- */

enum { FD_SIGNAL, FD_LINK, FD_PROCESS, FD_TAP, FD_IRQ, FD_CARD, FD_NUM };

static void fill_fds(const struct netdev *nd, struct pollfd p[FD_NUM])
{
	bool sending = nd->vf && nd->num_held == 0;

	p[FD_SIGNAL] = (struct pollfd){nd->signals, POLLIN, 0};
	p[FD_LINK] = (struct pollfd){netdev_link_fd(&nd->link), POLLIN, 0};
	p[FD_PROCESS] = (struct pollfd){nd->ns.pidfd, POLLIN, 0};
	p[FD_TAP] = (struct pollfd){nd->tap, sending ? POLLIN : 0, 0};
	p[FD_IRQ] = (struct pollfd){nd->vf ? ladon_igbvf_irq_fd(nd->vf) : -1, POLLIN, 0};
	p[FD_CARD] = (struct pollfd){nd->fn ? ladon_function_fd(nd->fn) : -1, POLLRDHUP, 0};
}

static int handle_fds(struct netdev *nd, const struct pollfd p[FD_NUM])
{
	if (p[FD_SIGNAL].revents)
		return 0;
	if (p[FD_PROCESS].revents)
		return over(nd, "the process whose namespace it is in has ended: so does this");
	if (nd->deleted || p[FD_TAP].revents & (POLLERR | POLLNVAL))
		return over(nd, GONE);
	if (p[FD_LINK].revents)
		return on_events(nd);
	if (p[FD_CARD].revents)
		return detached(nd, -ECONNRESET);
	return GO_ON;
}

/* ready: do not sleep, only look. Returns GO_ON or the exit code. */
static int nap(struct netdev *nd, bool ready)
{
	struct pollfd p[FD_NUM];
	uint64_t now = clock_ns();
	int ms = 0, armed = 0, ret;

	if (!ready && nd->vf) {
		armed = ladon_igbvf_arm(nd->vf);
		if (armed < 0)
			return detached(nd, armed);
	}
	if (!ready && !armed && nd->next_tick_ns > now)
		ms = (int)((nd->next_tick_ns - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
	if (nd->num_held)
		ms = MIN(ms, FULL_MS);
	fill_fds(nd, p);
	ret = poll(p, FD_NUM, ms) < 0 ? GO_ON : handle_fds(nd, p);
	if (!ready && nd->vf)
		ladon_igbvf_disarm(nd->vf);
	if (ret == GO_ON && armed == 1 && nd->vf && move_frames(nd) == 0)
		ret = check_vf(nd);
	return ret;
}

/* A round: frames, then whatever else there is. */
static int round_trip(struct netdev *nd, uint64_t *busy_ns, uint64_t *looked_ns)
{
	int moved = nd->vf ? move_frames(nd) : 0, ret = GO_ON;
	uint64_t now = clock_ns();

	if (moved < 0)
		return detached(nd, moved);
	if (moved)
		*busy_ns = now;
	if (now - *busy_ns >= SPIN_NS || now - *looked_ns >= LOOK_NS || nd->deleted) {
		ret = nap(nd, now - *busy_ns < SPIN_NS);
		*looked_ns = clock_ns();
	}
	if (ret == GO_ON && nd->requery)
		ret = follow_kernel(nd);
	return ret == GO_ON && clock_ns() >= nd->next_tick_ns ? tick(nd, clock_ns()) : ret;
}

int netdev_run(struct netdev *nd)
{
	uint64_t busy_ns = clock_ns(), looked_ns = busy_ns;
	int ret;

	do
		ret = round_trip(nd, &busy_ns, &looked_ns);
	while (ret == GO_ON);
	return ret;
}
