/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of the format are from systemd's JOURNAL_FILE_FORMAT and journal-def.h. All are
 * little-endian.
 */
#include "sensor/auth-journal.h"

#include "sensor/auth-text.h"

#include <errno.h>
#include <unistd.h>

#define HEADER_LEN 160 /* up to and with n_entries: in every version */
#define HEADER_MAX 65536 /* of the length it says of itself */
#define FLAG_COMPACT 16
/* XZ, LZ4, keyed hash, ZSTD, compact: none of the others changes what is read here. */
#define FLAGS_KNOWN 31
#define OBJECT_LEN 16
#define OBJECT_DATA 1
#define OBJECT_ENTRY 3
#define DATA_LEN 64 /* before a field's "NAME=value" */
#define DATA_COMPACT_LEN 72
#define DATA_COMPRESSED 7 /* flags of an object */
#define ENTRY_LEN 64 /* before an entry's items */
#define ITEM_LEN 16
#define ITEM_COMPACT_LEN 4
#define NAME_MAX_LEN 24 /* of the fields looked at, with "=" */

struct header {
	uint32_t incompatible;
	uint64_t header_size, tail_object, entries;
};

struct object {
	uint8_t type, flags;
	uint64_t size;
};

/* The fields of one entry that matter. */
struct entry {
	uint8_t program_bytes[64], message_bytes[AUTH_JOURNAL_MESSAGE_MAX];
	size_t program_len, message_len;
	uint32_t uid;
	bool has_uid;
};

/* As many bytes as there are, up to len. */
static struct cursor read_at(int fd, uint64_t offset, void *buf, size_t len)
{
	ssize_t n = offset > INT64_MAX ? -1 : pread(fd, buf, len, (off_t)offset);

	return cursor_over(buf, n > 0 ? (size_t)n : 0);
}

static int read_header(int fd, struct header *h)
{
	uint8_t buf[HEADER_LEN];
	struct cursor c = read_at(fd, 0, buf, sizeof(buf));

	if (cursor_left(&c) < sizeof(buf))
		return -EAGAIN;
	if (!text_skip(&c, "LPKSHHRH"))
		return buf[0] ? -EINVAL : -EAGAIN;
	/* Compatible flags; then, behind state and the ids of file, machine, boot and sequence. */
	cursor_skip(&c, 4);
	cursor_le32(&c, &h->incompatible);
	cursor_skip(&c, 8 + 4 * 16);
	cursor_le64(&c, &h->header_size);
	cursor_skip(&c, 5 * 8); /* arena and hash tables */
	cursor_le64(&c, &h->tail_object);
	cursor_skip(&c, 8);
	cursor_le64(&c, &h->entries);
	if (!h->header_size)
		return -EAGAIN;
	if (h->incompatible & ~FLAGS_KNOWN || h->header_size % 8 || h->header_size > HEADER_MAX ||
	    h->header_size < HEADER_LEN)
		return -EINVAL;
	return 0;
}

static bool read_object(int fd, uint64_t offset, struct object *o)
{
	uint8_t buf[OBJECT_LEN];
	struct cursor c = read_at(fd, offset, buf, sizeof(buf));

	/* An object that is being made has no length yet. */
	return cursor_u8(&c, &o->type) && cursor_u8(&c, &o->flags) && cursor_skip(&c, 6) &&
	       cursor_le64(&c, &o->size) && o->size >= OBJECT_LEN && o->size <= INT64_MAX / 4;
}

static uint64_t behind(uint64_t offset, uint64_t size)
{
	return (offset + size + 7) & ~7ULL;
}

int auth_journal_start(struct auth_journal *j, int fd, bool at_end)
{
	struct header h = { 0 };
	struct object o;
	int err = read_header(fd, &h);

	if (err)
		return err;
	*j = (struct auth_journal){
		.open = true,
		.compact = h.incompatible & FLAG_COMPACT,
		.next = h.header_size,
	};
	if (!at_end || !h.tail_object)
		return 0;
	if (h.tail_object < h.header_size || h.tail_object > INT64_MAX / 2 ||
	    !read_object(fd, h.tail_object, &o)) {
		j->open = false;
		return -EINVAL;
	}
	j->next = behind(h.tail_object, o.size);
	j->entries = h.entries;
	return 0;
}

