/* SPDX-License-Identifier: BSD-3-Clause */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"

static const char blanks[] = " \t\r\n";

static int fail(char *buf, size_t size, int err, const char *why, const char **ret_why)
{
	explicit_bzero(buf, size);
	*ret_why = why;
	return err;
}

/* Fills buf as far as there is something; size when there is more than fits. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int secret_read_fd(int fd, char *buf, size_t size, const char **ret_why)
{
	ssize_t len = read_all(fd, buf, size);
	size_t start, end;

	if (len < 0)
		return fail(buf, size, (int)len, strerror((int)-len), ret_why);
	if ((size_t)len == size)
		return fail(buf, size, -E2BIG, "it is longer than the secret can be", ret_why);
	memset(buf + len, 0, size - (size_t)len);
	if (strlen(buf) != (size_t)len)
		return fail(buf, size, -EINVAL, "it holds a NUL byte", ret_why);
	start = strspn(buf, blanks);
	end = start + strcspn(buf + start, blanks);
	if (start == end)
		return fail(buf, size, -ENODATA, "it is empty", ret_why);
	if (buf[end + strspn(buf + end, blanks)])
		return fail(buf, size, -EINVAL, "it holds more than one word", ret_why);
	memmove(buf, buf + start, end - start);
	explicit_bzero(buf + (end - start), size - (end - start));
	return 0;
}

/* NULL, or why its content is no secret. */
static const char *who_may_read(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "it is no regular file";
	if (st.st_uid != geteuid())
		return "it belongs to another user: one of our own is right";
	if (st.st_mode & 077)
		return "others may open it: mode 0600 is right";
	return NULL;
}

int secret_read_file(const char *path, char *buf, size_t size, const char **ret_why)
{
	/* O_NONBLOCK: a FIFO is found to be one, not waited for. */
	FD_AUTO int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *why;

	if (fd < 0)
		return fail(buf, size, -errno, strerror(errno), ret_why);
	why = who_may_read(fd);
	if (why)
		return fail(buf, size, -EACCES, why, ret_why);
	return secret_read_fd(fd, buf, size, ret_why);
}
