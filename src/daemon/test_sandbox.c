/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each try is a process of its own that enters the sandbox and makes one system call: what the
 * table has not kills it or fails, what the table has works. (That the daemon gets along with
 * the table is what the end-to-end tests show: there it is on.)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"
#include "iommu_mem.h"
#include "log.h"
#include "sandbox.h"
#include "sandbox_impl.h"

/* How a try ends: 0 or more is the call's errno, 0 = it worked. */
#define KILLED	   (-1)
#define SURVIVES   (-2) /* whatever the call said */
#define NO_SANDBOX 255

#define SIGSETXID 33

/* Descriptors that are open in each try. */
enum { FD_EVENT = 200, FD_MEM, FD_LISTEN, FD_PAIR, FD_PEER, FD_EPOLL, FD_UNBOUND };

static char top[] = "/tmp/ladon-sandbox-XXXXXX";
static char run_dir[64], outside[64], old_dir[96], old_file[96], new_dir[96], new_sock[96];
static char outside_dir[96], outside_file[96];
static struct sockaddr_un inside_addr, outside_addr;
static bool landlock;

static char buf[4096];
static socklen_t len4 = sizeof(int);
static const struct timespec no_time;
static struct epoll_event event;
static struct iovec iov = {buf, 1}, iov8 = {buf, 8};
static struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
static int word;

#define P(pointer) ((long)(uintptr_t)(pointer))

struct call {
	const char *name;
	const char
		*arg_text; /* of the row of sandbox_calls.def it stands for; NULL: for none */
	int want;
	long nr;
	long args[6];
	long (*fn)(void); /* in the place of nr */
};

/* ---- one try ---- */

static void take(int fd, int as)
{
	if (fd < 0 || dup2(fd, as) < 0)
		_exit(NO_SANDBOX);
	close(fd);
}

static void prepare(void)
{
	int pair[2];

	take(eventfd(1, EFD_NONBLOCK), FD_EVENT);
	take(memfd_create("test", MFD_ALLOW_SEALING), FD_MEM);
	take(epoll_create1(0), FD_EPOLL);
	take(socket(AF_UNIX, SOCK_STREAM, 0), FD_UNBOUND);
	snprintf(new_sock, sizeof(new_sock), "%s/listen.sock", run_dir);
	take(fd_unix_listen(new_sock), FD_LISTEN);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		_exit(NO_SANDBOX);
	take(pair[0], FD_PAIR);
	take(pair[1], FD_PEER);
	rmdir(new_dir);
	unlink(inside_addr.sun_path);
	mkdir(old_dir, 0700);
	close(creat(old_file, 0600));
}

static _Noreturn void child(const struct call *call, enum sandbox_process process)
{
	int fd = open(run_dir, O_DIRECTORY | O_CLOEXEC);
	const long *a = call->args;
	long ret;

	prepare();
	if (process == SANDBOX_LADOND ? sandbox_enter(fd)
	    : process == SANDBOX_HOST ? sandbox_enter_host(fd)
				      : sandbox_enter_helper(true))
		_exit(NO_SANDBOX);
	errno = 0;
	ret = call->fn ? call->fn() : syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	_exit(ret < 0 ? errno : 0);
}

/* KILLED, the errno, or another signal's number + 1000. */
static int try_it(const struct call *call, enum sandbox_process process)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		child(call, process);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : 1000 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static bool as_wanted(const struct call *call, enum sandbox_process process)
{
	int got = try_it(call, process);
	/* Of the helper's file system nothing is left that a test could use. */
	bool survives =
		call->want == SURVIVES || (call->want >= 0 && process == SANDBOX_HELPER);

	if (survives ? got >= 0 && got < NO_SANDBOX : got == call->want)
		return true;
	print_error("%s(%s): %d, but %d is right\n", call->name,
		    call->arg_text ? call->arg_text : "", got, call->want);
	return false;
}

/* ---- what is forbidden ---- */

static void *thread(void *arg)
{
	return arg;
}

