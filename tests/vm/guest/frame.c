// SPDX-License-Identifier: BSD-3-Clause
/*
 * frame send DEVICE COUNT PAUSE_US DESTINATION SOURCE [TCI|-] [MARK]
 * frame listen DEVICE SECONDS
 *
 * Raw Ethernet frames of the local experimental type 0x88b5, for what no
 * socket of a protocol would send: foreign source addresses, forbidden VLANs.
 * Each carries a mark, a number that tells one experiment from another. The
 * listener prints "DESTINATION SOURCE TCI|- MARK" for every such frame, the
 * tag found in the bytes or taken out by the receiver alike.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TYPE = 0x88b5, TAG = 0x8100, LEN = 60 };

/* Return a packet socket on a device, or -1. */
static int packet_socket(const char *device)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int on = 1, sock = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	at.sll_ifindex = (int)if_nametoindex(device);
	if (sock < 0 || !at.sll_ifindex || bind(sock, (struct sockaddr *)&at, sizeof(at))) {
		perror(device);
		return -1;
	}
	setsockopt(sock, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
	return sock;
}

/* Parse a hardware address; return whether it is one. */
static int parse_mac(const char *text, uint8_t *mac)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5]) == 6;
}

/* Send frames. */
static int send_frames(int argc, char **argv)
{
	uint8_t frame[LEN + 4] = {0};
	uint16_t type = htons(TYPE), tag = htons(TAG), tci;
	uint32_t mark = htonl(argc > 8 ? (uint32_t)strtoul(argv[8], NULL, 0) : 0);
	int sock = packet_socket(argv[2]), count = atoi(argv[3]), sent = 0;
	uint8_t *p = frame + 12;

	if (sock < 0 || !parse_mac(argv[5], frame) || !parse_mac(argv[6], frame + 6))
		return 2;
	if (argc > 7 && strcmp(argv[7], "-")) {
		tci = htons((uint16_t)strtoul(argv[7], NULL, 0));
		memcpy(p, &tag, 2);
		memcpy(p + 2, &tci, 2);
		p += 4;
	}
	memcpy(p, &type, 2);
	memcpy(p + 2, &mark, 4);
	for (int i = 0; i < count; i++) {
		sent += send(sock, frame, (size_t)(p - frame) + LEN - 12, 0) > 0;
		usleep((useconds_t)atoi(argv[4]));
	}
	printf("sent %d\n", sent);
	return sent == count ? 0 : 1;
}

/* Return the tag the receiver took out of the frame, or -1. */
static int stripped_tag(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			return aux.tp_vlan_tci;
	}
	return -1;
}

/* Print one frame if it is of our kind. */
static int print_frame(const uint8_t *f, ssize_t len, int tci)
{
	uint16_t type, word;
	uint32_t mark;
	const uint8_t *p = f + 12;

	if (len < 24)
		return 0;
	memcpy(&type, p, 2);
	if (ntohs(type) == TAG) {
		memcpy(&word, p + 2, 2);
		tci = ntohs(word);
		p += 4;
		memcpy(&type, p, 2);
	}
	if (ntohs(type) != TYPE)
		return 0;
	memcpy(&mark, p + 2, 4);
	for (int i = 0; i < 12; i++)
		printf("%02x%c", f[i], i % 6 == 5 ? ' ' : ':');
	if (tci < 0)
		printf("-");
	else
		printf("0x%04x", tci);
	printf(" %u\n", ntohl(mark));
	return 1;
}

/* Receive frames for a while; those this machine sends itself are not meant. */
static int listen_frames(char **argv)
{
	static uint8_t frame[16384];
	char control[256];
	struct sockaddr_ll from;
	struct iovec iov = {frame, sizeof(frame)};
	struct pollfd pfd = {.fd = packet_socket(argv[2]), .events = POLLIN};
	time_t end = time(NULL) + atoi(argv[3]);

	if (pfd.fd < 0)
		return 2;
	puts("listening");
	fflush(stdout);
	while (time(NULL) < end) {
		struct msghdr msg = {.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		ssize_t len;

		if (poll(&pfd, 1, 200) <= 0)
			continue;
		len = recvmsg(pfd.fd, &msg, 0);
		if (from.sll_pkttype != PACKET_OUTGOING &&
		    print_frame(frame, len, stripped_tag(&msg)))
			fflush(stdout);
	}
	return 0;
}

/* Command line. */
int main(int argc, char **argv)
{
	if (argc >= 7 && !strcmp(argv[1], "send"))
		return send_frames(argc, argv);
	if (argc == 4 && !strcmp(argv[1], "listen"))
		return listen_frames(argv);
	fprintf(stderr,
		"usage: frame send DEVICE COUNT PAUSE_US DESTINATION SOURCE [TCI|-] [MARK]\n"
		"       frame listen DEVICE SECONDS\n");
	return 2;
}
