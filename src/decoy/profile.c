/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/profile.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define AT(field) offsetof(struct profile, field)
#define PERSONA_AT(field) offsetof(struct persona, field)

/* Least and most memory of a machine, MB: below, no kernel of today boots; the most bounds what
 * a profile can make a host give away. */
#define MEMORY_LEAST 16
#define MEMORY_MOST 1024

/* What ATA's IDENTIFY DEVICE has room for (words 27-46, 23-26, 10-19). */
#define DISK_MODEL_MOST 40
#define DISK_FIRMWARE_MOST 8
#define DISK_SERIAL_MOST 20

const char *const profile_arch_names[PROFILE_ARCHS + 1] = { "arm", "mips", "mipsel", "sparc",
							    "ppc", "sh4",  NULL };
static const char *const byte_orders[] = { "little", "big", NULL };

static const char *const renewals[] = { "console", "login", NULL };

static const struct conf_key profile_keys[] = {
	{ "decoy", "name", CONF_TEXT, AT(name), "", 0, 0, NULL },
	{ "decoy", "architecture", CONF_CHOICE, AT(arch), "arm", 0, 0, profile_arch_names },
	{ "decoy", "byte-order", CONF_CHOICE, AT(big_endian), "little", 0, 0, byte_orders },

	{ "machine", "qemu", CONF_TEXT, AT(qemu), "", 0, 0, NULL },
	{ "machine", "machine", CONF_TEXT, AT(machine), "", 0, 0, NULL },
	{ "machine", "cpu", CONF_TEXT, AT(cpu), "", 0, 0, NULL },
	{ "machine", "memory-mb", CONF_UINT, AT(memory_mb), "128", MEMORY_LEAST, MEMORY_MOST,
	  NULL },
	{ "machine", "disk", CONF_TEXT, AT(disk), "", 0, 0, NULL },
	{ "machine", "disk-model", CONF_TEXT, AT(disk_model), "", 0, 0, NULL },
	{ "machine", "disk-firmware", CONF_TEXT, AT(disk_firmware), "", 0, 0, NULL },
	{ "machine", "disk-serial", CONF_TEXT, AT(disk_serial), "", 0, 0, NULL },
	{ "machine", "nic", CONF_TEXT, AT(nic), "", 0, 0, NULL },
	{ "machine", "serial", CONF_TEXT, AT(serial_text), "console", 0, 0, NULL },
	{ "machine", "recorder", CONF_TEXT, AT(recorder), "", 0, 0, NULL },

	{ "boot", "kernel", CONF_TEXT, AT(kernel), "kernel", 0, 0, NULL },
	{ "boot", "initrd", CONF_TEXT, AT(initrd), "", 0, 0, NULL },
	{ "boot", "dtb", CONF_TEXT, AT(dtb), "", 0, 0, NULL },
	{ "boot", "append", CONF_TEXT, AT(append), "", 0, 0, NULL },

	{ "snapshot", "works", CONF_BOOL, AT(snapshot_works), "yes", 0, 0, NULL },
	{ "snapshot", "renew", CONF_CHOICE, AT(renew_by_login), "console", 0, 0, renewals },
};

static const struct conf_table profile_table = { profile_keys,
						 sizeof(profile_keys) / sizeof(profile_keys[0]),
						 sizeof(struct profile) };

static const struct conf_key persona_keys[] = {
	{ "persona", "hostname", CONF_TEXT, PERSONA_AT(hostname), "", 0, 0, NULL },
	{ "persona", "banner", CONF_TEXT, PERSONA_AT(banner), "", 0, 0, NULL },
	{ "persona", "ssh", CONF_BOOL, PERSONA_AT(has_ssh), "yes", 0, 0, NULL },
	{ "persona", "mac-prefix", CONF_TEXT, PERSONA_AT(mac_text), "", 0, 0, NULL },

	{ "accounts", "root", CONF_TEXT, PERSONA_AT(root_password), "root", 0, 0, NULL },
	{ "accounts", "user", CONF_TEXT, PERSONA_AT(user_password), "user", 0, 0, NULL },
};