static long make_thread(void)
{
	pthread_t id;

	errno = pthread_create(&id, NULL, thread, NULL);
	return errno || pthread_join(id, NULL) ? -1 : 0;
}

static long kill_parent(void)
{
	return kill(getppid(), 0);
}

static long signal_parent(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

/* i386's own door: getpid is 20 there, and 20 is writev here. */
static long call_as_i386(void)
{
	long ret = 20;

	__asm__ volatile("int $0x80" : "+a"(ret) : : "memory");
	return ret;
}

/* x32: the same table with a bit set. */
static long call_as_x32(void)
{
	return syscall(0x40000000 | SYS_getpid);
}

#define BAD(name, ...)                                                \
	{                                                             \
#name, NULL, KILLED, SYS_##name, {__VA_ARGS__ }, NULL \
	}
#define BAD_FN(name, fn)                       \
	{                                      \
		name, NULL, KILLED, 0, {0}, fn \
	}
#define FAILS(err, name, ...)                                      \
	{                                                          \
#name, NULL, err, SYS_##name, {__VA_ARGS__ }, NULL \
	}
#define OUTSIDE(name, ...) FAILS(EACCES, name, __VA_ARGS__) /* Landlock's part */

static const char *const no_args[] = {NULL};

/* Without a sandbox none of them would do harm. */
static const struct call forbidden[] = {
	BAD(execve, P("/bin/true"), P(no_args), P(no_args)),
	BAD(execveat, -1, P(""), P(no_args), P(no_args), 0),
	BAD(ptrace, PTRACE_PEEKDATA, 1),
	BAD(process_vm_readv, 1),
	BAD(process_vm_writev, 1),
	BAD(pidfd_open, 1),
	BAD(pidfd_getfd, -1),
	BAD_FN("kill another process", kill_parent),
	BAD_FN("tgkill another process", signal_parent),
	BAD(fork),
	BAD(vfork),
	BAD(clone, CLONE_NEWUSER),
	BAD(clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUSER),
	BAD(unshare, 0),
	BAD(setns, -1),
	BAD(mount),
	BAD(umount2, P("")),
	BAD(fsopen),
	BAD(open_tree, -1),
	BAD(chroot, P("")),
	BAD(pivot_root, P(""), P("")),
	BAD(socket, AF_INET, SOCK_STREAM),
	BAD(socket, AF_INET6, SOCK_DGRAM),
	BAD(socket, AF_PACKET, SOCK_RAW),
	BAD(socket, AF_NETLINK, SOCK_RAW),
	BAD(socket, AF_VSOCK, SOCK_STREAM),
	BAD(socketpair, AF_INET, SOCK_STREAM, 0, P(buf)),
	BAD(sendto, FD_PAIR, P(buf), 1, MSG_DONTWAIT, P(&outside_addr), sizeof(outside_addr)),
	BAD(setsockopt, FD_PAIR, SOL_SOCKET, SO_PASSCRED, P(&word), 4),
	BAD(getsockopt, FD_PAIR, 6, 1, P(buf), P(&len4)),
	BAD(mprotect, 0, 0, PROT_READ | PROT_EXEC),
	BAD(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	BAD(mmap, 0, 4096, PROT_EXEC, MAP_SHARED, FD_MEM, 0),
	BAD(pkey_mprotect, 0, 0, PROT_EXEC, -1),
	BAD(openat, AT_FDCWD, P(outside_file), O_WRONLY),
	BAD(openat, AT_FDCWD, P(outside_file), O_RDWR),
	BAD(openat, AT_FDCWD, P(outside_file), O_RDONLY | O_TRUNC),
	BAD(openat, AT_FDCWD, P(outside_file), O_CREAT | O_RDONLY, 0600),
	BAD(openat, AT_FDCWD, P("/dev/net/tun"), O_RDWR | O_CLOEXEC | O_NONBLOCK),
	BAD(openat2, AT_FDCWD, P(outside_file)),
	BAD(open_by_handle_at, -1),
	BAD(creat, P(outside_file), 0600),
	BAD(truncate, P(outside_file), 0),
	BAD(rename, P(old_file), P(new_dir)),
	BAD(renameat2, AT_FDCWD, P(old_file), AT_FDCWD, P(new_dir), 0),
	BAD(link, P(old_file), P(new_dir)),
	BAD(symlink, P(old_file), P(new_dir)),
	BAD(mknod, P(new_dir), S_IFREG | 0600, 0),
	BAD(chmod, P(old_file), 0600),
	BAD(chown, P(old_file), -1, -1),
	BAD(setxattr, P(old_file), P("user.x"), P(""), 0, 0),
	BAD(setuid, 0),
	BAD(setresuid, -1, -1, -1),
	BAD(capset),
	BAD(prctl, PR_SET_DUMPABLE, 1),
	BAD(prctl, PR_CAPBSET_READ, 0),
	BAD(prctl, PR_SET_SECCOMP, 0),
	BAD(seccomp, 2),
	BAD(personality, -1),
	BAD(ioctl, FD_PAIR, FIONREAD, P(buf)),
	BAD(ioctl, FD_PAIR, TUNSETIFF, P(buf)),
	BAD(fcntl, FD_PAIR, F_SETOWN, 0),
	BAD(fcntl, FD_MEM, F_SETLEASE, F_UNLCK),
	BAD(rt_sigaction, SIGSYS, 0, 0, 8),
	BAD(rt_sigaction, SIGSEGV, 0, 0, 8),
	BAD(io_uring_setup, 0),
	BAD(bpf, -1),
	BAD(perf_event_open),
	BAD(userfaultfd, -1),
	BAD(keyctl, -1),
	BAD(init_module),
	BAD(kexec_load, 0, 0, 0, -1),
	BAD(reboot, 0),
	BAD(sethostname, 0, -1),
	BAD(settimeofday),
	BAD(setrlimit, -1),
	BAD(prlimit64, 0, RLIMIT_NOFILE, 0, P(buf)),
	BAD(splice, -1, 0, -1),
	BAD(modify_ldt, 3),
	BAD(iopl, -1),
	BAD_FN("i386's system calls", call_as_i386),
	BAD_FN("x32's system calls", call_as_x32),
	FAILS(ENOSYS, clone3),
	FAILS(EACCES, open, P("/etc/passwd"), O_RDONLY),
	FAILS(EACCES, openat, AT_FDCWD, P("/etc/passwd"), O_RDONLY),
};

static const struct call off_limits[] = {
	OUTSIDE(mkdir, P(outside_dir), 0700),
	OUTSIDE(unlink, P(outside_file)),
	OUTSIDE(unlinkat, AT_FDCWD, P(outside_file), 0),
	OUTSIDE(rmdir, P(outside)),
	OUTSIDE(bind, FD_UNBOUND, P(&outside_addr), sizeof(outside_addr)),
};

static void run_all(const struct call *calls, unsigned num, enum sandbox_process process)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < num; i++)
		wrong += !as_wanted(&calls[i], process);
	assert_int_equal(wrong, 0);
}

