/* SPDX-License-Identifier: BSD-3-Clause */
/* demo_core.c - the demo's order of events and its printed form. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "clock.h"
#include "demo.h"
#include "demo_attack.h"

#define CONFIG                              \
	"card add nic0 model 82576 vfs 7\n" \
	"link set nic0 vf 0 vlan 100\n"     \
	"link set nic0 vf 1 vlan 100\n"     \
	"link set nic0 vf 2 vlan 200\n"

static int bring_up(struct demo *d, const char *ladond, FILE *out)
{
	char log[2000];
	int err = demo_daemon_start(&d->daemon, ladond, CONFIG, NULL);

	if (err) {
		fprintf(out, "%s did not start: %s\n%s", ladond, strerror(-err),
			demo_daemon_log(&d->daemon, log, sizeof(log)));
		return err;
	}
	for (unsigned n = 0; n < DEMO_VFS; n++) {
		err = demo_vf_open(d, n);
		if (err) {
			fprintf(out, "vf%u cannot be opened: %s\n%s", n, strerror(-err),
				demo_daemon_log(&d->daemon, log, sizeof(log)));
			return err;
		}
	}
	fprintf(out, "card nic0 up, %u VFs   %s/run/nic0/{vf0..vf%u}.sock\n", DEMO_VFS,
		d->daemon.dir, DEMO_VFS - 1);
	return 0;
}

static void print_verdict(FILE *out, const struct verdict *v)
{
	fprintf(out, "%-9s  %-5s %s%s%s\n", v->outcome, v->reason, v->ok ? "ok " : "FAILED",
		v->note[0] ? "  " : "", v->note);
	fflush(out);
}

/* Runs all checks. Returns how many failed. */
static unsigned run_checks(struct demo *d, FILE *out, unsigned *ret_num)
{
	unsigned failed = 0, num = 0;

	for (const struct demo_check *c = demo_checks; c->title; c++) {
		struct verdict v = {.outcome = "not run", .reason = ""};

		fprintf(out, "%2u %-42s ", ++num, c->title);
		fflush(out);
		c->run(d, &v);
		if (!demo_daemon_alive(&d->daemon)) {
			v.ok = false;
			v.outcome = "CRASHED";
		}
		failed += !v.ok;
		print_verdict(out, &v);
	}
	*ret_num = num;
	return failed;
}

static void print_drops(const struct demo *d, FILE *out, unsigned n)
{
	static const char *const reason[] = {"vlan", "spoof", "pause", "iommu", "malformed"};
	uint64_t total = 0;
	const char *sep = "";
	char key[48], text[100] = "";
	size_t at = 0;

	for (unsigned i = 0; i < sizeof(reason) / sizeof(reason[0]); i++) {
		uint64_t count;

		snprintf(key, sizeof(key), "ladon.tx_drops.%s", reason[i]);
		count = demo_daemon_counter(&d->daemon, n, key);
		if (!count || at >= sizeof(text))
			continue;
		total += count;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %llu", sep,
				       reason[i], (unsigned long long)count);
		sep = ", ";
	}
	fprintf(out, "%llu", (unsigned long long)total);
	fprintf(out, total ? " (%s)\n" : "%s\n", text);
}

static void print_table(const struct demo *d, FILE *out)
{
	fprintf(out, "VF  MAC                RX        TX        DROPPED OF ITS OWN\n");
	for (unsigned n = 0; n < DEMO_VFS; n++) {
		const uint8_t *m = d->drv[n].mac;

		fprintf(out, "%-3u %02x:%02x:%02x:%02x:%02x:%02x  %-9llu %-9llu ", n, m[0],
			m[1], m[2], m[3], m[4], m[5],
			(unsigned long long)demo_daemon_counter(&d->daemon, n,
								"stats.rx.packets"),
			(unsigned long long)demo_daemon_counter(&d->daemon, n,
								"stats.tx.tx_packets"));
		print_drops(d, out, n);
	}
}

int demo_run(const char *ladond_path, FILE *out)
{
	struct demo d = {0};
	uint64_t start = clock_ns();
	unsigned failed = 0, num = 0;
	bool well = bring_up(&d, ladond_path, out) == 0;

	if (well) {
		failed = run_checks(&d, out, &num);
		if (demo_daemon_alive(&d.daemon))
			print_table(&d, out);
	}
	for (unsigned n = 0; n < DEMO_VFS; n++)
		demo_vf_close(&d, n);
	if (demo_daemon_stop(&d.daemon) < 0 && well) {
		fprintf(out, "ladond did not end well\n");
		well = false;
	}
	fprintf(out, "%u checks, %u ok, %.1f s.\n", num, num - failed,
		(double)(clock_ns() - start) / (double)NSEC_PER_SEC);
	return well && !failed ? 0 : 1;
}
