/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/auth-files.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MACHINE_ID_LEN 32
#define SEPARATORS " \t,"

static const char *const text_logs[] = { "/var/log/auth.log", "/var/log/secure",
					 "/var/log/messages" };
static const char *const journals[] = { "/var/log/journal", "/run/log/journal" };
static const char btmp[] = "/var/log/btmp";

const char *auth_kind_name(uint8_t kind)
{
	switch ((enum auth_kind)kind) {
	case AUTH_TEXT:
		return "a text log";
	case AUTH_BTMP:
		return "btmp";
	case AUTH_JOURNAL:
		return "the journal";
	}
	return "";
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* machine-id(5): the journal's directory bears it. */
static bool read_machine_id(const char *root, char id[MACHINE_ID_LEN + 1])
{
	char path[CONF_TEXT_LEN];
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), "%s/etc/machine-id", root);
	f = fopen(path, "re");
	if (!f)
		return false;
	good = fread(id, 1, MACHINE_ID_LEN, f) == MACHINE_ID_LEN;
	fclose(f);
	id[MACHINE_ID_LEN] = '\0';
	for (int i = 0; good && i < MACHINE_ID_LEN; i++)
		good = isxdigit((unsigned char)id[i]);
	return good;
}

/* The system's own journal: kept for good, else since start. */
static bool find_journal(const char *root, struct auth_file *out)
{
	char id[MACHINE_ID_LEN + 1];

	if (!read_machine_id(root, id))
		return false;
	out->kind = AUTH_JOURNAL;
	for (size_t i = 0; i < sizeof(journals) / sizeof(journals[0]); i++) {
		snprintf(out->path, sizeof(out->path), "%s%s/%s/system.journal", root, journals[i],
			 id);
		if (is_file(out->path))
			return true;
	}
	return false;
}

static bool find_text(const char *root, struct auth_file *out)
{
	out->kind = AUTH_TEXT;
	for (size_t i = 0; i < sizeof(text_logs) / sizeof(text_logs[0]); i++) {
		snprintf(out->path, sizeof(out->path), "%s%s", root, text_logs[i]);
		if (is_file(out->path))
			return true;
	}
	return false;
}

static void find_all(const char *root, struct auth_files *out)
{
	struct auth_file *next = &out->file[0];

	if (find_journal(root, next) || find_text(root, next))
		next++;
	next->kind = AUTH_BTMP;
	snprintf(next->path, sizeof(next->path), "%s%s", root, btmp);
	if (is_file(next->path))
		next++;
	out->count = (uint32_t)(next - out->file);
}

static int add_listed(const char *word, const char *root, struct auth_files *out, char *error)
{
	struct auth_file *f = &out->file[out->count];
	const char *base = strrchr(word, '/');
	const char *suffix = strrchr(word, '.');

	if (out->count == AUTH_FILES_MAX)
		return conf_refuse(error, "[guess] logs: more than %d of them", AUTH_FILES_MAX);
	if (strcmp(word, "journal") == 0) {
		if (!find_journal(root, f))
			return conf_refuse(error,
					   "[guess] logs: there is no journal below %s or %s; does "
					   "systemd-journald run here?",
					   journals[0], journals[1]);
		out->count++;
		return 0;
	}
	if (word[0] != '/' || !base[1])
		return conf_refuse(
			error,
			"[guess] logs: \"%s\" is neither auto, none, journal, nor a file's "
			"absolute path",
			word);
	for (unsigned int i = 0; i < out->count; i++)
		if (strcmp(out->file[i].path, word) == 0)
			return conf_refuse(error, "[guess] logs: \"%s\" is named twice", word);
	f->kind = strncmp(base + 1, "btmp", 4) == 0	    ? AUTH_BTMP :
		  suffix && strcmp(suffix, ".journal") == 0 ? AUTH_JOURNAL :
							      AUTH_TEXT;
	snprintf(f->path, sizeof(f->path), "%s", word);
	out->count++;
	return 0;
}

int auth_files_find(const char *logs, const char *root, struct auth_files *out,
		    char error[CONF_ERROR_LEN])
{
	struct auth_files found = { 0 };
	char words[CONF_TEXT_LEN], *save, *word;
	int err = 0;

	snprintf(words, sizeof(words), "%s", logs);
	word = strtok_r(words, SEPARATORS, &save);
	if (!word)
		return conf_refuse(error, "[guess] logs: it is empty; to read none, say none");
	if (strcmp(logs, "auto") == 0) {
		find_all(root, &found);
	} else if (strcmp(logs, "none") != 0) {
		for (; word && !err; word = strtok_r(NULL, SEPARATORS, &save))
			err = add_listed(word, root, &found, error);
	}
	if (!err)
		*out = found;
	return err;
}
