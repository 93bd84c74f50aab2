/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for QEMU, of test-vm: it speaks QMP, and does no more than that. After "quit" it lives on. Its
 * -append is the number of questions after which a job is concluded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QMP "socket,id=qmp0,fd="
#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define JOB "[{\"id\": \"state\", \"type\": \"x\", \"status\": \"%s\", \"current-progress\": 0}]"

static unsigned long questions_left;

static void answer(FILE *out, const char *line)
{
	const char *id = strstr(line, "\"id\":");

	if (!id)
		exit(EXIT_FAILURE);
	fputs("{\"return\": ", out);
	if (strstr(line, "query-jobs")) {
		fprintf(out, JOB, questions_left ? "running" : "concluded");
		questions_left -= questions_left > 0;
	} else {
		fputs("{}", out);
	}
	fprintf(out, ", \"id\": %lu}\r\n", strtoul(id + strlen("\"id\":"), NULL, 10));
	fflush(out);
}

int main(int argc, char **argv)
{
	FILE *in = NULL, *out = NULL;
	char line[4096];

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], QMP, strlen(QMP)) == 0) {
			int fd = atoi(argv[i] + strlen(QMP));

			in = fdopen(fd, "r");
			out = fdopen(dup(fd), "w");
		}
		if (strcmp(argv[i - 1], "-append") == 0)
			questions_left = strtoul(argv[i], NULL, 10);
	}
	if (!in || !out)
		return EXIT_FAILURE;
	fputs(GREETING, out);
	fflush(out);
	while (fgets(line, sizeof(line), in))
		answer(out, line);
	return EXIT_FAILURE;
}
