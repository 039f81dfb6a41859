/* SPDX-License-Identifier: BSD-3-Clause */
/* The tap: making it, and frames in and out of it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "bits.h"
#include "fd.h"
#include "netdev.h"

#define ADDRS_LEN 12u
#define TAG_LEN	  4u
#define TYPE_VLAN 0x8100u
#define RX_PARTS  12u /* of the longest frame that the card gives */

static int complain(int err, const char *name, const char *where)
{
	if (err == EBUSY)
		netdev_say("%s has an interface %s already: another name is right", where,
			   name);
	else if (err == EPERM)
		netdev_say("no permission to make an interface in %s: CAP_NET_ADMIN is needed; "
			   "run as root, or in a namespace of your own",
			   where);
	else if (err == EINVAL)
		netdev_say("\"%s\" is no name for an interface", name);
	else if (err == ENOENT || err == ENXIO || err == ENODEV)
		netdev_say("/dev/net/tun is missing: load the tun module");
	else if (err == EACCES)
		netdev_say("no permission for /dev/net/tun: run as root, or make it mode 0666, "
			   "as udev does");
	else
		netdev_say("interface %s: %s", name, strerror(err));
	return -1;
}

/* It is down and gone with its descriptor; the carrier stays off until the VF's link is known.
 */
int netdev_tap_open(const char *name, const char *where)
{
	struct ifreq ifr = {.ifr_flags =
				    (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL)};
	FD_AUTO int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int size = sizeof(struct virtio_net_hdr), tap;

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		return complain(errno, name, where);
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		return complain(errno, name, where);
	netdev_tap_carrier(fd, false);
	tap = fd;
	fd = -1;
	return tap;
}

int netdev_tap_set_mac(int tap, const uint8_t mac[6])
{
	struct ifreq ifr = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return ioctl(tap, SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

/* Kernels before 5.0 have no such call: there it is always on. */
void netdev_tap_carrier(int tap, bool on)
{
	int carrier = on;

	(void)ioctl(tap, TUNSETCARRIER, &carrier);
}

static struct ladon_buf *chain(struct ladon_buf **parts, size_t len, unsigned *ret_used)
{
	unsigned n = 0;

	do {
		parts[n]->len = (uint32_t)MIN(len, (size_t)parts[n]->size);
		len -= parts[n]->len;
		parts[n]->next = len ? parts[n + 1] : NULL;
		n++;
	} while (len);
	*ret_used = n;
	return parts[0];
}

int netdev_tap_read(int tap, struct ladon_buf **parts, unsigned *ret_used)
{
	struct virtio_net_hdr hdr;
	struct iovec iov[1 + NETDEV_FRAME_PARTS] = {{&hdr, sizeof(hdr)}};
	ssize_t n;

	for (unsigned i = 0; i < NETDEV_FRAME_PARTS; i++)
		iov[1 + i] = (struct iovec){parts[i]->head, parts[i]->size};
	n = readv(tap, iov, ARRAY_SIZE(iov));
	if (n < 0 && errno != EFAULT && errno != EINVAL)
		return -errno;
	/* Longer than the buffers is no frame of this interface's. */
	if (n <= (ssize_t)sizeof(hdr) ||
	    n > (ssize_t)(sizeof(hdr) + NETDEV_FRAME_PARTS * NETDEV_BUF_SIZE))
		return 0;
	return netdev_offload_tx(chain(parts, (size_t)n - sizeof(hdr), ret_used), &hdr);
}

void netdev_tap_write(int tap, const struct ladon_buf *frame)
{
	struct virtio_net_hdr hdr = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	struct iovec iov[3 + RX_PARTS] = {{&hdr, sizeof(hdr)}};
	uint32_t at = 0;
	uint8_t tag[TAG_LEN];
	int n = 1;

	if (frame->flags & LADON_RX_L4_OK)
		hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	if (frame->flags & LADON_RX_VLAN && frame->len > ADDRS_LEN) {
		put_be16(tag, TYPE_VLAN);
		put_be16(tag + 2, frame->vlan_tci);
		iov[n++] = (struct iovec){frame->data, ADDRS_LEN};
		iov[n++] = (struct iovec){tag, sizeof(tag)};
		at = ADDRS_LEN;
	}
	for (; frame && n < (int)ARRAY_SIZE(iov); frame = frame->next, at = 0)
		iov[n++] = (struct iovec){frame->data + at, frame->len - at};
	if (!frame)
		(void)!writev(tap, iov, n);
}
