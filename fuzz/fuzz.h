/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz.h - for the targets: the entry point that libFuzzer and replay.c call, and the check. */
#ifndef LADON_FUZZ_H
#define LADON_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Not assert: the harness must also find bugs when it is built with NDEBUG. */
#define MUST(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
