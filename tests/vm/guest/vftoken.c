// SPDX-License-Identifier: BSD-3-Clause
/*
 * vftoken: opens PCI functions through vfio as a user-space driver does, with
 * and without VF tokens. Commands, one a word group, in order; the groups and
 * devices stay open until they are closed or the program ends:
 *
 *   open ADDRESS [TOKEN]    VFIO_GROUP_GET_DEVICE_FD with "ADDRESS vf_token=TOKEN"
 *   name TEXT ADDRESS       the same with TEXT instead, on the group of ADDRESS
 *   close ADDRESS           close the device (the group stays)
 *   set ADDRESS TOKEN       VFIO_DEVICE_FEATURE_PCI_VF_TOKEN
 *   get ADDRESS             the same with GET
 *   probe ADDRESS           the same with PROBE | SET
 *
 * Each prints one line: the command and "ok" or the errno's name. "-" stands
 * for no token.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX = 16, TOKEN_LEN = 16 };

/* One function: its group and, while open, its device. */
struct function {
	char address[32];
	int group;
	int device;
};

static struct function functions[MAX];
static int container = -1;

/* Print a result. */
static void result(const char *command, const char *what, int failed)
{
	int code = errno;

	printf("%s %s: %s\n", command, what,
	       !failed		? "ok"
	       : code == EACCES ? "EACCES"
	       : code == EINVAL ? "EINVAL"
	       : code == ENODEV ? "ENODEV"
	       : code == ENOTTY ? "ENOTTY"
				: strerror(code));
	fflush(stdout);
}

/* End the program: the set-up around the experiment is wrong. */
static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* Open the group of a function and give it the container. */
static int open_group(const char *address)
{
	char path[128], target[256];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		die(path);
	target[len] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	if (container < 0) {
		container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
		if (container < 0)
			die("/dev/vfio/vfio");
	}
	if (ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container))
		die("VFIO_GROUP_SET_CONTAINER");
	ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
	return fd;
}

/* Return the record of a function, made at first use. */
static struct function *find(const char *address)
{
	struct function *f = functions;

	while (f < functions + MAX && f->address[0] && strcmp(f->address, address))
		f++;
	if (f == functions + MAX)
		die("too many functions");
	if (!f->address[0]) {
		f->group = open_group(address);
		f->device = -1;
		snprintf(f->address, sizeof(f->address), "%s", address);
	}
	return f;
}

/* Open a device under a name. */
static void get_device(const char *command, struct function *f, const char *name)
{
	int fd = ioctl(f->group, VFIO_GROUP_GET_DEVICE_FD, name);

	result(command, name, fd < 0);
	if (fd >= 0) {
		if (f->device >= 0)
			close(f->device);
		f->device = fd;
	}
}

/* Open a function, with a token unless it is "-". */
static void open_function(const char *address, const char *token)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s%s", address, strcmp(token, "-") ? " vf_token=" : "",
		 strcmp(token, "-") ? token : "");
	get_device("open", find(address), name);
}

/* Turn the text of a UUID into its bytes. */
static void parse_token(const char *text, unsigned char *bytes)
{
	for (int i = 0; i < TOKEN_LEN; i++) {
		while (*text == '-')
			text++;
		if (sscanf(text, "%2hhx", &bytes[i]) != 1)
			die("token");
		text += 2;
	}
}

/* VFIO_DEVICE_FEATURE on the token. */
static void feature(const char *command, const char *address, unsigned flags, const char *token)
{
	union {
		struct vfio_device_feature head;
		unsigned char bytes[sizeof(struct vfio_device_feature) + TOKEN_LEN];
	} arg = {.head = {.argsz = sizeof(arg.bytes),
			  .flags = flags | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN}};

	parse_token(token, arg.bytes + sizeof(arg.head));
	result(command, address, ioctl(find(address)->device, VFIO_DEVICE_FEATURE, &arg) < 0);
}

/* Run one command; return how many words it took. */
static int run(char **argv, int argc)
{
	static const char zero[] = "00000000-0000-0000-0000-000000000000";

	if (argc >= 3 && !strcmp(argv[0], "open"))
		open_function(argv[1], argv[2]);
	else if (argc >= 3 && !strcmp(argv[0], "name"))
		get_device("name", find(argv[2]), argv[1]);
	else if (argc >= 3 && !strcmp(argv[0], "set"))
		feature("set", argv[1], VFIO_DEVICE_FEATURE_SET, argv[2]);
	else if (argc >= 2 && !strcmp(argv[0], "get"))
		return feature("get", argv[1], VFIO_DEVICE_FEATURE_GET, zero), 2;
	else if (argc >= 2 && !strcmp(argv[0], "probe"))
		return feature("probe", argv[1],
			       VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET, zero),
		       2;
	else if (argc >= 2 && !strcmp(argv[0], "close")) {
		struct function *f = find(argv[1]);

		close(f->device);
		f->device = -1;
		return 2;
	} else {
		fprintf(stderr, "vftoken: what is \"%s\"?\n", argv[0]);
		exit(2);
	}
	return 3;
}

/* Command line. */
int main(int argc, char **argv)
{
	for (int i = 1; i < argc;)
		i += run(argv + i, argc - i);
	return 0;
}
