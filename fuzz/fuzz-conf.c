/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensor's configuration as text: every type of key is in its table. A file is read whole or
 * refused whole, with a sentence.
 */
#include "sensor/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sensor_config defaults, before, config, again;

static void check_bounds(const struct sensor_config *c)
{
	assert(c->interfaces.count <= CONF_MAX_NAMES);
	assert(c->home.count <= CONF_MAX_PREFIXES && c->ignore.count <= CONF_MAX_PREFIXES);
	assert(c->ambient_ports.count <= CONF_MAX_PORTS);
	assert(memchr(c->device, '\0', sizeof(c->device)));
	assert(memchr(c->on_finding, '\0', sizeof(c->on_finding)));
	for (unsigned int i = 0; i < c->interfaces.count; i++)
		assert(memchr(c->interfaces.name[i], '\0', CONF_NAME_LEN));
	for (unsigned int i = 0; i < c->home.count; i++)
		assert(c->home.prefix[i].len <= ADDR_BITS);
}

static void check_error(const char error[CONF_ERROR_LEN])
{
	size_t len = strnlen(error, CONF_ERROR_LEN);

	assert(len > 0 && len < CONF_ERROR_LEN);
	for (size_t i = 0; i < len; i++) /* it goes to a terminal; a tab is white space in a file */
		assert(((unsigned char)error[i] >= 0x20 && error[i] != 0x7f) || error[i] == '\t');
}

/* The first line's "key = value" as a flag would set it. */
static void set_one(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size), *equals;
	char key[64], value[512], error[CONF_ERROR_LEN] = "";
	size_t len = end ? (size_t)(end - data) : size;

	equals = memchr(data, '=', len);
	if (!equals || (size_t)(equals - data) >= sizeof(key) || len >= sizeof(value) ||
	    memchr(data, '\0', len))
		return;
	memcpy(key, data, (size_t)(equals - data));
	key[equals - data] = '\0';
	len -= (size_t)(equals - data) + 1;
	memcpy(value, equals + 1, len);
	value[len] = '\0';
	before = defaults;
	for (size_t i = 0; i < sensor_config_table.count; i++) {
		if (strcmp(sensor_config_table.keys[i].key, key) != 0)
			continue;
		config = before; /* sections may have keys of the same name */
		if (conf_set(&sensor_config_table, "--flag", sensor_config_table.keys[i].section,
			     key, value, &config, error) < 0) {
			check_error(error);
			assert(!memcmp(&config, &before, sizeof(config)));
		}
		check_bounds(&config);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[CONF_ERROR_LEN] = "";
	char *copy = malloc(size ? size : 1); /* exact, and not terminated */

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (!defaults.user[0])
		conf_defaults(&sensor_config_table, &defaults);
	config = before = again = defaults;
	if (conf_load_text(&sensor_config_table, "fuzz.conf", copy, size, &config, error) < 0) {
		check_error(error);
		assert(!memcmp(&config, &before, sizeof(config)));
	} else {
		check_bounds(&config);
		assert(!conf_load_text(&sensor_config_table, "fuzz.conf", copy, size, &again,
				       error));
		assert(!memcmp(&config, &again, sizeof(config)));
		error[0] = '\0';
		if (sensor_config_check(&config, error) < 0)
			check_error(error);
	}
	set_one(data, size);
	free(copy);
	return 0;
}