static void what_is_not_in_the_table_kills(void **state)
{
	(void)state;
	run_all(forbidden, ARRAY_SIZE(forbidden), SANDBOX_LADOND);
}

static void outside_the_run_directory_nothing_changes(void **state)
{
	(void)state;
	if (!landlock)
		skip();
	run_all(off_limits, ARRAY_SIZE(off_limits), SANDBOX_LADOND);
}

/* The helper has other rows, and fewer. */
static void the_helper_has_its_own_table(void **state)
{
	static const struct call calls[] = {
		BAD(execve, P("/bin/true"), P(no_args), P(no_args)),
		BAD(clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD),
		BAD(socket, AF_UNIX, SOCK_STREAM),
		BAD(socket, AF_INET, SOCK_STREAM),
		BAD(setsockopt, FD_PAIR, 6, 1, P(&word), 4),
		BAD(ioctl, FD_PAIR, FIONREAD, P(buf)),
		BAD(ioctl, FD_PAIR, SIOCSIFFLAGS, P(buf)),
		BAD(openat, AT_FDCWD, P("/etc/passwd"), O_RDONLY),
		BAD(openat, AT_FDCWD, P(outside_file), O_RDWR | O_CREAT),
		BAD(mkdir, P(outside_dir), 0700),
		BAD(unlink, P(outside_file)),
		BAD(accept4, FD_LISTEN),
		BAD(memfd_create, P("x"), 0),
		BAD(prctl, PR_SET_NAME, P("x")),
	};
	static const struct call other_file[] = {
		FAILS(EACCES, openat, AT_FDCWD, P(outside_file),
		      O_RDWR | O_CLOEXEC | O_NONBLOCK),
		FAILS(EACCES, openat, AT_FDCWD, P("/dev/null"),
		      O_RDWR | O_CLOEXEC | O_NONBLOCK),
	};

	(void)state;
	run_all(calls, ARRAY_SIZE(calls), SANDBOX_HELPER);
	for (unsigned i = 0; landlock && i < ARRAY_SIZE(other_file); i++)
		assert_int_equal(try_it(&other_file[i], SANDBOX_HELPER), EACCES);
}

