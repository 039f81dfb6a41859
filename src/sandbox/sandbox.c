/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "sandbox_impl.h"

#define CAP_BIT(cap) (1ull << (cap))
#define CAPS_MAX     64

/* ---- capabilities ---- */

/* Needs CAP_SETPCAP. Who has not got it has no use for the bounding set either: no_new_privs.
 */
static void drop_bounding(uint64_t keep)
{
	for (unsigned long cap = 0; cap < CAPS_MAX; cap++) {
		if (prctl(PR_CAPBSET_READ, cap) < 0)
			return; /* the kernel's last one was before */
		if (!(keep & CAP_BIT(cap)))
			prctl(PR_CAPBSET_DROP, cap);
	}
}

int sandbox_caps(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	drop_bounding(keep);
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
#ifndef LADON_BREAK_CAPS
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
#endif
	return 0;
}

/* ---- the layers, outermost last ---- */

static int no_privileges(uint64_t keep)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return sandbox_caps(keep);
}

/* What is lacking for the helper is lacking for ladond, which says so. */
static void say(enum log_level level, enum sandbox_process process, const char *sentence)
{
	if (process != SANDBOX_HELPER)
		log_line(level, "sandbox: %s", sentence);
}

/* Done without where the kernel has none, or the container forbids it. */
static void no_files(enum sandbox_process process, const struct sandbox_path *path)
{
	struct sandbox_landlock rights;
	int abi = sandbox_landlock_abi(), ret = abi > 0 ? 0 : -EOPNOTSUPP;
	char sentence[256];

	sandbox_landlock_rights(abi, &rights);
	if (ret == 0)
		ret = sandbox_landlock(&rights, path);
	if (ret < 0) {
		snprintf(sentence, sizeof(sentence),
			 "there is no Landlock (%s): file permissions and the filter of system "
			 "calls stand alone",
			 strerror(-ret));
		say(LOG_LVL_WARN, process, sentence);
	} else if (rights.lacks) {
		snprintf(sentence, sizeof(sentence), "Landlock ABI %d does not cover %s", abi,
			 rights.lacks);
		say(LOG_LVL_INFO, process, sentence);
	}
}

static void no_system_calls(enum sandbox_process process)
{
	int ret = sandbox_seccomp(process);
	char sentence[256];

	if (ret == 0)
		return;
	snprintf(sentence, sizeof(sentence), "there is no filter of system calls: %s",
		 ret == -ENOTSUP ? "built without libseccomp" : strerror(-ret));
	say(LOG_LVL_WARN, process, sentence);
}

static int enter(enum sandbox_process process, uint64_t caps, const struct sandbox_path *path)
{
	int ret = no_privileges(caps);

	if (ret < 0) {
		log_err("sandbox: privileges cannot be given up: %s", strerror(-ret));
		return ret;
	}
	if (SANDBOX_SANITIZER) {
		say(LOG_LVL_INFO, process,
		    "a build with a sanitizer keeps files and system calls");
		return 0;
	}
	no_files(process, path);
	no_system_calls(process);
	return 0;
}

int sandbox_enter(int run_dir_fd)
{
	const struct sandbox_path path = {run_dir_fd, SANDBOX_RUN_DIR};

	return enter(SANDBOX_LADOND, 0, &path);
}

int sandbox_enter_host(int run_dir_fd)
{
	const struct sandbox_path path = {run_dir_fd, SANDBOX_RUN_DIR};

	return enter(SANDBOX_HOST, 0, &path);
}

int sandbox_enter_helper(bool packet)
{
	FD_AUTO int fd = open("/dev/net/tun", O_PATH | O_CLOEXEC);
	const struct sandbox_path path = {fd, SANDBOX_DEVICE};

	return enter(SANDBOX_HELPER,
		     CAP_BIT(CAP_NET_ADMIN) | (packet ? CAP_BIT(CAP_NET_RAW) : 0), &path);
}
