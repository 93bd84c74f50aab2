/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/service-probe.h"

#include <string.h>

/* Bits: a question may be usual at several services. */
enum service {
	NOBODY =
		0, /* of a question: no client asks so anywhere; of a port: nothing is known of it */
	LINES = 1, /* FTP, SMTP, POP3: HELP */
	HTTP = 2,
	SMB = 4,
	X11 = 8,
	RDP = 16,
	LPD = 32,
	LDAP = 64,
	RMI = 128,
	OTHER = 256, /* of a port: well known, and not for any of these questions */
};

struct question {
	uint16_t service; /* enum service */
	uint8_t len; /* of the whole */
	uint8_t head; /* how much of it is compared */
	bool typed; /* a person may type it */
	char text[SERVICE_PROBE_HEAD + 1];
};

#define QUESTION(service, len, typed, text)                 \
	{                                                   \
		service, len, sizeof(text) - 1, typed, text \
	}

/* In Nmap's words: GenericLines, GetRequest, FourOhFourRequest, Help, RTSPRequest, SIPOptions, RPCCheck,
 * SSLSessionReq, TLSSessionReq, DNSVersionBindReqTCP, DNSStatusRequestTCP, SMBProgNeg, X11Probe, Kerberos,
 * TerminalServerCookie, TerminalServer, LPDString, LDAPSearchReq, LDAPBindReq, JavaRMI, mqtt. */
static const struct question questions[] = {
	QUESTION(NOBODY, 4, true, "\r\n\r\n"),
	QUESTION(HTTP, 18, false, "GET / HTTP/1.0\r\n\r\n"),
	QUESTION(NOBODY, 53, false, "GET /nice%20ports%"),
	QUESTION(LINES, 6, true, "HELP\r\n"),
	QUESTION(NOBODY, 22, false, "OPTIONS / RTSP/1.0"),
	QUESTION(NOBODY, 223, false, "OPTIONS sip:nm SIP"),
	QUESTION(NOBODY, 44, false, "\x80\0\0\x28\x72\xfe\x1d\x13"),
	QUESTION(NOBODY, 88, false, "\x16\x03\0\0\x53\x01\0\0\x4f\x03\0"),
	QUESTION(NOBODY, 110, false, "\x16\x03\0\0\x69\x01\0\0\x65\x03\x03"),
	QUESTION(NOBODY, 32, false, "\0\x1e\0\x06\x01\0\0\x01\0\0\0\0\0\0\x07ver"),
	QUESTION(NOBODY, 14, false, "\0\x0c\0\0\x10\0\0\0\0\0\0\0\0\0"),
	QUESTION(SMB, 168, false, "\0\0\0\xa4\xffSMBr\0\0\0\0\x08\x01@"),
	QUESTION(X11, 12, false, "l\0\x0b\0\0\0\0\0\0\0\0\0"),
	QUESTION(NOBODY, 117, false, "\0\0\0\x71\x6a\x81\x6e\x30\x81\x6b"),
	QUESTION(RDP, 42, false, "\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie:"),
	QUESTION(RDP, 11, false, "\x03\0\0\x0b\x06\xe0\0\0\0\0\0"),
	QUESTION(LPD, 9, false,
		 "\x01"
		 "default\n"),
	QUESTION(LDAP, 51, false, "\x30\x84\0\0\0\x2d\x02\x01\x07\x63\x84"),
	QUESTION(LDAP, 14, false, "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x02\x04\0\x80\0"),
	QUESTION(RMI, 7, false, "JRMI\0\x02K"),
	QUESTION(NOBODY, 18, false, "\x10\x10\0\x04MQTT\x04\x02\0\x1e\0\x04nmap"),
};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static const struct service_word words[] = {
	{ 0x0d0a0d0a, 0, 0 }, /* CR LF CR LF */
	{ 0x47455420, 14, 0x0d0a0d0a }, /* "GET " */
	{ 0x47455420, 4, 0x2f6e6963 }, /* "/nic" */
	{ 0x48454c50, 0, 0 }, /* "HELP" */
	{ 0x4f505449, 10, 0x52545350 }, /* "OPTI", "RTSP" */
	{ 0x4f505449, 10, 0x703a6e6d }, /* "p:nm" */
	{ 0x80000028, 4, 0x72fe1d13 },	{ 0x16030000, 0, 0 }, { 0x001e0006, 0, 0 },
	{ 0x000c0000, 0, 0 },		{ 0x000000a4, 0, 0 }, { 0x6c000b00, 0, 0 },
	{ 0x00000071, 0, 0 },		{ 0x0300002a, 0, 0 }, { 0x0300000b, 0, 0 },
	{ 0x01646566, 0, 0 },		{ 0x30840000, 0, 0 }, { 0x300c0201, 0, 0 },
	{ 0x4a524d49, 0, 0 },		{ 0x10100004, 0, 0 },
};

static const struct {
	uint16_t first, last, service;
} ports[] = {
	{ 21, 21, LINES },     { 22, 23, OTHER },     { 25, 25, LINES },     { 53, 53, OTHER },
	{ 80, 81, HTTP },      { 88, 88, OTHER },     { 110, 110, LINES },   { 111, 111, OTHER },
	{ 139, 139, SMB },     { 143, 143, OTHER },   { 389, 389, LDAP },    { 443, 443, OTHER },
	{ 445, 445, SMB },     { 465, 465, OTHER },   { 515, 515, LPD },     { 554, 554, OTHER },
	{ 587, 587, LINES },   { 631, 631, HTTP },    { 636, 636, OTHER },   { 853, 853, OTHER },
	{ 993, 995, OTHER },   { 1099, 1099, RMI },   { 1883, 1883, OTHER }, { 2222, 2222, OTHER },
	{ 2323, 2323, OTHER }, { 3268, 3268, LDAP },  { 3306, 3306, OTHER }, { 3389, 3389, RDP },
	{ 5432, 5432, OTHER }, { 5555, 5555, OTHER }, { 5900, 5909, OTHER }, { 6000, 6063, X11 },
	{ 6379, 6379, OTHER }, { 8000, 8000, HTTP },  { 8008, 8008, HTTP },  { 8080, 8081, HTTP },
	{ 8088, 8088, HTTP },  { 8443, 8443, OTHER }, { 8883, 8883, OTHER }, { 8888, 8888, HTTP },
};

const struct service_word *service_words(unsigned int *n)
{
	*n = sizeof(words) / sizeof(words[0]);
	return words;
}

uint8_t service_probe(const uint8_t *payload, size_t captured, size_t len)
{
	for (unsigned int i = 0; i < QUESTIONS; i++) {
		const struct question *q = &questions[i];

		if (q->len == len && captured >= q->head && !memcmp(payload, q->text, q->head))
			return (uint8_t)(i + 1);
	}
	return 0;
}

static uint16_t service_of(uint16_t port)
{
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (port >= ports[i].first && port <= ports[i].last)
			return ports[i].service;
	return NOBODY;
}

enum service_fit service_fit(uint8_t question, uint16_t port)
{
	uint16_t asked = questions[question - 1].service, served = service_of(port);

	if (asked == NOBODY)
		return SERVICE_FOREIGN;
	if (served == NOBODY)
		return SERVICE_UNKNOWN;
	return asked & served ? SERVICE_OWN : SERVICE_FOREIGN;
}

bool service_by_program(uint8_t question)
{
	return !questions[question - 1].typed;
}