static const struct conf_table persona_table = { persona_keys,
						 sizeof(persona_keys) / sizeof(persona_keys[0]),
						 sizeof(struct persona) };

/* Letters, digits and these. */
static bool consists_of(const char *text, const char *others)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(others, *text))
			return false;
	return true;
}

bool profile_name_ok(const char *name)
{
	return strlen(name) < PROFILE_NAME_LEN && isalnum((unsigned char)name[0]) &&
	       consists_of(name, "-_.");
}

static int check_word(const char *file, const char *section, const char *key, const char *value,
		      const char *others, char error[CONF_ERROR_LEN])
{
	if (!value[0])
		return conf_refuse(error, "%s: [%s] %s: a value is missing", file, section, key);
	/* A dash in front would make an option of it. */
	if (value[0] == '-' || !consists_of(value, others))
		return conf_refuse(error,
				   "%s: [%s] %s: may contain letters, digits and \"%s\" only", file,
				   section, key, others);
	return 0;
}

static int check_part(const char *file, const char *key, const char *value, bool needed,
		      char error[CONF_ERROR_LEN])
{
	if (!value[0] && !needed)
		return 0;
	if (!profile_name_ok(value))
		return conf_refuse(error,
				   "%s: [boot] %s: must name a file in the decoy's own folder, "
				   "without \"/\"",
				   file, key);
	return 0;
}

/* "device WORD" or "onboard WORD" or, of a disk, just "WORD": the word, and whether a device. */
static int split_attachment(const char *file, const char *key, char *text, bool bare, bool *device,
			    const char **word, char error[CONF_ERROR_LEN])
{
	static const char device_[] = "device ", onboard[] = "onboard ";

	*device = strncmp(text, device_, sizeof(device_) - 1) == 0;
	if (*device)
		*word = text + sizeof(device_) - 1;
	else if (!bare && strncmp(text, onboard, sizeof(onboard) - 1) == 0)
		*word = text + sizeof(onboard) - 1;
	else if (bare)
		*word = text;
	else
		return conf_refuse(
			error,
			"%s: [machine] %s: begins with \"onboard\" or \"device\", such as "
			"\"onboard lan9118\" or \"device virtio-net-pci\"",
			file, key);
	while (**word == ' ')
		++*word;
	return check_word(file, "machine", key, *word, *device ? "-_.,=" : "-_.", error);
}

/* Names of the disk: commas would be further properties. */
static int check_disk_text(const char *file, const struct profile *p, const char *key,
			   const char *value, size_t most, char error[CONF_ERROR_LEN])
{
	if (!value[0])
		return 0;
	if (p->disk_is_device || strcmp(p->disk_word, "ide") != 0)
		return conf_refuse(error, "%s: [machine] %s: only \"disk = ide\" can be given one",
				   file, key);
	if (strlen(value) > most)
		return conf_refuse(error, "%s: [machine] %s: has more than %zu characters", file,
				   key, most);
	return check_word(file, "machine", key, value, " -_.", error);
}

static int check_disk(const char *file, struct profile *p, char error[CONF_ERROR_LEN])
{
	int err = split_attachment(file, "disk", p->disk, true, &p->disk_is_device, &p->disk_word,
				   error);

	if (!err)
		err = check_disk_text(file, p, "disk-model", p->disk_model, DISK_MODEL_MOST, error);
	if (!err)
		err = check_disk_text(file, p, "disk-firmware", p->disk_firmware,
				      DISK_FIRMWARE_MOST, error);
	if (!err)
		err = check_disk_text(file, p, "disk-serial", p->disk_serial, DISK_SERIAL_MOST,
				      error);
	return err;
}