/* ---- what is allowed: each row of the table once ---- */

static void on_usr2(int sig)
{
	(void)sig;
}

static long take_signal(void)
{
	signal(SIGUSR2, on_usr2);
	return syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2);
}

static long end_well(void)
{
	exit(0);
}

#define OK(name, arg, ...)                                      \
	{                                                       \
#name, arg, 0, SYS_##name, {__VA_ARGS__ }, NULL \
	}
#define ERR(err, name, arg, ...)                                  \
	{                                                         \
#name, arg, err, SYS_##name, {__VA_ARGS__ }, NULL \
	}
#define LIVES(name, arg, ...) ERR(SURVIVES, name, arg, __VA_ARGS__)
#define WITH(name, arg, fn)              \
	{                                \
		name, arg, 0, 0, {0}, fn \
	}

static const struct call allowed[] = {
	OK(read, "ANY", FD_EVENT, P(buf), 8),
	OK(write, "ANY", FD_EVENT, P(&(uint64_t){1}), 8),
	OK(pread64, "ANY", FD_MEM, P(buf), 1, 0),
	OK(preadv2, "ANY", FD_EVENT, P(&iov8), 1, -1, -1, 0),
	OK(close, "ANY", FD_PEER),
	OK(socket, "EQ(0, AF_UNIX)", AF_UNIX, SOCK_STREAM, 0),
	OK(socketpair, "EQ(0, AF_UNIX)", AF_UNIX, SOCK_STREAM, 0, P(buf)),
	OK(socket, "EQ(0, AF_NETLINK)", AF_NETLINK, SOCK_RAW, 0),
	LIVES(socket, "EQ(0, AF_PACKET)", AF_PACKET, SOCK_RAW, 0),
	LIVES(setsockopt, "EQ(1, SOL_PACKET)", FD_PAIR, SOL_PACKET, PACKET_AUXDATA, P(&word),
	      4),
	LIVES(setsockopt, "EQ(2, SO_RCVBUFFORCE)", FD_PAIR, SOL_SOCKET, SO_RCVBUFFORCE,
	      P(&word), 4),
	OK(bind, "ANY", FD_UNBOUND, P(&inside_addr), sizeof(inside_addr)),
	OK(listen, "ANY", FD_LISTEN, 1),
	ERR(EAGAIN, accept4, "ANY", FD_LISTEN, 0, 0, 0),
	ERR(ENOENT, connect, "ANY", FD_UNBOUND, P(&outside_addr), sizeof(outside_addr)),
	LIVES(getsockname, "ANY", FD_PAIR, P(buf), P(&len4)),
	OK(getsockopt, "EQ(1, SOL_SOCKET)", FD_PAIR, SOL_SOCKET, SO_TYPE, P(buf), P(&len4)),
	OK(sendmsg, "ANY", FD_PAIR, P(&msg), MSG_DONTWAIT),
	ERR(EAGAIN, recvmsg, "ANY", FD_PAIR, P(&msg), MSG_DONTWAIT),
	OK(sendto, "EQ(4, 0)", FD_PAIR, P(buf), 1, MSG_DONTWAIT, 0, 0),
	LIVES(sendto, "ANY", FD_PAIR, P(buf), 1, MSG_DONTWAIT, P(&inside_addr), 2),
	ERR(EAGAIN, recvfrom, "ANY", FD_PAIR, P(buf), 1, MSG_DONTWAIT, 0, 0),
	OK(epoll_create1, "ANY", 0),
	OK(epoll_ctl, "ANY", FD_EPOLL, EPOLL_CTL_ADD, FD_EVENT, P(&event)),
	OK(epoll_pwait2, "ANY", FD_EPOLL, P(buf), 1, P(&no_time), 0, 0),
	OK(epoll_wait, "ANY", FD_EPOLL, P(buf), 1, 0),
	OK(epoll_pwait, "ANY", FD_EPOLL, P(buf), 1, 0, 0, 0),
	OK(eventfd2, "ANY", 0, 0),
	OK(memfd_create, "ANY", P("x"), 0),
	OK(ftruncate, "ANY", FD_MEM, 4096),
	OK(fcntl, "EQ(1, F_GETFD)", FD_MEM, F_GETFD),
	OK(fcntl, "EQ(1, F_SETFD)", FD_MEM, F_SETFD, FD_CLOEXEC),
	OK(fcntl, "EQ(1, F_GETFL)", FD_MEM, F_GETFL),
	OK(fcntl, "EQ(1, F_SETFL)", FD_MEM, F_SETFL, O_NONBLOCK),
	OK(fcntl, "EQ(1, F_DUPFD_CLOEXEC)", FD_MEM, F_DUPFD_CLOEXEC, 0),
	OK(fcntl, "EQ(1, F_GET_SEALS)", FD_MEM, F_GET_SEALS),
	OK(fcntl, "EQ(1, F_ADD_SEALS)", FD_MEM, F_ADD_SEALS, F_SEAL_SHRINK),
	OK(fstatfs, "ANY", FD_MEM, P(buf)),
	OK(newfstatat, "ANY", FD_MEM, P(""), P(buf), AT_EMPTY_PATH),
	OK(fstat, "ANY", FD_MEM, P(buf)),
	LIVES(geteuid, "ANY", 0),
	OK(readlink, "ANY", P("/proc/self/fd/201"), P(buf), sizeof(buf)),
	OK(readlinkat, "ANY", AT_FDCWD, P("/proc/self/fd/201"), P(buf), sizeof(buf)),
	LIVES(ioctl, "EQ(1, TUNSETIFF)", FD_PAIR, TUNSETIFF, P(buf)),
	LIVES(ioctl, "EQ(1, SIOCGIFFLAGS)", FD_PAIR, SIOCGIFFLAGS, P(buf)),
	LIVES(ioctl, "EQ(1, SIOCGIFINDEX)", FD_PAIR, SIOCGIFINDEX, P(buf)),
	LIVES(ioctl, "EQ(1, SIOCGIFMTU)", FD_PAIR, SIOCGIFMTU, P(buf)),
	LIVES(openat, "EQ(2, O_RDWR | O_CLOEXEC | O_NONBLOCK)", AT_FDCWD, P("/dev/net/tun"),
	      O_RDWR | O_CLOEXEC | O_NONBLOCK),
	OK(mkdir, "ANY", P(new_dir), 0700),
	OK(mkdirat, "ANY", AT_FDCWD, P(new_dir), 0700),
	OK(rmdir, "ANY", P(old_dir)),
	OK(unlink, "ANY", P(old_file)),
	OK(unlinkat, "ANY", AT_FDCWD, P(old_file), 0),
	OK(fchmod, "ANY", FD_MEM, 0600),
	ERR(EACCES, open, "ANY", P("/etc/passwd"), O_RDONLY),
	ERR(EACCES, openat, "MASK(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)", AT_FDCWD,
	    P("/etc/passwd"), O_RDONLY),
	OK(brk, "ANY", 0),
	LIVES(mmap, "MASK(2, PROT_EXEC, 0)", 0, 4096, PROT_READ | PROT_WRITE,
	      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	ERR(EINVAL, munmap, "ANY", 0, 0),
	ERR(EINVAL, mremap, "ANY", 0, 0, 0, 0),
	OK(mprotect, "MASK(2, PROT_EXEC, 0)", 0, 0, PROT_READ),
	OK(madvise, "ANY", 0, 0, MADV_DONTNEED),
	WITH("clone",
	     "MASK(0, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_VFORK | CLONE_PTRACE | "
	     "CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | "
	     "CLONE_NEWPID | CLONE_NEWNET, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)",
	     make_thread),
	ERR(ENOSYS, clone3, "ANY", 0, 0),
	LIVES(set_robust_list, "ANY", 0, 0),
	LIVES(rseq, "ANY", 0, 0, 0, 0),
	LIVES(sched_setaffinity, "ANY", 0, 0, 0),
	LIVES(sched_getaffinity, "ANY", 0, sizeof(buf), P(buf)),
	OK(sched_yield, "ANY", 0),
	OK(prctl, "EQ(0, PR_SET_NAME)", PR_SET_NAME, P("x")),
	OK(prctl, "EQ(0, PR_SET_TIMERSLACK)", PR_SET_TIMERSLACK, 1000),
	ERR(EINVAL, prctl, "EQ(0, PR_SET_VMA)", PR_SET_VMA, 0, 0, 0, 0),
	OK(futex, "ANY", P(&word), FUTEX_WAKE, 1),
	WITH("exit", "ANY", make_thread),
	WITH("exit_group", "ANY", end_well),
	OK(rt_sigaction, "EQ(0, SIGBUS)", SIGBUS, 0, 0, 8),
	OK(rt_sigaction, "EQ(0, SIGUSR2)", SIGUSR2, 0, 0, 8),
	OK(rt_sigaction, "EQ(0, SIGSETXID)", SIGSETXID, 0, 0, 8),
	OK(rt_sigaction, "EQ(0, SIGABRT)", SIGABRT, 0, 0, 8),
	OK(rt_sigprocmask, "ANY", SIG_BLOCK, 0, 0, 8),
	WITH("rt_sigreturn", "ANY", take_signal),
	OK(poll, "ANY", 0, 0, 0),
	OK(ppoll, "ANY", 0, 0, P(&no_time), 0, 0),
	ERR(EINTR, restart_syscall, "ANY", 0),
	WITH("tgkill", "OWN_PID(0)", take_signal),
	OK(gettid, "ANY", 0),
	OK(getpid, "ANY", 0),
	OK(clock_nanosleep, "ANY", CLOCK_MONOTONIC, 0, P(&no_time), 0),
	OK(clock_gettime, "ANY", CLOCK_MONOTONIC, P(buf)),
	OK(getrandom, "ANY", P(buf), 1, 0),
	OK(getrusage, "ANY", RUSAGE_SELF, P(buf)),
};

static bool stands_for(const struct call *call, const struct sandbox_call *row)
{
	return !strcmp(call->name, row->name) && !strcmp(call->arg_text, row->arg_text);
}

static bool check_row(const struct sandbox_call *row)
{
	const struct call *call = NULL;
	bool ok = true;

	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (stands_for(&allowed[i], row))
			call = &allowed[i];
	}
	if (!call) {
		print_error("%s, %s: a row that no test uses\n", row->name, row->arg_text);
		return false;
	}
	if (row->err && call->want != row->err) {
		print_error("%s, %s: it fails with another error\n", row->name, row->arg_text);
		return false;
	}
	if (row->processes & SANDBOX_LADOND)
		ok = as_wanted(call, SANDBOX_LADOND) && as_wanted(call, SANDBOX_HOST);
	if (row->processes & SANDBOX_HOST)
		ok = as_wanted(call, SANDBOX_HOST) && try_it(call, SANDBOX_LADOND) == KILLED;
	/* Signals of ladond only have no handler in the helper. */
	if (row->processes & SANDBOX_HELPER && call->fn != take_signal)
		ok &= as_wanted(call, SANDBOX_HELPER);
	return ok;
}

