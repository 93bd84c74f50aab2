/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps D-Bus out of the sensor.
 *
 * libpcap's own list of live capture backends names D-Bus, so that linking libpcap.a would pull in
 * pcap-dbus.o and with it libdbus and libsystemd. The sensor captures live by its own source and
 * reads only files with libpcap; defining the two entries here resolves them first.
 */
#include <pcap/pcap.h>

struct pcap_if_list;

/* As in libpcap's pcap-dbus.h, which is not installed. */
int dbus_findalldevs(struct pcap_if_list *devices, char *errbuf);
pcap_t *dbus_create(const char *device, char *errbuf, int *is_ours);

int dbus_findalldevs(struct pcap_if_list *devices, char *errbuf)
{
	(void)devices;
	(void)errbuf;
	return 0; /* none found */
}

pcap_t *dbus_create(const char *device, char *errbuf, int *is_ours)
{
	(void)device;
	(void)errbuf;
	*is_ours = 0;
	return NULL;
}
