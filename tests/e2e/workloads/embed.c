/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that is no Python until it loads a libpython: embed LIBPYTHON ARGUMENTS-OF-PYTHON...
 *
 * With SECOND=LIBPYTHON in the environment, a second one runs in a thread of its own: in
 * second_leaf(), called by second().
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const second = "import time\n"
				  "def second_leaf():\n"
				  "    time.sleep(100)\n"
				  "def second():\n"
				  "    second_leaf()\n"
				  "second()\n";

static void *load(const char *path, int flags, const char *name)
{
	void *lib = dlopen(path, RTLD_NOW | flags);
	void *function = lib ? dlsym(lib, name) : NULL;

	if (!function) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return function;
}

static void *run_second(void *path)
{
	void (*start)(int) = load(path, RTLD_LOCAL, "Py_InitializeEx");
	int (*run)(const char *, void *) = load(path, RTLD_LOCAL, "PyRun_SimpleStringFlags");

	start(0);
	run(second, NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	char *other = getenv("SECOND");
	int (*python)(int, char **);
	pthread_t thread;

	if (argc < 2)
		return 2;
	if (other) {
		pthread_create(&thread, NULL, run_second, other);
		usleep(500 * 1000); /* until it sleeps */
	}
	usleep(300 * 1000); /* so that whoever saw the exec has judged the program */
	python = load(argv[1], other ? RTLD_LOCAL : RTLD_GLOBAL, "Py_BytesMain");
	return python(argc - 1, argv + 1);
}
