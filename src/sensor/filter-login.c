/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/filter-internal.h"

#include "sensor/login.h"

/* A: the first four bytes; X: where they are. */
static void add_words(struct assembly *a)
{
	unsigned int n, i = 0, group = 0;
	const struct login_word *w = login_words(&n);

	while (i < n) {
		uint32_t first = w[i].first;

		if (!w[i].at) {
			jump(a, BPF_JEQ, first, INTERFACE, NEXT);
			i++;
			continue;
		}
		jump(a, BPF_JEQ, first, NEXT, LOGIN_WORD + group);
		for (; i < n && w[i].first == first; i++) {
			load(a, BPF_W | BPF_IND, w[i].at);
			jump(a, BPF_JEQ, w[i].then, INTERFACE, NEXT);
		}
		verdict(a, 0);
		place(a, LOGIN_WORD + group++);
	}
}

/* X: where the payload is. A segment that ends like a prompt. */
static void add_prompt(struct assembly *a)
{
	place(a, PROMPT);
	load(a, BPF_W | BPF_LEN, 0);
	add(a, BPF_ALU | BPF_SUB | BPF_X, 0, NEXT, NEXT);
	jump(a, BPF_JGE, LOGIN_PROMPT_MOST + 1, DROP, NEXT);
	jump(a, BPF_JGE, LOGIN_PROMPT_LEAST, NEXT, DROP);
	load(a, BPF_W | BPF_LEN, 0);
	add(a, BPF_ALU | BPF_SUB | BPF_K, 2, NEXT, NEXT);
	add(a, BPF_MISC | BPF_TAX, 0, NEXT, NEXT);
	load(a, BPF_H | BPF_IND, 0);
	jump(a, BPF_JEQ, LOGIN_PROMPT_USER, INTERFACE, NEXT);
	jump(a, BPF_JEQ, LOGIN_PROMPT_ROOT, INTERFACE, NEXT);
	jump(a, BPF_JEQ, LOGIN_PROMPT_ASKS, INTERFACE, DROP);
}

void filter_add_login(struct assembly *a, const struct filter_params *params)
{
	place(a, LOGIN); /* X: where the TCP header starts */
	load(a, BPF_H | BPF_IND, 0); /* source port: of a client, most likely */
	if (params->ephemeral_first)
		jump(a, BPF_JGE, params->ephemeral_first, DROP, NEXT);
	for (unsigned int i = 0; i < params->n_login_ports; i++)
		jump(a, BPF_JEQ, params->login_port[i], LOGIN_PAYLOAD, NEXT);
	verdict(a, 0);
	place(a, LOGIN_PAYLOAD);
	filter_to_payload(a, PROMPT);
	add_words(a);
	add_prompt(a);
}
