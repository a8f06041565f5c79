/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proc/container.h"

#define A       "4f0c1c2e8f4a3b5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5"
#define A_SHORT "4f0c1c2e8f4a"
#define B       "9b1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f"
#define B_SHORT "9b1d2e3f4a5b"
#define POD     "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
#define POD_SD  "0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9"
#define KUBE_SD "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_SD ".slice"

static const struct {
	const char *path;
	enum container_kind kind;
	const char *id, *name, *pod;
} paths[] = {
	{ "/docker/" A, CONTAINER_DOCKER, A_SHORT, "", "" },
	{ "/system.slice/docker-" A ".scope", CONTAINER_DOCKER, A_SHORT, "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" A ".scope",
	  CONTAINER_DOCKER, A_SHORT, "", "" },
	{ "/docker/" A "/docker/" B, CONTAINER_DOCKER, B_SHORT, "", "" },
	{ "/docker/" A "/system.slice/ssh.service", CONTAINER_DOCKER, A_SHORT, "", "" },
	{ "/system.slice/docker-" A ".scope/init.scope", CONTAINER_DOCKER, A_SHORT, "", "" },
	{ "/k8s.io/" A, CONTAINER_CONTAINERD, A_SHORT, "", "" },
	{ "/default/redis1", CONTAINER_CONTAINERD, "", "redis1", "" },
	{ "/default/" A, CONTAINER_CONTAINERD, A_SHORT, "", "" },
	{ "/system.slice/nerdctl-" A ".scope", CONTAINER_CONTAINERD, A_SHORT, "", "" },
	{ KUBE_SD "/cri-containerd-" A ".scope", CONTAINER_CONTAINERD, A_SHORT, "", POD },
	{ KUBE_SD "/crio-" A ".scope", CONTAINER_CRIO, A_SHORT, "", POD },
	{ KUBE_SD "/crio-conmon-" A ".scope", CONTAINER_NONE, "", "", "" },
	{ KUBE_SD "/docker-" A ".scope", CONTAINER_DOCKER, A_SHORT, "", POD },
	{ "/kubepods.slice/kubepods-pod" POD_SD ".slice/cri-containerd-" A ".scope",
	  CONTAINER_CONTAINERD, A_SHORT, "", POD },
	{ "/kubepods/burstable/pod" POD "/" A, CONTAINER_KUBE, A_SHORT, "", POD },
	{ "/kubepods/pod" POD "/" A, CONTAINER_KUBE, A_SHORT, "", POD },
	{ "/kubelet/kubepods/besteffort/pod" POD "/" A, CONTAINER_KUBE, A_SHORT, "", POD },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	  "kubelet-kubepods-besteffort-pod" POD_SD ".slice/cri-containerd-" A ".scope",
	  CONTAINER_CONTAINERD, A_SHORT, "", POD },
	{ "/system.slice/k3s.service/kubepods/besteffort/pod" POD "/" A, CONTAINER_KUBE, A_SHORT,
	  "", POD },
	{ "/system.slice/containerd.service/kubepods-burstable-pod" POD_SD
	  ".slice:cri-containerd:" A,
	  CONTAINER_CONTAINERD, A_SHORT, "", POD },
	{ "/machine.slice/libpod-" A ".scope", CONTAINER_PODMAN, A_SHORT, "", "" },
	{ "/machine.slice/libpod-" A ".scope/container", CONTAINER_PODMAN, A_SHORT, "", "" },
	{ "/machine.slice/libpod-conmon-" A ".scope", CONTAINER_NONE, "", "", "" },
	{ "/libpod_parent/libpod-" A, CONTAINER_PODMAN, A_SHORT, "", "" },
	{ "/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope", CONTAINER_PODMAN,
	  A_SHORT, "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" A ".scope/container",
	  CONTAINER_PODMAN, A_SHORT, "", "" },
	{ "/lxc/web1", CONTAINER_LXC, "", "web1", "" },
	{ "/lxc/101/ns/system.slice/nginx.service", CONTAINER_LXC, "", "101", "" },
	{ "/lxc.payload.web1", CONTAINER_LXC, "", "web1", "" },
	{ "/lxc.payload.web1/system.slice/cron.service", CONTAINER_LXC, "", "web1", "" },
	{ "/lxc.payload/web1", CONTAINER_LXC, "", "web1", "" },
	{ "/lxc.monitor.web1", CONTAINER_NONE, "", "", "" },
	{ "/machine.slice/machine-deb\\x2dsid.scope/payload", CONTAINER_NSPAWN, "", "deb-sid", "" },
	{ "/machine.slice/systemd-nspawn@deb.service/payload", CONTAINER_NSPAWN, "", "deb", "" },
	{ "/ecs/0123456789abcdef0123456789abcdef/" A, CONTAINER_OTHER, A_SHORT, "", "" },
	{ "/system.slice/nginx.service", CONTAINER_SYSTEMD, "", "nginx.service", "" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", CONTAINER_SYSTEMD, "",
	  "getty@tty1.service", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", CONTAINER_SYSTEMD,
	  "", "app.service", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/init.scope", CONTAINER_NONE, "", "", "" },
	{ "/user.slice/user-1000.slice/session-3.scope", CONTAINER_NONE, "", "", "" },
	{ "/init.scope", CONTAINER_NONE, "", "", "" },
	{ "/", CONTAINER_NONE, "", "", "" },
	{ "", CONTAINER_NONE, "", "", "" },
	{ "/../../..", CONTAINER_NONE, "", "", "" },
	{ "/docker", CONTAINER_NONE, "", "", "" },
	{ "/docker/4f0c1c2e8f4a", CONTAINER_NONE, "", "", "" },
	{ "/docker-.scope", CONTAINER_NONE, "", "", "" },
};

