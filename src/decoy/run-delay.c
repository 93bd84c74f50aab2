/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decoy/run-delay.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_LEN 128 /* three numbers */
#define NS_PER_MS 1000000

static unsigned int to_ms(uint64_t ns)
{
	return ns / NS_PER_MS > UINT_MAX ? UINT_MAX : (unsigned int)(ns / NS_PER_MS);
}

uint64_t run_delay_text(const char *text)
{
	const char *at = text;
	uint64_t ns = 0;

	while (*at >= '0' && *at <= '9')
		at++;
	if (at == text || *at != ' ' || at[1] < '0' || at[1] > '9')
		return 0;
	for (at++; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(ns, 10, &ns) ||
		    __builtin_add_overflow(ns, (uint64_t)(*at - '0'), &ns))
			return 0;
	return *at == ' ' ? ns : 0;
}

static uint64_t of_file(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[TEXT_LEN];
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return run_delay_text(text);
}

uint64_t run_delay_folder(const char *path)
{
	const struct dirent *entry;
	char name[NAME_MAX + sizeof("/schedstat")];
	uint64_t all = 0;
	DIR *dir = opendir(path);

	for (int i = 0; dir && i < RUN_DELAY_TASKS_MAX && (entry = readdir(dir)); i++) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(name, sizeof(name), "%s/schedstat", entry->d_name);
		if (__builtin_add_overflow(all, of_file(dirfd(dir), name), &all))
			all = UINT64_MAX;
	}
	if (dir)
		closedir(dir);
	return all;
}

unsigned int run_delay_ms(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return to_ms(run_delay_folder(path));
}

unsigned int run_delay_own_ms(void)
{
	return to_ms(of_file(AT_FDCWD, "/proc/thread-self/schedstat"));
}

unsigned int run_delay_less(unsigned int wall_ms, unsigned int waited_ms, unsigned int cpu_ms)
{
	unsigned int left = waited_ms < wall_ms ? wall_ms - waited_ms : 0;

	return left > cpu_ms ? left : cpu_ms;
}
