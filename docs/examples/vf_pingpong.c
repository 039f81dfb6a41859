/* SPDX-License-Identifier: BSD-3-Clause */
/* vf_pingpong.c - two VFs of one card bounce a frame: the least that a libladon program needs.
 *
 *	cc vf_pingpong.c $(pkg-config --cflags --libs libladon) -o vf_pingpong
 *	./vf_pingpong $XDG_RUNTIME_DIR/ladon/nic0/vf0.sock $XDG_RUNTIME_DIR/ladon/nic0/vf1.sock
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <ladon/igbvf.h>

#define ROUNDS 10000

static struct ladon_buf *receive(struct ladon_igbvf *vf)
{
	struct ladon_buf *frame;
	int n;

	while ((n = ladon_igbvf_rx_burst(vf, &frame, 1)) == 0)
		; /* polling: see ladon_igbvf_wait() for sleeping */
	return n == 1 ? frame : NULL;
}

int main(int argc, char **argv)
{
	struct ladon_function *fn[2];
	struct ladon_igbvf *vf[2];
	struct ladon_buf *frame;
	struct timespec start, end;

	for (int i = 0; i < 2; i++) {
		int err = argc == 3 ? ladon_function_attach(argv[i + 1], NULL, &fn[i]) : -22;

		if (!err)
			err = ladon_igbvf_open(fn[i], NULL, &vf[i]);
		if (err) {
			fprintf(stderr, "usage: vf_pingpong VF0.sock VF1.sock (%s)\n",
				strerror(-err));
			return 1;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		frame = ladon_igbvf_buf_alloc(vf[i % 2]);
		ladon_igbvf_mac(vf[1 - i % 2], frame->data); /* to */
		ladon_igbvf_mac(vf[i % 2], frame->data + 6); /* from */
		memcpy(frame->data + 12, "\x88\xb5ping", 6);
		frame->len = 60;
		if (ladon_igbvf_tx_burst(vf[i % 2], &frame, 1) != 1)
			return 1;
		frame = receive(vf[1 - i % 2]);
		if (!frame)
			return 1;
		ladon_igbvf_buf_free(vf[1 - i % 2], frame);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%d round trips, %.2f us each\n", ROUNDS,
	       ((double)(end.tv_sec - start.tv_sec) * 1e6 +
		(double)(end.tv_nsec - start.tv_nsec) / 1e3) /
		       ROUNDS);
	for (int i = 0; i < 2; i++) {
		ladon_igbvf_close(vf[i]);
		ladon_function_detach(fn[i]);
	}
	return 0;
}
