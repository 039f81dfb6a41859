/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_proc.h - what the kernel says that another process uses. */
#ifndef LADON_BENCH_PROC_H
#define LADON_BENCH_PROC_H

#include <sys/types.h>

/* A line of /proc/PID/smaps_rollup ("Pss", "Rss"), in KiB; 0: there is none. */
double bench_proc_kib(pid_t pid, const char *what);
/* Time on a processor of all its threads that live, in ns. */
double bench_proc_cpu_ns(pid_t pid);

#endif
