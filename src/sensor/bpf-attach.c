/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/bpf-attach.h"

#include "sensor/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

/* Of <linux/bpf.h> since 6.6. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define BEFORE_OTHERS (1U << 3) /* BPF_F_BEFORE */

#define INFO(prio) TC_H_MAKE((uint32_t)(prio) << 16, htons(ETH_P_ALL))

struct tc_request {
	struct nlmsghdr header;
	struct tcmsg tc;
	uint8_t attributes[128];
};

static const uint32_t filter_parent[2] = {
	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
};

static void begin(struct tc_request *r, uint16_t type, int ifindex, uint32_t parent)
{
	memset(r, 0, sizeof(*r));
	r->header.nlmsg_type = type;
	r->header.nlmsg_len = NLMSG_LENGTH(sizeof(r->tc));
	r->tc.tcm_ifindex = ifindex;
	r->tc.tcm_parent = parent;
}

/* Attributes are few and short: they always fit. */
static struct rtattr *put(struct tc_request *r, uint16_t type, const void *value, size_t len)
{
	struct rtattr *a = (void *)((uint8_t *)r + NLMSG_ALIGN(r->header.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), value, len);
	r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + (uint32_t)RTA_ALIGN(a->rta_len);
	return a;
}

static void ignore(const struct nlmsghdr *header, struct cursor payload, void *arg)
{
	(void)header;
	(void)payload;
	(void)arg;
}

static void find_kind(const struct nlmsghdr *header, struct cursor payload, void *arg)
{
	struct cursor value;
	bool *clsact = arg;
	uint16_t type;

	if (header->nlmsg_type != RTM_NEWQDISC || !cursor_skip(&payload, sizeof(struct tcmsg)))
		return;
	while (netlink_attr(&payload, &type, &value))
		if (type == TCA_KIND && netlink_text_is(value, "clsact"))
			*clsact = true;
}

/* clsact, unless it is there. The older qdisc "ingress" in its place knows one way only: -EBUSY. */
static int make_qdisc(struct bpf_places *ps, int ifindex)
{
	struct tc_request r;
	bool clsact = false;
	int err;

	begin(&r, RTM_NEWQDISC, ifindex, TC_H_CLSACT);
	r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	put(&r, TCA_KIND, "clsact", sizeof("clsact"));
	err = netlink_order(ps->netlink, &r.header, NLM_F_CREATE | NLM_F_EXCL, ignore, NULL);
	if (err != -EEXIST)
		return err;
	begin(&r, RTM_GETQDISC, ifindex, TC_H_CLSACT);
	/* The answer is a notice, which goes to who asks when he wants an echo. */
	err = netlink_order(ps->netlink, &r.header, NLM_F_ECHO, find_kind, &clsact);
	return err ? err : clsact ? 0 : -EBUSY;
}

static void filter_request(struct tc_request *r, uint16_t type, int ifindex, bool out)
{
	begin(r, type, ifindex, filter_parent[out]);
	r->tc.tcm_handle = BPF_ATTACH_HANDLE;
	r->tc.tcm_info = INFO(BPF_ATTACH_PRIORITY);
	put(r, TCA_KIND, "bpf", sizeof("bpf"));
}

/* Is it ours? By its name, which no program of others has. */
static void find_name(const struct nlmsghdr *header, struct cursor payload, void *arg)
{
	struct cursor value, options;
	bool *ours = arg;
	uint16_t type;

	if (header->nlmsg_type != RTM_NEWTFILTER || !cursor_skip(&payload, sizeof(struct tcmsg)))
		return;
	while (netlink_attr(&payload, &type, &value)) {
		if (type != TCA_OPTIONS)
			continue;
		options = value;
		while (netlink_attr(&options, &type, &value))
			if (type == TCA_BPF_NAME && netlink_text_is(value, BPF_ATTACH_NAME))
				*ours = true;
	}
}

static bool has_filter(struct bpf_places *ps, int ifindex, bool out)
{
	struct tc_request r;
	bool ours = false;

	filter_request(&r, RTM_GETTFILTER, ifindex, out);
	return !netlink_ask(ps->netlink, &r.header, find_name, &ours) && ours;
}

static void remove_filter(struct bpf_places *ps, int ifindex, bool out)
{
	struct tc_request r;

	if (!has_filter(ps, ifindex, out))
		return;
	filter_request(&r, RTM_DELTFILTER, ifindex, out);
	netlink_order(ps->netlink, &r.header, 0, ignore, NULL);
}

static int add_filter(struct bpf_places *ps, int ifindex, bool out, int program)
{
	uint32_t flags = TCA_BPF_FLAG_ACT_DIRECT, fd = (uint32_t)program;
	struct rtattr *options;
	struct tc_request r;

	filter_request(&r, RTM_NEWTFILTER, ifindex, out);
	options = put(&r, TCA_OPTIONS, NULL, 0);
	put(&r, TCA_BPF_FD, &fd, sizeof(fd));
	put(&r, TCA_BPF_NAME, BPF_ATTACH_NAME, sizeof(BPF_ATTACH_NAME));
	put(&r, TCA_BPF_FLAGS, &flags, sizeof(flags));
	options->rta_len =
		(unsigned short)((uint8_t *)&r + r.header.nlmsg_len - (uint8_t *)options);
	return netlink_order(ps->netlink, &r.header, NLM_F_CREATE | NLM_F_EXCL, ignore, NULL);
}

