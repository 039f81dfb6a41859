/* SPDX-License-Identifier: BSD-3-Clause */
#include "pcap_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bits.h"
#include "fd.h"

#define SPEED_LAST (1000 * PCAP_SPEED_ONE)
#define RIGHT                                                                   \
	"pcap:replay=FILE, pcap:record=FILE or both with a comma between, and " \
	"speed=NUMBER or speed=max with replay, is right"

/* "2", "0.5": thousandths, 0 when it is no such number. */
static uint32_t thousandths(const char *text, size_t len)
{
	uint32_t n = 0, digits = 0;
	bool point = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && !point && i) {
			point = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9' || n > SPEED_LAST || digits == 3)
			return 0;
		n = n * 10 + (uint32_t)(text[i] - '0');
		digits += point;
	}
	if (n > SPEED_LAST)
		return 0;
	for (; digits < 3; digits++)
		n *= 10;
	return n > SPEED_LAST ? 0 : n;
}

static bool take_path(char path[PCAP_SPEC_PATH_MAX], const char *value, size_t len)
{
	if (path[0] || !len || len >= PCAP_SPEC_PATH_MAX)
		return false;
	memcpy(path, value, len);
	path[len] = '\0';
	return true;
}

static bool take_pair(struct pcap_spec *spec, const char *text, size_t len, bool *paced)
{
	const char *equals = memchr(text, '=', len);
	size_t key = equals ? (size_t)(equals - text) : 0;
	const char *value = text + key + 1;

	if (!key)
		return false;
	len -= key + 1;
	if (key == 6 && !memcmp(text, "replay", key))
		return take_path(spec->path[PCAP_REPLAY], value, len);
	if (key == 6 && !memcmp(text, "record", key))
		return take_path(spec->path[PCAP_RECORD], value, len);
	if (key != 5 || memcmp(text, "speed", key) || *paced)
		return false;
	*paced = true;
	if (len == 3 && !memcmp(value, "max", len)) {
		spec->speed = PCAP_SPEED_MAX;
		return true;
	}
	spec->speed = thousandths(value, len);
	return spec->speed != 0;
}

const char *pcap_spec_parse(const char *text, struct pcap_spec *ret)
{
	bool paced = false;

	*ret = (struct pcap_spec){.speed = PCAP_SPEED_ONE};
	for (;;) {
		size_t len = strcspn(text, ",");

		if (!take_pair(ret, text, len, &paced))
			return RIGHT;
		if (!text[len])
			break;
		text += len + 1;
	}
	if (paced && !ret->path[PCAP_REPLAY][0])
		return RIGHT;
	return NULL;
}

/* Two writers would make one useless file. */
static int open_record(const char *path)
{
	FD_AUTO int fd =
		open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st;
	int ret;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EMEDIUMTYPE;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (ftruncate(fd, 0) < 0)
		return -errno;
	ret = fd;
	fd = -1;
	return ret;
}

int pcap_spec_open(const struct pcap_spec *spec, int ret_fds[PCAP_FILES], const char **ret_path)
{
	int n = 0, ret;

	ret_fds[0] = ret_fds[1] = -1;
	*ret_path = spec->path[PCAP_REPLAY];
	if (**ret_path) {
		ret_fds[n] = open(*ret_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (ret_fds[n++] < 0)
			return -errno;
	}
	*ret_path = spec->path[PCAP_RECORD];
	if (!**ret_path)
		return 0;
	ret = open_record(*ret_path);
	if (ret < 0) {
		fd_close(&ret_fds[0]);
		return ret;
	}
	ret_fds[n] = ret;
	return 0;
}
