/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_show.c - show, faults, registers, ping: the daemon as a whole. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bits.h"
#include "card.h"
#include "clock.h"
#include "cmd.h"
#include "daemon.h"
#include "i82576_pf_regs.h"
#include "json_util.h"

/* Bytes of resident memory, 0 when /proc does not say (clients' memory that was touched
 * counts). */
static uint64_t resident_bytes(const struct daemon *daemon)
{
	unsigned long long total, resident;
	char text[128];
	ssize_t n = pread(daemon->statm_fd, text, sizeof(text) - 1, 0);

	text[MAX(n, 0)] = '\0';
	if (sscanf(text, "%llu %llu", &total, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void add_seconds(struct json_object *obj, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", value);
	json_add(obj, key, json_object_new_double_s(value, text));
}

static void add_stats(struct json_object *obj, const struct nic_dp_stats *stats)
{
	json_add_u64(obj, "rounds", stats->rounds);
	json_add_u64(obj, "bursts", stats->bursts);
	json_add_u64(obj, "frames", stats->frames);
	json_add_u64(obj, "sleeps", stats->sleeps);
	json_add_u64(obj, "wakeups", stats->wakeups);
}

/* Where there are several. */
static struct json_object *workers_json(const struct nic_dp *dp)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < nic_dp_workers(dp); i++) {
		struct json_object *obj = json_object_new_object();
		struct nic_dp_stats stats;

		nic_dp_worker_stats(dp, i, &stats);
		add_stats(obj, &stats);
		json_add_u64(obj, "handed", stats.handed);
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *data_paths(const struct daemon *daemon)
{
	struct json_object *list = json_object_new_array();

	for (const struct card *c = daemon->cards; c; c = c->next) {
		struct json_object *obj = json_object_new_object();
		const struct nic_dp *dp = c->nic->dp;
		struct nic_dp_stats stats;

		nic_dp_stats(dp, &stats);
		json_add_str(obj, "card", c->name);
		add_stats(obj, &stats);
		if (nic_dp_workers(dp) > 1) {
			json_object_object_add(obj, "workers", workers_json(dp));
			json_object_object_add(obj, "alone",
					       json_object_new_boolean(nic_dp_alone(dp)));
		}
		json_object_array_add(list, obj);
	}
	return list;
}

/* PFs and VFs. */
static unsigned num_functions(const struct daemon *daemon)
{
	unsigned num = 0;

	for (const struct card *c = daemon->cards; c; c = c->next)
		num += 1 + card_num_vfs(c);
	return num;
}

CMD_RUN(cmd_show)
{
	struct json_object *obj = json_object_new_object();
	struct rusage usage = {0};

	(void)cmd;
	(void)error;
	faults_collect_all(daemon);
	getrusage(RUSAGE_SELF, &usage);
	json_add_u64(obj, "pid", (uint64_t)getpid());
	json_add_str(obj, "version", LADON_VERSION);
	json_add_str(obj, "run_dir", daemon->run_dir);
	add_seconds(obj, "uptime_s", (double)(clock_ns() - daemon->start_ns) / 1e9);
	add_seconds(obj, "cpu_user_s", seconds(usage.ru_utime));
	add_seconds(obj, "cpu_system_s", seconds(usage.ru_stime));
	json_add_u64(obj, "memory_bytes", resident_bytes(daemon));
	json_add_u64(obj, "cards", daemon->num_cards);
	json_add_u64(obj, "functions", num_functions(daemon));
	json_add_u64(obj, "faults", daemon->faults.total);
	json_add_bool(obj, "mapped_doorbells", daemon->opts.mapped_doorbells);
	json_add_bool(obj, "busy_poll", daemon->opts.busy_poll);
	json_add_u64(obj, "idle_sleep_us",
		     daemon->opts.idle_sleep_us ? daemon->opts.idle_sleep_us
						: NIC_DP_IDLE_SLEEP_US);
	json_add(obj, "data_paths", data_paths(daemon));
	*ret_data = obj;
	return 0;
}

CMD_RUN(cmd_faults)
{
	struct card *card;
	int ret = cmd->card[0] ? card_find(daemon, cmd->card, &card, error) : 0;

	if (ret < 0)
		return ret;
	faults_collect_all(daemon);
	*ret_data = faults_json(&daemon->faults, cmd->card);
	return 0;
}

static struct json_object *row_json(const struct nic_reg_row *row)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "name", row->name);
	json_add_u64(obj, "offset", row->offset);
	json_add_u64(obj, "count", row->count);
	json_add_u64(obj, "stride", row->stride);
	json_add_u64(obj, "reset", row->reset);
	json_add_u64(obj, "rw", row->rw);
	json_add_u64(obj, "w1c", row->w1c);
	json_add_u64(obj, "rc", row->rc);
	json_add_str(obj, "text", row->text);
	return obj;
}

CMD_RUN(cmd_registers)
{
	struct json_object *list = json_object_new_array();
	unsigned num;
	const struct nic_reg_row *rows =
		cmd->vf == NIC_PF ? i82576_pf_rows(&num) : i82576_vf_rows(&num);

	(void)daemon;
	(void)error;
	for (unsigned i = 0; i < num; i++)
		json_object_array_add(list, row_json(&rows[i]));
	*ret_data = list;
	return 0;
}

CMD_RUN(cmd_ping)
{
	(void)daemon;
	(void)cmd;
	(void)error;
	*ret_data = json_object_new_string("pong");
	return 0;
}
