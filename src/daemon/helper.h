/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * helper.h - the process that keeps what ladond gives up: it makes taps, and packet sockets on
 * the interfaces it was told of, and hands their descriptors over. It is forked before the
 * sandbox is entered, has one of its own (sandbox_enter_helper), knows one fixed-size request,
 * and ends when ladond does. Where ladond was started without privileges it has none either,
 * and can attach to the taps of its user.
 */
#ifndef LADON_DAEMON_HELPER_H
#define LADON_DAEMON_HELPER_H

#include <linux/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELPER_WHY_MAX 192

enum helper_kind { HELPER_BYE, HELPER_TAP, HELPER_PACKET, HELPER_KIND_NUM };

struct helper_request {
	uint32_t kind; /* enum helper_kind */
	uint32_t mtu;
	char name[IFNAMSIZ]; /* NUL-terminated */
};

/* With a descriptor when err is 0. */
struct helper_reply {
	int32_t err; /* 0 or -errno */
	char why[HELPER_WHY_MAX];
};

struct helper;

/*
 * Forks it. Before the first thread, with SIGTERM and SIGINT blocked. packet: the interfaces
 * that packet sockets may be had of, with commas between; NULL = none, and no right to make
 * one. Returns 0 or -errno.
 */
int helper_start(const char *packet, struct helper **ret_helper);
/* Says good-bye; it ends by itself. Takes NULL. */
void helper_free(struct helper *helper);

/*
 * Creates or attaches to tap interface name, up and with this mtu (uplink_fd_fn; arg is the
 * struct helper). Returns its descriptor, close-on-exec and non-blocking, or -errno with a
 * sentence in *ret_why that lives until the next call.
 */
int helper_tap(void *arg, const char *name, unsigned mtu, const char **ret_why);

/* The same for a packet socket on an interface that is there (uplink_packet_open). */
int helper_packet(void *arg, const char *name, unsigned mtu, const char **ret_why);

/* For tests: is that what ladond may ask for? len = bytes that came. */
bool helper_request_ok(const struct helper_request *request, size_t len);

#endif