static int split_serial(const char *file, struct profile *p, char error[CONF_ERROR_LEN])
{
	static const char *const roles[] = { "null", "console", "recorder" };
	unsigned int seen[3] = { 0 };
	char text[CONF_TEXT_LEN], *rest = NULL;

	memcpy(text, p->serial_text, sizeof(text));
	p->n_serial = 0;
	for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		unsigned int role = 0;

		while (role < 3 && strcmp(word, roles[role]) != 0)
			role++;
		if (role == 3)
			return conf_refuse(
				error,
				"%s: [machine] serial: \"%s\" is no role; there are console, "
				"recorder and null",
				file, word);
		if (role != PROFILE_SERIAL_NULL && seen[role]++)
			return conf_refuse(error, "%s: [machine] serial: %s stands there twice",
					   file, word);
		if (p->n_serial == PROFILE_SERIAL_MAX)
			return conf_refuse(error, "%s: [machine] serial: more than %d ports", file,
					   PROFILE_SERIAL_MAX);
		p->serial[p->n_serial++] = (enum profile_serial)role;
	}
	if (!seen[PROFILE_SERIAL_CONSOLE])
		return conf_refuse(
			error, "%s: [machine] serial: one of the ports must be the console", file);
	if (p->recorder[0] && !seen[PROFILE_SERIAL_RECORDER])
		return conf_refuse(
			error, "%s: [machine] recorder: serial has no recorder to attach", file);
	return 0;
}

/* The recorder's port, where the board has none to spare. */
static int check_recorder(const char *file, struct profile *p, char error[CONF_ERROR_LEN])
{
	bool is_device = false;
	int err;

	p->recorder_word = NULL;
	if (!p->recorder[0])
		return 0;
	err = split_attachment(file, "recorder", p->recorder, true, &is_device, &p->recorder_word,
			       error);
	if (!err && !is_device)
		err = conf_refuse(
			error,
			"%s: [machine] recorder: begins with \"device\", such as \"device "
			"pci-serial\"; without the key it is a port of the board",
			file);
	return err;
}

/* May have spaces: "TI UltraSparc IIi". */
static int check_cpu(const char *file, const struct profile *p, char error[CONF_ERROR_LEN])
{
	if (strstr(p->cpu, " -"))
		return conf_refuse(error, "%s: [machine] cpu: no word of it may begin with \"-\"",
				   file);
	return p->cpu[0] ? check_word(file, "machine", "cpu", p->cpu, "-_.,=+ ", error) : 0;
}

static int check_profile(const char *file, struct profile *p, char error[CONF_ERROR_LEN])
{
	int err;

	if (!profile_name_ok(p->name))
		return conf_refuse(
			error,
			"%s: [decoy] name: is missing, or is not made of letters, digits, "
			"\"-\", \"_\" and \".\"",
			file);
	if (strncmp(p->qemu, "qemu-system-", 12) != 0 || strchr(p->qemu, '/'))
		return conf_refuse(
			error,
			"%s: [machine] qemu: must be the name of one of QEMU's programs, "
			"such as qemu-system-arm",
			file);
	err = check_word(file, "machine", "qemu", p->qemu, "-_", error);
	if (!err)
		err = check_word(file, "machine", "machine", p->machine, "-_.,=", error);
	if (!err)
		err = check_cpu(file, p, error);
	if (!err)
		err = check_disk(file, p, error);
	if (!err)
		err = split_attachment(file, "nic", p->nic, false, &p->nic_is_device, &p->nic_word,
				       error);
	if (!err)
		err = split_serial(file, p, error);
	if (!err)
		err = check_recorder(file, p, error);
	if (!err)
		err = check_part(file, "kernel", p->kernel, true, error);
	if (!err)
		err = check_part(file, "initrd", p->initrd, false, error);
	if (!err)
		err = check_part(file, "dtb", p->dtb, false, error);
	return err;
}

