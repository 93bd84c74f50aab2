/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor of replay: libpcap reads every packet, and one byte of each is looked at.
 *
 * usage: readpcap FILE
 */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const unsigned char *bytes;
	uint64_t packets = 0;
	unsigned int mix = 0;
	pcap_t *pcap;
	int r;

	if (argc != 2) {
		fputs("usage: readpcap FILE\n", stderr);
		return 2;
	}
	pcap = pcap_open_offline(argv[1], error);
	if (!pcap) {
		fprintf(stderr, "readpcap: %s\n", error);
		return 1;
	}
	while ((r = pcap_next_ex(pcap, &header, &bytes)) == 1) {
		packets++;
		mix += header->caplen > 23 ? bytes[23] : 0;
	}
	if (r != PCAP_ERROR_BREAK)
		fprintf(stderr, "readpcap: %s\n", pcap_geterr(pcap));
	printf("{\"packets\":%llu,\"mix\":%u}\n", (unsigned long long)packets, mix);
	pcap_close(pcap);
	return r == PCAP_ERROR_BREAK ? 0 : 1;
}