static void check(const struct container *c, size_t i)
{
	if (c->kind != paths[i].kind)
		print_error("%s: kind %d\n", paths[i].path, c->kind);
	assert_int_equal(c->kind, paths[i].kind);
	assert_string_equal(c->short_id, paths[i].id);
	assert_string_equal(c->name, paths[i].name);
	assert_string_equal(c->pod, paths[i].pod);
}

static void recognises_the_paths_of_every_engine(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct container c;

		container_from_path(paths[i].path, &c);
		check(&c, i);
	}
}

/* The path as the kernel half puts it together. */
static size_t to_components(const char *path, char *ret)
{
	size_t used = 0, end = strlen(path);

	while (end) {
		size_t start = end;

		while (start && path[start - 1] != '/')
			start--;
		if (end > start) {
			memcpy(ret + used, path + start, end - start);
			used += end - start;
			ret[used++] = '\0';
		}
		end = start ? start - 1 : 0;
	}
	ret[used++] = '\0';
	return used;
}

static void recognises_the_kernel_halfs_components(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char components[512];
		size_t size = to_components(paths[i].path, components);
		cleanup_free char *exact = malloc(size);
		struct container c;

		memcpy(exact, components, size);
		container_from_components(exact, size, &c);
		check(&c, i);
	}
}

static void takes_components_that_end_with_the_room(void **state)
{
	static const char cut[8] = { 'i', 'n', 'n', 'e', 'r', '\0', 'd', 'o' };
	struct container c;

	(void)state;
	container_from_components(cut, sizeof(cut), &c);
	assert_int_equal(c.kind, CONTAINER_NONE);
	container_from_components(cut, 0, &c);
	assert_int_equal(c.kind, CONTAINER_NONE);
}

static void chooses_the_line_that_tells_most(void **state)
{
	static const struct {
		const char *text, *label;
	} cases[] = {
		{ "0::/docker/" A "\n", A_SHORT },
		{ "12:cpu,cpuacct:/docker/" A "\n1:name=systemd:/docker/" A "\n0::/\n", A_SHORT },
		{ "4:memory:/system.slice/ssh.service\n0::/system.slice/ssh.service\n",
		  "ssh.service" },
		{ "3:pids:/system.slice/docker.service\n2:cpu:/docker/" A
		  "\n0::/system.slice/docker.service\n",
		  A_SHORT },
		{ "2:cpu:/lxc/web\n1:name=systemd:/lxc/web/system.slice/x.service\n0::/\n", "web" },
		{ "0::/user.slice/user-0.slice/session-1.scope\n", NULL },
		{ "0::/docker/" A " (deleted)\n2:cpu:/docker/" A "\n", A_SHORT },
		{ "0::/system.slice/a:b.service", "a:b.service" },
		{ "nonsense\n\n0:", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct container c;

		container_from_text(cases[i].text, &c);
		if (cases[i].label)
			assert_string_equal(container_label(&c), cases[i].label);
		else
			assert_null(container_label(&c));
	}
}

static void is_chosen_by_id_name_pod_and_glob(void **state)
{
	static const struct {
		const char *pattern;
		bool matches;
	} cases[] = {
		{ "4f0c", true },   { A_SHORT, true },
		{ A, true },        { "4f0", false },
		{ "web", true },    { "we", false },
		{ "*/web", true },  { "shop/web-1/web", true },
		{ "shop/*", true }, { "[a-c]*", false },
		{ POD, true },      { "4f0c*", true },
		{ "", false },      { B_SHORT, false },
	};
	struct container c, host;

	(void)state;
	container_from_path("/kubepods/pod" POD "/" A, &c);
	strcpy(c.name, "shop/web-1/web");
	container_from_path("/", &host);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(container_matches(&c, cases[i].pattern), cases[i].matches);
		assert_false(container_matches(&host, cases[i].pattern));
	}
	assert_false(container_matches(&host, "*"));
}

