/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proc/process.h"

/* Arguments as a literal, a NUL after each but the last, which the literal's own NUL ends. */
#define ARGS(text) text, sizeof(text)

static void calls_a_process_as_a_person_would(void **state)
{
	static const struct {
		const char *args;
		size_t bytes;
		const char *comm, *name;
	} cases[] = {
		{ ARGS("python\0app.py"), "python", "app.py" },
		{ ARGS("/usr/bin/python3.11\0/srv/shop/manage.py\0runserver"), "python3.11",
		  "manage.py" },
		{ ARGS("python3\0-m\0http.server\08000"), "python3", "http.server" },
		{ ARGS("python3\0-mhttp.server"), "python3", "http.server" },
		{ ARGS("python3\0-um\0http.server"), "python3", "http.server" },
		{ ARGS("python3\0-m\0tool.__main__"), "python3", "tool" },
		{ ARGS("python3\0-c\0print(1)"), "python3", "-c" },
		{ ARGS("python3\0-Ic\0print(1)"), "python3", "-c" },
		{ ARGS("python3\0-c\0from multiprocessing.spawn import spawn_main; x()\0--"),
		  "python3", "multiprocessing.spawn" },
		{ ARGS("python3\0-\0app.py"), "python3", "python3" },
		{ ARGS("python3"), "python3", "python3" },
		{ ARGS("/usr/bin/python3\0-i"), "shell", "shell" },
		{ ARGS("python3\0-W\0ignore\0-X\0dev\0--check-hash-based-pycs\0always\0a.py\0b"),
		  "python3", "a.py" },
		{ ARGS("python3\0-Wignore\0-Xdev\0-OO\0-bB\0dir/a.py"), "python3", "a.py" },
		{ ARGS("python3\0-uW\0ignore\0a.py"), "python3", "a.py" },
		{ ARGS("python3\0-u\0--\0-odd.py"), "python3", "-odd.py" },
		{ ARGS("/usr/bin/python3\0/usr/bin/gunicorn\0app:app"), "gunicorn", "gunicorn" },
		{ ARGS("python3.13t\0-X\0gil=0\0x.py"), "python3.13t", "x.py" },
		{ ARGS("python3.9-dbg\0x.py"), "python3.9-dbg", "x.py" },
		{ ARGS("pypy3\0x.py"), "pypy3", "x.py" },
		{ ARGS("gunicorn: worker [app]"), "gunicorn", "gunicorn: worker [app]" },
		{ ARGS("gunicorn: master [/srv/app]   \0\0\0"), "gunicorn",
		  "gunicorn: master [/srv/app]" },
		{ ARGS("/usr/bin/uwsgi\0--ini\0app.ini"), "uwsgi", "uwsgi" },
		{ ARGS("/opt/My App/bin/server\0x"), "server", "server" },
		{ ARGS("python3-config\0x"), "python3-config", "python3-config" },
		{ ARGS("python\0/srv/folder/__main__.py"), "python", "folder" },
		{ ARGS("python\0folder/__main__.py\0x"), "python", "folder" },
		{ ARGS("python\0__main__.py"), "python", "__main__.py" },
		{ ARGS("python\0/srv/folder/"), "python", "folder" },
		{ ARGS("python\0/srv/tool.pyz"), "python", "tool.pyz" },
		{ ARGS("python\0."), "python", "python" },
		{ ARGS("python\0/"), "python", "/" },
		{ ARGS("/lib64/ld-linux-x86-64.so.2\0--library-path\0/r/lib\0/r/bin/"
		       "python3.9\0x.py"),
		  "ld-linux-x86-64", "x.py" },
		{ ARGS(""), "comm", "comm" },
		{ "", 0, "comm", "comm" },
		{ ARGS("python\0-m"), "python", "python" },
		{ ARGS("python\0-W"), "python", "python" },
		{ "python\0/srv/long-na", 19, "python", "long-na" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[64];

		process_name(cases[i].args, cases[i].bytes, cases[i].comm, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
}

static void cuts_a_name_to_its_room(void **state)
{
	char name[4];

	(void)state;
	process_name(ARGS("python\0longer.py"), "python", name, sizeof(name));
	assert_string_equal(name, "lon");
}

static void reads_a_stat_file(void **state)
{
	static const char text[] =
		"4242 (a) b (c) S 17 4242 4242 0 -1 4194304 5 6 77 8 250 50 9 10 20 0 3 0 "
		"123456 1000 200 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n";
	uint64_t tick_ns = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	struct process_stat s;

	(void)state;
	assert_int_equal(process_parse_stat(text, &s), 0);
	assert_string_equal(s.comm, "a) b (c");
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.ppid, 17);
	assert_true(s.major_faults == 77 && s.thread_count == 3);
	assert_true(s.user_ns == 250 * tick_ns && s.system_ns == 50 * tick_ns);
	assert_true(s.start_ns == 123456 * tick_ns);
}

static void unescapes_a_name_in_a_stat_file(void **state)
{
	struct process_stat s;

	(void)state;
	assert_int_equal(
		process_parse_stat("1 (a\\nb\\\\n) R 0 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 5", &s),
		0);
	assert_string_equal(s.comm, "a\nb\\n");
}

static void refuses_a_broken_stat_file(void **state)
{
	static const char *const texts[] = { "",        "1",       "1 (a",         "1 (a)",
					     "1 )a( S", "1 (a) S", "1 (a) S 1 2 3" };
	struct process_stat s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(process_parse_stat(texts[i], &s), -EBADMSG);
}

static void reads_a_syscall_file(void **state)
{
	struct process_syscall s;

	(void)state;
	assert_int_equal(process_parse_syscall("running\n", &s), -EAGAIN);
	assert_int_equal(process_parse_syscall("-1 0x7ffc 0x55\n", &s), 0);
	assert_true(s.number == -1 && s.sp == 0x7ffc && s.pc == 0x55);
	assert_int_equal(process_parse_syscall("7 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffc 0x55\n", &s), 0);
	assert_true(s.number == 7 && s.args[0] == 1 && s.args[5] == 6 && s.sp == 0x7ffc);
	assert_int_equal(process_parse_syscall("7 0x1 0x2\n", &s), -EBADMSG);
	assert_int_equal(process_parse_syscall("", &s), -EBADMSG);
}

static void reads_itself(void **state)
{
	struct process p;
	struct timespec now;

	(void)state;
	assert_int_equal(process_read(getpid(), &p), 0);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.stat.ppid, getppid());
	assert_true(p.args_bytes > 0);
	assert_true(strlen(p.exe) > 0);
	clock_gettime(CLOCK_BOOTTIME, &now);
	assert_true(p.stat.start_ns / 1000000000 <= (uint64_t)now.tv_sec);
	assert_true(p.stat.start_ns / 1000000000 + 60 > (uint64_t)now.tv_sec);
	assert_true(process_boot_offset_ns() >= -1000000);
}

static int is_wanted(pid_t id, void *arg)
{
	return id == *(pid_t *)arg;
}

static void lists_itself_and_its_threads(void **state)
{
	pid_t pid = getpid(), nobody = -1;

	(void)state;
	assert_int_equal(process_each(is_wanted, &pid), 1);
	assert_int_equal(process_each(is_wanted, &nobody), 0);
	assert_int_equal(process_each_thread(pid, is_wanted, &pid), 1);
	assert_int_equal(process_each_thread(0x3fffffff, is_wanted, &pid), -ENOENT);
}

static void identifies_its_own_program(void **state)
{
	struct process_file file;
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_int_equal(process_read_file(getpid(), &file), 0);
	assert_true(file.size == (uint64_t)st.st_size);
	assert_true(file.inode == st.st_ino);
	if (major(st.st_dev) != 0) /* where the file system has a device of its own */
		assert_int_equal(file.device, major(st.st_dev) << 20 | minor(st.st_dev));
	assert_int_equal(process_read_file(0x3fffffff, &file), -ENOENT);
}

/* A child that sleeps, with a name of its own. */
static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NAME, "odd) name");
		syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0L);
		_exit(0);
	}
	return pid;
}

