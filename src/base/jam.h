/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jam.h - writes to a descriptor whose other holder may make them block.
 *
 * A client hands us its eventfds. O_NONBLOCK belongs to the open file, which the client shares:
 * it can clear the flag, fill the counter, and our next write would sleep for ever, and with it
 * every other client's card. So such writes are marked, and a watch thread interrupts one that
 * has not come back in two ticks (a signal without SA_RESTART makes it fail with EINTR). The
 * mark costs two stores.
 */
#ifndef LADON_BASE_JAM_H
#define LADON_BASE_JAM_H

#include <stddef.h>

#define JAM_TICK_MS 50

/* Uses SIGUSR2. Call once, before other threads exist. Returns 0 or -errno. */
int jam_init(void);
/* Starts (count up) or stops (count down) the watch: while it is off, jam_write may block. */
void jam_watch(int change);
/* write(2). Returns bytes, or -errno; -EINTR: it was jammed, do not use the descriptor again.
 */
long jam_write(int fd, const void *buf, size_t len);
/* A thread that used jam_write is about to end. */
void jam_thread_ends(void);

#endif
