/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dropbear in a decoy: any client, also an old one, may try a password. */
#define DROPBEAR_SVR_PASSWORD_AUTH 1
#define DROPBEAR_AES128 1
#define DROPBEAR_3DES 1
#define DROPBEAR_ENABLE_CBC_MODE 1
#define DROPBEAR_DH_GROUP14_SHA1 1
#define DROPBEAR_SHA1_HMAC 1
#define DROPBEAR_SFTPSERVER 0
#define DROPBEAR_X11FWD 0
#define MAX_UNAUTH_PER_IP 20
