/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.h - USDT probes (docs/probes.md): places in the running program that bpftrace, perf or
 * gdb can look at. Each is a nop and a note in the binary; nothing is computed for it that is
 * not there anyway.
 */
#ifndef LADON_BASE_PROBE_H
#define LADON_BASE_PROBE_H

#ifdef LADON_USDT
#include <sys/sdt.h>
#define PROBE2(name, a, b)	 DTRACE_PROBE2(ladon, name, a, b)
#define PROBE3(name, a, b, c)	 DTRACE_PROBE3(ladon, name, a, b, c)
#define PROBE4(name, a, b, c, d) DTRACE_PROBE4(ladon, name, a, b, c, d)
#else
#define PROBE2(name, a, b)	 ((void)(a), (void)(b))
#define PROBE3(name, a, b, c)	 ((void)(a), (void)(b), (void)(c))
#define PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

#endif