/* A folder like a host's root, removed with all that is in it. */
static int make_root(void **state)
{
	static char root[] = "/tmp/container_root_XXXXXX";

	strcpy(root + strlen(root) - 6, "XXXXXX");
	*state = mkdtemp(root);
	return *state ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", (char *)*state);
	return system(command);
}

static void put_file(const char *root, const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	cleanup_fclose FILE *file = NULL;

	snprintf(path, sizeof(path), "mkdir -p %s%s", root, folder);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s%s/%s", root, folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
}

static void finds_the_name_that_docker_gave(void **state)
{
	struct container c;

	put_file(*state, "/var/lib/docker/containers/" A, "config.v2.json",
		 "{\"Config\":{\"x\":\"a\\\"}\",\"Name\":\"/x\"},\"ID\":\"" A
		 "\",\"Name\":\"/shop-web\",\"Driver\":0}");
	container_from_path("/docker/" A, &c);
	container_find_name(&c, *state);
	assert_string_equal(container_label(&c), "shop-web");

	/* As seen from within another container's cgroup namespace. */
	container_from_path("/../" A, &c);
	container_find_name(&c, *state);
	assert_string_equal(container_label(&c), "shop-web");

	container_from_path("/docker/" B, &c);
	container_find_name(&c, *state);
	assert_string_equal(container_label(&c), B_SHORT);
}

static void finds_the_name_that_podman_gave(void **state)
{
	struct container c;

	put_file(*state, "/var/lib/containers/storage/overlay-containers", "containers.json",
		 "[{\"id\":\"" A "\",\"layer\":\"x\"},{\"id\":\"" B
		 "\",\"names\":[\"db\"],\"layer\":1}]");
	container_from_path("/libpod_parent/libpod-" B, &c);
	container_find_name(&c, *state);
	assert_string_equal(container_label(&c), "db");

	container_from_path("/libpod_parent/libpod-" A, &c);
	container_find_name(&c, *state);
	assert_string_equal(container_label(&c), A_SHORT);
}

static void finds_the_name_that_kubelet_gave(void **state)
{
	struct container c;

	put_file(*state, "/var/log/containers", "web-1_shop_app-1-" A ".log", "");
	put_file(*state, "/var/log/containers", "broken-" B ".log", "");
	container_from_path(KUBE_SD "/cri-containerd-" A ".scope", &c);
	container_find_name(&c, *state);
	assert_string_equal(container_label(&c), "shop/web-1/app-1");

	container_from_path(KUBE_SD "/cri-containerd-" B ".scope", &c);
	container_find_name(&c, *state);
	assert_string_equal(container_label(&c), B_SHORT);
}

static void reads_its_own_container(void **state)
{
	struct container c;

	(void)state;
	assert_int_equal(container_read(getpid(), &c), 0);
	assert_int_equal(container_read(0x3fffffff, &c), -ENOENT);
}

static void chooses_the_cgroup_that_the_kernel_half_chooses(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "0::/system.slice/web.service\n", "/system.slice/web.service" },
		{ "3:memory:/a/longer/one\n2:cpu,pids:/jobs/7\n1:name=systemd:/\n0::/\n",
		  "/jobs/7" },
		{ "4:pids:/jobs/7\n3:memory:/a/longer/one\n0::/web\n", "/web" },
		{ "3:memory:/a\n2:rapids:/b\n", "/" },
		{ "2:pids:/no end", "/no end" },
		{ "", "/" },
		{ "no colon\n1:one\n", "/" },
		{ "9:pids:/which-is-longer-than-its-room-is\n", "/which-is-longer-than-its-room-" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[32];

		container_cgroup_from_text(cases[i].text, path, sizeof(path));
		assert_string_equal(path, cases[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recognises_the_paths_of_every_engine),
		cmocka_unit_test(recognises_the_kernel_halfs_components),
		cmocka_unit_test(takes_components_that_end_with_the_room),
		cmocka_unit_test(chooses_the_line_that_tells_most),
		cmocka_unit_test(is_chosen_by_id_name_pod_and_glob),
		cmocka_unit_test_setup_teardown(finds_the_name_that_docker_gave, make_root,
						remove_root),
		cmocka_unit_test_setup_teardown(finds_the_name_that_podman_gave, make_root,
						remove_root),
		cmocka_unit_test_setup_teardown(finds_the_name_that_kubelet_gave, make_root,
						remove_root),
		cmocka_unit_test(reads_its_own_container),
		cmocka_unit_test(chooses_the_cgroup_that_the_kernel_half_chooses),
	};

	return cmocka_run_group_tests_name("proc_container", tests, NULL, NULL);
}
