/* SPDX-License-Identifier: BSD-3-Clause */
/* tenant_monitor.c - tenants whose VFs talk, and for each a promiscuous VF that sees all of it
 *and nothing of the others.
 *
 *	cc tenant_monitor.c $(pkg-config --cflags --libs libladon) -o tenant_monitor
 *	./tenant_monitor A.sock B.sock MONITOR.sock [A.sock B.sock MONITOR.sock]...
 *
 * The card's policy is tenant_monitor.conf's. A monitor needs no other right than trust.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <ladon/igbvf.h>

#define TENANTS_MAX 8
#define FRAMES	    500 /* each way */
#define PATIENCE    30	/* seconds */

enum { A, B, MONITOR, VFS };

static struct tenant {
	struct ladon_function *fn[VFS];
	struct ladon_igbvf *vf[VFS];
	unsigned sent, received, seen, foreign;
} tenants[TENANTS_MAX];

static int open_vf(struct tenant *t, int i, const char *path)
{
	int err = ladon_function_attach(path, NULL, &t->fn[i]);

	if (!err)
		err = ladon_igbvf_open(t->fn[i], NULL, &t->vf[i]);
	if (!err && i == MONITOR)
		err = ladon_igbvf_set_promisc(t->vf[i], true, true); /* -EPERM without trust */
	if (err)
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
	return err;
}

/* One frame from VF `from` of tenant number n to its other VF. */
static void talk(unsigned n, int from)
{
	struct tenant *t = &tenants[n];
	struct ladon_buf *frame = ladon_igbvf_buf_alloc(t->vf[from]);

	if (!frame)
		return;
	ladon_igbvf_mac(t->vf[from == A ? B : A], frame->data); /* to */
	ladon_igbvf_mac(t->vf[from], frame->data + 6);		/* from */
	memcpy(frame->data + 12, "\x88\xb5", 2);
	memset(frame->data + 14, 'A' + (int)n, 46); /* whose it is */
	frame->len = 60;
	if (ladon_igbvf_tx_burst(t->vf[from], &frame, 1) == 1)
		t->sent++;
	else
		ladon_igbvf_buf_free(t->vf[from], frame);
}

/* What has come to VF i: how many frames of tenant number n, how many of others. */
static void listen(unsigned n, int i, unsigned *own, unsigned *foreign)
{
	struct ladon_igbvf *vf = tenants[n].vf[i];
	struct ladon_buf *frame;

	while (ladon_igbvf_rx_burst(vf, &frame, 1) == 1) {
		if (frame->data[14] == 'A' + n)
			++*own;
		else
			++*foreign;
		ladon_igbvf_buf_free(vf, frame);
	}
}

/* Looks at all VFs; has everything that was sent arrived, and been seen? */
static int all_there(unsigned num)
{
	int there = 1;

	for (unsigned n = 0; n < num; n++) {
		struct tenant *t = &tenants[n];

		listen(n, A, &t->received, &t->foreign);
		listen(n, B, &t->received, &t->foreign);
		listen(n, MONITOR, &t->seen, &t->foreign);
		there &= t->received >= t->sent && t->seen >= t->sent;
	}
	return there;
}

static int report(unsigned num)
{
	int rc = 0;

	for (unsigned n = 0; n < num; n++) {
		const struct tenant *t = &tenants[n];

		printf("tenant %c: %u frames sent, %u received; its monitor saw %u; of other "
		       "tenants' frames %u came here\n",
		       'A' + (int)n, t->sent, t->received, t->seen, t->foreign);
		rc |= t->sent != 2 * FRAMES || t->received != t->sent || t->seen != t->sent ||
		      t->foreign;
	}
	puts(rc ? "NOT as it should be"
		: "each monitor saw all of its tenant and nothing else");
	return rc;
}

int main(int argc, char **argv)
{
	unsigned num = (unsigned)(argc - 1) / VFS;
	time_t end = time(NULL) + PATIENCE;

	if (!num || num > TENANTS_MAX || (argc - 1) % VFS) {
		fputs("usage: tenant_monitor {A.sock B.sock MONITOR.sock}...\n", stderr);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		if (open_vf(&tenants[(i - 1) / VFS], (i - 1) % VFS, argv[i]))
			return 1;
	for (unsigned i = 0; i < FRAMES; i++) {
		for (unsigned n = 0; n < num; n++) {
			talk(n, A);
			talk(n, B);
		}
		/* A few frames at a time: a ring holds so many, and what is above is lost. */
		while (i % 32 == 0 && !all_there(num) && time(NULL) < end)
			;
	}
	while (!all_there(num) && time(NULL) < end)
		;
	for (int i = 0; i < argc - 1; i++) {
		ladon_igbvf_close(tenants[i / VFS].vf[i % VFS]);
		ladon_function_detach(tenants[i / VFS].fn[i % VFS]);
	}
	return report(num);
}