/* The bytes of a field into buf when they fit; else none. */
static size_t keep(struct cursor value, uint8_t *buf, size_t max)
{
	size_t len = cursor_left(&value);

	if (len > max)
		return 0;
	memcpy(buf, value.pos, len);
	return len;
}

static void read_field(struct auth_journal *j, int fd, uint64_t offset, struct entry *e)
{
	uint64_t *dull = &j->dull[offset / 8 % AUTH_JOURNAL_DULL];
	uint8_t buf[DATA_COMPACT_LEN + NAME_MAX_LEN + AUTH_JOURNAL_MESSAGE_MAX];
	struct cursor c, number;
	uint8_t type, flags;
	uint64_t size;

	if (*dull == offset)
		return;
	c = read_at(fd, offset, buf, sizeof(buf));
	if (!cursor_u8(&c, &type) || !cursor_u8(&c, &flags) || !cursor_skip(&c, 6) ||
	    !cursor_le64(&c, &size))
		return;
	if (type != OBJECT_DATA || flags & DATA_COMPRESSED || size > sizeof(buf))
		return;
	c = cursor_over(buf, c.end - buf < (ptrdiff_t)size ? (size_t)(c.end - buf) : size);
	if (cursor_left(&c) < size || !cursor_skip(&c, j->compact ? DATA_COMPACT_LEN : DATA_LEN))
		return;
	if (text_skip(&c, "MESSAGE=")) {
		e->message_len = keep(c, e->message_bytes, sizeof(e->message_bytes));
	} else if (text_skip(&c, "SYSLOG_IDENTIFIER=")) {
		e->program_len = keep(c, e->program_bytes, sizeof(e->program_bytes));
	} else if (text_skip(&c, "_UID=")) {
		number = c;
		e->has_uid = text_number(&number, UINT32_MAX, &e->uid) && !cursor_left(&number);
	} else {
		*dull = offset;
	}
}

static void read_entry(struct auth_journal *j, int fd, uint64_t offset, uint64_t size,
		       auth_journal_fn *fn, void *arg)
{
	uint8_t buf[ENTRY_LEN + AUTH_JOURNAL_ITEMS_MAX * ITEM_LEN];
	struct cursor c = read_at(fd, offset, buf, size < sizeof(buf) ? size : sizeof(buf));
	struct entry e = { 0 };
	uint64_t field;
	uint32_t compact;

	if (!cursor_skip(&c, ENTRY_LEN))
		return;
	for (;;) {
		if (j->compact) {
			if (!cursor_le32(&c, &compact))
				break;
			field = compact;
		} else if (!cursor_le64(&c, &field) || !cursor_skip(&c, ITEM_LEN - sizeof(field))) {
			break;
		}
		read_field(j, fd, field, &e);
	}
	if (e.program_len && e.message_len && e.has_uid && e.uid < AUTH_JOURNAL_SYSTEM_UIDS)
		fn(cursor_over(e.program_bytes, e.program_len),
		   cursor_over(e.message_bytes, e.message_len), arg);
}

bool auth_journal_read(struct auth_journal *j, int fd, unsigned int max_objects,
		       auth_journal_fn *fn, void *arg)
{
	struct header h = { 0 };
	struct object o;

	if (!j->open || read_header(fd, &h))
		return false;
	for (unsigned int n = 0; n < max_objects; n++) {
		if (j->next > h.tail_object || !read_object(fd, j->next, &o))
			return false;
		if (o.type == OBJECT_ENTRY) {
			if (j->entries >= h.entries)
				return false; /* still being written */
			j->entries++;
			read_entry(j, fd, j->next, o.size, fn, arg);
		}
		j->next = behind(j->next, o.size);
	}
	return true;
}