static void reads_where_a_thread_is_blocked(void **state)
{
	struct process_syscall s = { .number = -2 };
	struct process_stat stat;
	pid_t pid = start_sleeper();
	char wchan[64] = "?";

	(void)state;
	for (int i = 0; i < 1000 && (process_thread_syscall(pid, pid, &s) || s.number != SYS_ppoll);
	     i++)
		usleep(1000);
	assert_int_equal(s.number, SYS_ppoll);
	assert_int_equal(process_thread_stat(pid, pid, &stat), 0);
	assert_int_equal(stat.state, 'S');
	assert_string_equal(stat.comm, "odd) name");
	assert_int_equal(process_thread_wchan(pid, pid, wchan, sizeof(wchan)), 0);
	assert_string_not_equal(wchan, "?");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void reads_a_zombie_without_arguments(void **state)
{
	pid_t pid = start_sleeper();
	siginfo_t info;
	struct process p;

	(void)state;
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(process_read(pid, &p), 0);
	assert_int_equal(p.stat.state, 'Z');
	assert_int_equal(p.args_bytes, 0);
	assert_string_equal(p.exe, "");
	waitpid(pid, NULL, 0);
	assert_true(process_read(pid, &p) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_a_process_as_a_person_would),
		cmocka_unit_test(cuts_a_name_to_its_room),
		cmocka_unit_test(reads_a_stat_file),
		cmocka_unit_test(unescapes_a_name_in_a_stat_file),
		cmocka_unit_test(refuses_a_broken_stat_file),
		cmocka_unit_test(reads_a_syscall_file),
		cmocka_unit_test(reads_itself),
		cmocka_unit_test(lists_itself_and_its_threads),
		cmocka_unit_test(identifies_its_own_program),
		cmocka_unit_test(reads_where_a_thread_is_blocked),
		cmocka_unit_test(reads_a_zombie_without_arguments),
	};

	return cmocka_run_group_tests_name("proc_process", tests, NULL, NULL);
}
