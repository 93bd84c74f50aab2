/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/source-bpf.h"

#include "core/log.h"
#include "sensor/bpf-attach.h"
#include "sensor/bpf-load.h"
#include "sensor/config.h"
#include "sensor/host.h"
#include "sensor/links.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the helper keeps open. One per process. */
static struct {
	bool open;
	struct bpf_loaded loaded;
	struct bpf_places places;
} held;

/* What lies before the network header where the programs run; -EOPNOTSUPP: something that they do not know. */
static int kind_of(const struct host_link *link)
{
	switch (link->arphrd) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return BPF_ETHERNET;
	case ARPHRD_NONE:
	case ARPHRD_PPP:
	case ARPHRD_RAWIP:
		return BPF_BARE;
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		/* Before Linux 5.14 the outer header still lies there; tcx is of 6.6. */
		return held.places.filters ? -EOPNOTSUPP : BPF_BARE;
	}
	return -EOPNOTSUPP;
}

/* Onto one interface. -ENODEV: it has gone, or carries nothing yet and cannot be watched anyway. */
static int attach_one(const struct host_link *link)
{
	int kind = kind_of(link);

	if (kind < 0)
		return link->up ? kind : -ENODEV;
	return bpf_attach(&held.places, &held.loaded, link->ifindex, (enum bpf_link_kind)kind);
}

/* An interface that cannot be watched does not keep others from it, unless another source could watch it: 0, or the
 * last error. */
static int attach_all(const struct sensor_config *config, const struct host *h)
{
	int wanted[HOST_MAX_LINKS], err = 0;
	unsigned int n = 0, attached = 0;

	for (unsigned int i = 0; i < h->n_links; i++)
		if (link_watched(config, h, &h->link[i]))
			wanted[n++] = h->link[i].ifindex;
	bpf_detach_others(&held.places, wanted, n);
	for (unsigned int i = 0; i < n; i++) {
		const struct host_link *link = host_link(h, wanted[i]);
		int failed = attach_one(link);

		if (failed && failed != -ENODEV) {
			log_warning("source bpf: cannot watch interface %s: %s", link->name,
				    strerror(-failed));
			err = failed;
		}
		attached += !failed;
	}
	return attached && strcmp(config->source, "bpf") == 0 ? 0 : err;
}

int source_bpf_follow(const struct sensor_config *config, char *error, size_t error_len)
{
	struct host *h;
	int err;

	if (!held.open) {
		snprintf(error, error_len, "the BPF source is not open");
		return -EBADF;
	}
	/* Its tables are large, and needed for a moment. */
	h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h == MAP_FAILED) {
		snprintf(error, error_len, "out of memory");
		return -ENOMEM;
	}
	err = host_init(h);
	if (!err) {
		err = attach_all(config, h);
		host_done(h);
	}
	munmap(h, sizeof(*h));
	if (err)
		snprintf(
			error, error_len,
			"cannot attach its programs to any interface: %s; it needs CAP_NET_ADMIN, and "
			"before Linux 6.6 a kernel with CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS",
			strerror(-err));
	return err;
}

static int copy_of(int fd, char *error, size_t error_len)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0) {
		copy = -errno;
		snprintf(error, error_len, "no descriptor: %s", strerror(-copy));
	}
	return copy;
}

int source_bpf_open(const struct sensor_config *config, char *error, size_t error_len)
{
	const struct bpf_sizes sizes = {
		.ring_bytes = (uint32_t)config->bpf_ring_bytes,
		.newcomers = config->bpf_newcomers,
		.known = config->bpf_known,
	};
	int err;

	source_bpf_close();
	err = bpf_load(&held.loaded, &sizes, error, error_len);
	if (err)
		return err;
	err = bpf_places_init(&held.places);
	if (err) {
		snprintf(error, error_len, "no netlink socket: %s", strerror(-err));
		bpf_unload(&held.loaded);
		return err;
	}
	held.open = true;
	err = source_bpf_follow(config, error, error_len);
	if (!err)
		err = copy_of(held.loaded.map[MAP_RING], error, error_len);
	if (err < 0)
		source_bpf_close();
	return err;
}

int source_bpf_second(char *error, size_t error_len)
{
	if (!held.open) {
		snprintf(error, error_len, "the BPF source is not open");
		return -EBADF;
	}
	return copy_of(held.loaded.map[MAP_SHARED], error, error_len);
}

void source_bpf_close(void)
{
	if (!held.open)
		return;
	held.open = false;
	bpf_places_done(&held.places);
	bpf_unload(&held.loaded);
}
