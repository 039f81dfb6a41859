/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab.h"
static int run(struct lab *lab)
{
	return lab_verdict(lab, false, "nothing yet");
}
const struct lab_experiment lab_pause = {"pause", "x", 30, run};