static int check_persona(const char *file, struct persona *p, char error[CONF_ERROR_LEN])
{
	unsigned int byte[3];
	int end = 0;

	if (sscanf(p->mac_text, "%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &end) != 3 ||
	    p->mac_text[end])
		return conf_refuse(error,
				   "%s: [persona] mac-prefix: must be three bytes, such as "
				   "00:11:22",
				   file);
	if (byte[0] & 1)
		return conf_refuse(error, "%s: [persona] mac-prefix: is a group's, not a machine's",
				   file);
	if (byte[0] == 0x52 && byte[1] == 0x54 && byte[2] == 0)
		return conf_refuse(error,
				   "%s: [persona] mac-prefix: 52:54:00 is QEMU's own: it tells "
				   "attackers what they are in",
				   file);
	for (int i = 0; i < 3; i++)
		p->mac_prefix[i] = (uint8_t)byte[i];
	if (!p->root_password[0] || !p->user_password[0])
		return conf_refuse(error, "%s: [accounts]: a password is missing", file);
	return 0;
}

/* The words point into the struct itself: they are set anew where it now lies. */
static int finish_profile(const char *name, int err, struct profile *draft, struct profile *out,
			  char error[CONF_ERROR_LEN])
{
	if (!err)
		err = check_profile(name, draft, error);
	if (err)
		return err;
	*out = *draft;
	return check_profile(name, out, error);
}

int profile_load(const char *path, struct profile *out, char error[CONF_ERROR_LEN])
{
	struct profile draft;

	conf_defaults(&profile_table, &draft);
	return finish_profile(path, conf_load(&profile_table, path, &draft, error), &draft, out,
			      error);
}

int profile_load_text(const char *name, const char *text, size_t len, struct profile *out,
		      char error[CONF_ERROR_LEN])
{
	struct profile draft;

	conf_defaults(&profile_table, &draft);
	return finish_profile(name, conf_load_text(&profile_table, name, text, len, &draft, error),
			      &draft, out, error);
}

static int finish_persona(const char *name, int err, struct persona *draft, struct persona *out,
			  char error[CONF_ERROR_LEN])
{
	if (!err)
		err = check_persona(name, draft, error);
	if (!err)
		*out = *draft;
	return err;
}

int persona_load(const char *path, struct persona *out, char error[CONF_ERROR_LEN])
{
	struct persona draft;

	conf_defaults(&persona_table, &draft);
	return finish_persona(path, conf_load(&persona_table, path, &draft, error), &draft, out,
			      error);
}

int persona_load_text(const char *name, const char *text, size_t len, struct persona *out,
		      char error[CONF_ERROR_LEN])
{
	struct persona draft;

	conf_defaults(&persona_table, &draft);
	return finish_persona(name, conf_load_text(&persona_table, name, text, len, &draft, error),
			      &draft, out, error);
}

int decoy_load(const char *images, const char *name, struct decoy *out, char error[CONF_ERROR_LEN])
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct profile profile;
	struct persona persona;
	int err;

	if (!profile_name_ok(name))
		return conf_refuse(error, "\"%.32s\" cannot be the name of a decoy", name);
	if ((size_t)snprintf(dir, sizeof(dir), "%s/%s", images, name) >= sizeof(dir) - 32)
		return conf_refuse(error, "%.64s...: the path is too long", images);
	snprintf(path, sizeof(path), "%.*s/profile.conf", PATH_MAX - 16, dir);
	err = profile_load(path, &profile, error);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%.*s/persona.conf", PATH_MAX - 16, dir);
	err = persona_load(path, &persona, error);
	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", name);
	memcpy(out->dir, dir, sizeof(dir));
	out->persona = persona;
	return finish_profile(path, 0, &profile, &out->profile, error);
}

int persona_new_mac(const struct persona *p, uint8_t mac[PROFILE_MAC_LEN])
{
	memcpy(mac, p->mac_prefix, sizeof(p->mac_prefix));
	return getrandom(mac + 3, 3, 0) == 3 ? 0 : -errno;
}
