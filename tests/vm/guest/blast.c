// SPDX-License-Identifier: BSD-3-Clause
/*
 * blast ADDRESS BATCH PAUSE_US
 *
 * Send UDP datagrams of changing size to port 9 of an IPv4 address until
 * killed: BATCH at a time, then a pause. Errors are ignored, for the other
 * side is expected to vanish and come back.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Command line. */
int main(int argc, char **argv)
{
	static char data[1472];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	size_t size = 0;
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc != 4 || sock < 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: blast ADDRESS BATCH PAUSE_US\n");
		return 2;
	}
	memset(data, 0xb1, sizeof(data));
	for (;;) {
		for (int i = atoi(argv[2]); i > 0; i--) {
			size = (size + 331) % sizeof(data);
			if (sendto(sock, data, size + 1, 0, (struct sockaddr *)&to,
				   sizeof(to)) < 0)
				break;
		}
		usleep((useconds_t)atoi(argv[3]));
	}
}
