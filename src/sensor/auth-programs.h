/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each program says of a login. Used by auth-line.c alone; rules are in auth-line.h.
 */
#ifndef MIMAMORI_SENSOR_AUTH_PROGRAMS_H
#define MIMAMORI_SENSOR_AUTH_PROGRAMS_H

#include "sensor/auth-line.h"

/* A message; the record in *out is zero but for `times`. */
typedef enum auth_said auth_message_fn(struct cursor message, struct auth_line *out);

auth_message_fn auth_say_sshd, auth_say_dropbear, auth_say_login, auth_say_vsftpd, auth_say_proftpd,
	auth_say_pureftpd;
/* Of a program whose failures PAM tells. */
auth_message_fn auth_say_pam;

/* The record, once its peer's text is known: fills in peer, user, service, result. */
enum auth_said auth_tell(struct auth_line *out, struct cursor peer, struct cursor user,
			 uint8_t service, uint8_t result);

#endif