static int attach_filters(struct bpf_places *ps, struct bpf_place *p, const int program[2])
{
	int err = make_qdisc(ps, p->ifindex);

	for (int out = 0; !err && out < 2; out++) {
		remove_filter(ps, p->ifindex, out); /* of a run before that was killed */
		err = add_filter(ps, p->ifindex, out, program[out]);
	}
	if (err) {
		remove_filter(ps, p->ifindex, false);
		remove_filter(ps, p->ifindex, true);
	}
	return err;
}

static int make_link(int ifindex, int program, uint32_t where)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = (uint32_t)ifindex;
	attr.link_create.attach_type = where;
	attr.link_create.flags = BEFORE_OTHERS;
	return bpf_call(BPF_LINK_CREATE, &attr);
}

static int attach_links(struct bpf_place *p, const int program[2])
{
	int in = make_link(p->ifindex, program[0], TCX_INGRESS), out;

	if (in < 0)
		return in;
	out = make_link(p->ifindex, program[1], TCX_EGRESS);
	if (out < 0) {
		close(in);
		return out;
	}
	p->link[0] = in;
	p->link[1] = out;
	return 0;
}

static void detach(struct bpf_places *ps, struct bpf_place *p)
{
	for (int out = 0; out < 2; out++) {
		if (p->link[out] >= 0)
			close(p->link[out]);
		else
			remove_filter(ps, p->ifindex, out);
	}
}

int bpf_places_init(struct bpf_places *ps)
{
	memset(ps, 0, sizeof(*ps));
	ps->netlink = netlink_open(NETLINK_ROUTE, 0);
	return ps->netlink < 0 ? ps->netlink : 0;
}

void bpf_places_done(struct bpf_places *ps)
{
	bpf_detach_others(ps, NULL, 0);
	close(ps->netlink);
}

/* Where a tcx link is attached: that is nowhere when its interface has gone, whoever has the number now. */
static bool link_holds(int link, int ifindex)
{
	/* struct bpf_link_info: type, id, prog_id, padding; of tcx: ifindex, attach_type. */
	uint32_t info[16] = { 0 };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)link;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)info;
	return bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 || info[4] == (uint32_t)ifindex;
}

static bool still_there(struct bpf_places *ps, const struct bpf_place *p)
{
	for (int out = 0; out < 2; out++)
		if (p->link[out] >= 0 ? !link_holds(p->link[out], p->ifindex) :
					!has_filter(ps, p->ifindex, out))
			return false;
	return true;
}

/* What it was attached to may have been taken off by others, qdisc and all, or be another interface of its number. */
static int attach_again(struct bpf_places *ps, struct bpf_place *p, const int program[2])
{
	int err;

	if (still_there(ps, p))
		return 0;
	if (p->link[0] >= 0) {
		close(p->link[0]);
		close(p->link[1]);
		p->link[0] = p->link[1] = -1;
		err = attach_links(p, program);
	} else {
		err = attach_filters(ps, p, program);
	}
	if (err)
		*p = ps->place[--ps->count];
	return err;
}

int bpf_attach(struct bpf_places *ps, struct bpf_loaded *b, int ifindex, enum bpf_link_kind kind)
{
	struct bpf_place *p = &ps->place[ps->count];
	char words[BPF_LOG_BYTES];
	int err;

	for (unsigned int i = 0; i < ps->count; i++)
		if (ps->place[i].ifindex == ifindex)
			return attach_again(ps, &ps->place[i], b->program[kind]);
	if (ps->count == HOST_MAX_LINKS)
		return -ENOSPC;
	err = bpf_load_programs(b, kind, words, sizeof(words));
	if (err)
		return err;
	*p = (struct bpf_place){ .ifindex = ifindex, .link = { -1, -1 } };
	err = -EINVAL;
	if (!ps->filters)
		err = attach_links(p, b->program[kind]);
	if (err == -EINVAL) { /* no such attach type: a kernel without tcx */
		err = attach_filters(ps, p, b->program[kind]);
		ps->filters |= !err;
	}
	if (!err)
		ps->count++;
	return err;
}

void bpf_detach_others(struct bpf_places *ps, const int *wanted, unsigned int n)
{
	for (unsigned int i = ps->count; i-- > 0;) {
		unsigned int j = 0;

		while (j < n && wanted[j] != ps->place[i].ifindex)
			j++;
		if (j < n)
			continue;
		detach(ps, &ps->place[i]);
		ps->place[i] = ps->place[--ps->count];
	}
}
