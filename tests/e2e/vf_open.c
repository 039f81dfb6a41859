/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vf_open SOCKET - attaches with libladon and shows the token in $VF_TOKEN, if there is one.
 * Prints "ok" and stays until its standard input ends, or prints the errno's name.
 */
#include <ladon/ladon.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct ladon_options options = {.vf_token = getenv("VF_TOKEN"), .timeout_ms = 20000};
	struct ladon_function *fn;
	int err;

	if (argc != 2)
		return 2;
	err = ladon_function_attach(argv[1], &options, &fn);
	puts(err ? strerrorname_np(-err) : "ok");
	fflush(stdout);
	if (err)
		return 1;
	while (getchar() != EOF)
		;
	ladon_function_detach(fn);
	return 0;
}