static void each_row_of_the_table_works(void **state)
{
	unsigned num, wrong = 0;
	const struct sandbox_call *rows = sandbox_calls(&num);

	(void)state;
	assert_int_equal(num, ARRAY_SIZE(allowed));
	for (unsigned i = 0; i < num; i++) {
		wrong += !check_row(&rows[i]);
		assert_true(rows[i].user[0] && rows[i].why[0]);
	}
	assert_int_equal(wrong, 0);
}

/* ---- how it lives and dies ---- */

/* A run of fn in the sandbox; what as_wanted would say of it. */
static int run_fn(long (*fn)(void))
{
	const struct call call = {"", NULL, 0, 0, {0}, fn};

	return try_it(&call, SANDBOX_LADOND);
}

static long do_abort(void)
{
	abort();
}

static void our_own_bug_dies_by_its_own_name(void **state)
{
	(void)state;
	assert_int_equal(run_fn(do_abort), 1000 + SIGABRT);
}

/* A client's memory file shrinks under us: the guard's mmap is allowed. */
static long lose_memory(void)
{
	struct iommu_mem *mem;
	int fd = fcntl(FD_MEM, F_DUPFD_CLOEXEC, 0);

	if (ftruncate(FD_MEM, 8192) < 0 ||
	    iommu_mem_map(fd, 0, 8192, PROT_READ | PROT_WRITE, &mem, NULL) < 0 ||
	    ftruncate(FD_MEM, 0) < 0)
		return -1;
	errno = ENOTRECOVERABLE;
	return *(volatile uint8_t *)mem->base == 0 && atomic_load(&mem->lost) ? 0 : -1;
}

