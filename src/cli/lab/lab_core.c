/* SPDX-License-Identifier: BSD-3-Clause */
/* lab_core.c - what the experiments share. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "lab.h"

#define PATIENCE_MS  5000
#define HARDWARE_VFS 7u

int lab_start(struct lab *lab)
{
	/* A data path that sleeps longer would be seen in the figures. */
	static const char *const extra[] = {"--idle-sleep-us", "50", NULL};
	char log[2000];
	int err = demo_daemon_start(&lab->daemon, lab->ladond, "", extra);

	if (!err)
		return 0;
	fprintf(stderr, "ladon: lab: %s did not start: %s\n%s", lab->ladond, strerror(-err),
		demo_daemon_log(&lab->daemon, log, sizeof(log)));
	demo_daemon_stop(&lab->daemon);
	return err;
}

int lab_add_card(struct lab *lab, const char *card, unsigned vfs, const char *words)
{
	const unsigned tries[] = {vfs, MIN(vfs, HARDWARE_VFS)};
	char line[256];

	for (unsigned i = 0; i < ARRAY_SIZE(tries); i++) {
		snprintf(line, sizeof(line), "card add %s model 82576 vfs %u %s", card,
			 tries[i], words);
		if (demo_daemon_ask(&lab->daemon, line, NULL) == 0)
			return (int)tries[i];
	}
	fprintf(stderr, "ladon: lab: \"%s\" was refused\n", line);
	return -EINVAL;
}

int lab_stop(struct lab *lab)
{
	int err = demo_daemon_stop(&lab->daemon);

	if (err)
		fprintf(stderr, "ladon: lab: ladond did not end well\n");
	return err;
}

int lab_open(struct lab *lab, const char *card, unsigned n,
	     const struct ladon_igbvf_config *config, struct demo_driver *ret_drv)
{
	int err = demo_driver_open(ret_drv, &lab->daemon, card, n, config);
	char log[2000];

	if (err)
		fprintf(stderr, "ladon: lab: vf%u of %s cannot be opened: %s\n%s", n, card,
			strerror(-err), demo_daemon_log(&lab->daemon, log, sizeof(log)));
	return err;
}

int lab_await_link(const struct demo_driver *drv)
{
	uint64_t end = clock_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	struct ladon_link link = {0};

	while (clock_ns() < end) {
		if (ladon_igbvf_link(drv->vf, &link) == 0 && link.up)
			return 0;
		usleep(1000);
	}
	fprintf(stderr, "ladon: lab: the link between the two cards does not come up\n");
	return -ETIMEDOUT;
}

uint64_t lab_counter(const struct lab *lab, const char *card, int vf, const char *what)
{
	uint64_t value = demo_daemon_value(&lab->daemon, card, vf, what);

	return value == UINT64_MAX ? 0 : value;
}

void lab_progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	fputs("\r\033[K", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
}

static FILE *file_open(const struct lab *lab, const char *name, const char *kind, char *path,
		       size_t size)
{
	FILE *file;

	snprintf(path, size, "%s/lab-%s.%s", lab->dir, name, kind);
	file = fopen(path, "we");
	if (!file)
		fprintf(stderr, "ladon: lab: %s: %s\n", path, strerror(errno));
	return file;
}

static int file_close(FILE *file, const char *path)
{
	int err = ferror(file) ? -EIO : 0;

	if (fclose(file) != 0)
		err = -errno;
	if (err)
		fprintf(stderr, "ladon: lab: %s: %s\n", path, strerror(-err));
	return err;
}

int lab_write(const struct lab *lab, const char *name, const struct lab_table *table,
	      const struct chart *chart)
{
	char path[4096];
	FILE *file;
	int err = 0;

	lab_progress("%s", "");
	lab_table_print(lab->out, table);
	if (lab->csv) {
		file = file_open(lab, name, "csv", path, sizeof(path));
		if (!file)
			return -EIO;
		lab_table_csv(file, table);
		err = file_close(file, path);
	}
	if (!chart || err)
		return err;
	file = file_open(lab, name, "svg", path, sizeof(path));
	if (!file)
		return -EIO;
	chart_write(file, chart);
	err = file_close(file, path);
	if (!err)
		fprintf(lab->out, "picture: %s\n", path);
	return err;
}

int lab_verdict(const struct lab *lab, bool ok, const char *format, ...)
{
	va_list args;

	fprintf(lab->out, "verdict: %s: ", ok ? "ok" : "FAILED");
	va_start(args, format);
	vfprintf(lab->out, format, args);
	va_end(args);
	fputc('\n', lab->out);
	fflush(lab->out);
	return ok ? 0 : 1;
}

void lab_header(uint8_t *data, const uint8_t *dst, const uint8_t *src)
{
	memcpy(data, dst, 6);
	memcpy(data + 6, src, 6);
	put_be16(data + 12, LAB_TYPE);
}

unsigned lab_send(const struct demo_driver *drv, struct ladon_buf **bufs, unsigned num)
{
	uint64_t end = clock_ns() + NSEC_PER_SEC;
	unsigned done = 0;

	while (done < num) {
		int n = ladon_igbvf_tx_burst(drv->vf, bufs + done, num - done);

		if (n < 0 || (n == 0 && clock_ns() > end))
			break;
		done += (unsigned)n;
	}
	for (unsigned i = done; i < num; i++)
		ladon_igbvf_buf_free(drv->vf, bufs[i]);
	return done;
}
