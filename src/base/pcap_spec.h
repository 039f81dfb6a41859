/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pcap_spec.h - the words of a pcap uplink, "replay=FILE,speed=2,record=FILE", and its files.
 * ladond serves without the right to open one: ladon opens them and hands them over, and
 * ladond itself does for its configuration file, before it gives the right up.
 */
#ifndef LADON_BASE_PCAP_SPEC_H
#define LADON_BASE_PCAP_SPEC_H

#include <stdint.h>

#define PCAP_SPEC_PREFIX   "pcap:" /* of an uplink's specification */
#define PCAP_SPEC_PATH_MAX 256
#define PCAP_SPEED_ONE	   1000u
#define PCAP_SPEED_MAX	   0u /* as fast as they are taken */

enum pcap_file { PCAP_REPLAY, PCAP_RECORD, PCAP_FILES };

struct pcap_spec {
	char path[PCAP_FILES][PCAP_SPEC_PATH_MAX]; /* "" = none */
	uint32_t speed; /* thousandths of the file's own, or PCAP_SPEED_MAX */
};

/* Reads what follows the prefix. NULL, or what is right, as the end of a sentence (static). */
const char *pcap_spec_parse(const char *text, struct pcap_spec *ret);

/*
 * Opens the files that there are, in the order of enum pcap_file and without gaps (then -1);
 * the one to be written is locked against others and emptied. Returns 0, or -errno with
 * *ret_path the one it was (in spec).
 */
int pcap_spec_open(const struct pcap_spec *spec, int ret_fds[PCAP_FILES],
		   const char **ret_path);

#endif