static void lost_memory_is_survived(void **state)
{
	(void)state;
	assert_int_equal(iommu_mem_guard_init(), 0);
	assert_int_equal(run_fn(lose_memory), 0);
}

/* ---- */

static struct sockaddr_un addr_of(const char *dir)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/new.sock", dir);
	return addr;
}

static void clean(void)
{
	unlink(inside_addr.sun_path);
	unlink(outside_addr.sun_path);
	unlink(new_sock);
	unlink(old_file);
	rmdir(old_dir);
	rmdir(new_dir);
	unlink(inside_addr.sun_path);
}

static int setup(void **state)
{
	(void)state;
	clean();
	return 0;
}

static int group_setup(void **state)
{
	(void)state;
	log_set_level(LOG_LVL_ERR);
	landlock = sandbox_landlock_abi() > 0;
	if (!mkdtemp(top))
		return -1;
	snprintf(run_dir, sizeof(run_dir), "%s/run", top);
	snprintf(outside, sizeof(outside), "%s/outside", top);
	snprintf(old_dir, sizeof(old_dir), "%s/old", run_dir);
	snprintf(old_file, sizeof(old_file), "%s/file", run_dir);
	snprintf(new_dir, sizeof(new_dir), "%s/new", run_dir);
	snprintf(new_sock, sizeof(new_sock), "%s/listen.sock", run_dir);
	snprintf(outside_dir, sizeof(outside_dir), "%s/new", outside);
	snprintf(outside_file, sizeof(outside_file), "%s/file", outside);
	inside_addr = addr_of(run_dir);
	outside_addr = addr_of(outside);
	if (mkdir(run_dir, 0700) < 0 || mkdir(outside, 0700) < 0)
		return -1;
	close(creat(outside_file, 0600));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	clean();
	unlink(outside_file);
	rmdir(outside_dir);
	rmdir(run_dir);
	rmdir(outside);
	return rmdir(top);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_not_in_the_table_kills),
		T(outside_the_run_directory_nothing_changes),
		T(the_helper_has_its_own_table),
		T(each_row_of_the_table_works),
		T(our_own_bug_dies_by_its_own_name),
		T(lost_memory_is_survived),
	};

	if (SANDBOX_SANITIZER)
		return 77; /* there the sandbox is the layers only */
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
