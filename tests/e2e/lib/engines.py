# SPDX-License-Identifier: BSD-2-Clause
"""Container engines: those of this machine, else what fetch-debs has unpacked.

Each function below runs one container and yields an Inside.  All of them run within
private_system(): what they keep on disk and in /run is seen by this test and the adder that it
starts, by nobody else.
"""
import contextlib
import glob
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import uuid

import adder
import containers
import mounts
from harness import Skip
from pythons import BUILD, HERE, WORKLOADS

LIFE_SECONDS = "60"
TREE = os.path.join(BUILD, "pythons", "trixie")
PYTHON = "/usr/bin/python3.13"
COMMAND = [PYTHON, "/app/inside.py", LIFE_SECONDS]
PATIENCE_SECONDS = 20
NAME = "e2e%d" % os.getpid()  # of a cgroup that others, running beside us, could have too


class Inside:
    """A container: the host's pid of its Python, how adder should call it (None: by nothing), what
    it may be asked for by, and the folder that it sees as /app."""

    def __init__(self, pid, label, asked_by=(), app=None):
        self.pid, self.label, self.asked_by, self.app = pid, label, list(asked_by), app


# ---- the layouts of cgroups ----

def layouts():
    """Those that this machine can show."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        return ["cgroup2"]
    return ["hybrid", "v1", "cgroup2"]


def set_layout(name):
    """What /sys/fs/cgroup looks like decides in which hierarchies an engine puts a container."""
    if name not in layouts():
        raise Skip("this machine's cgroups are all of version 2")
    if name == "v1":
        subprocess.run(["umount", "/sys/fs/cgroup/unified"], check=True)
    elif name == "cgroup2" and name != layouts()[0]:
        subprocess.run(["umount", "-R", "/sys/fs/cgroup"], check=True)
        mounts.mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")


# ---- what they run in ----

def unpacked(name):
    """Let what fetch-debs has unpacked as @name be found by what is started from now on."""
    done = subprocess.run([os.path.join(HERE, "fetch-debs"), name], stderr=subprocess.PIPE)
    if done.returncode:
        raise Skip(done.stderr.decode(errors="replace").strip())
    tree = os.path.join(BUILD, name, "usr")
    libraries = os.path.join(tree, "lib", "x86_64-linux-gnu")
    os.environ["PATH"] += ":/usr/sbin:/sbin:%s/bin:%s/sbin" % (tree, tree)
    os.environ["LD_LIBRARY_PATH"] = ":".join([libraries, libraries + "/systemd"])
    return tree


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip("no %s here" % program)


@contextlib.contextmanager
def private_system(layout):
    why = containers.lacking()
    if why:
        raise Skip(why)
    try:
        with mounts.private():
            set_layout(layout)
            unpacked("engines")
            for folder in "/var/lib", "/var/log", "/run":
                mounts.empty(folder)
            yield
    finally:
        for depth in "", "*/", "*/*/":  # those that an engine which was killed leaves
            for folder in glob.glob("/sys/fs/cgroup/%s*%s*" % (depth, NAME)):
                remove_cgroup(folder)


@contextlib.contextmanager
def app_folder():
    """One to be /app in a container; any user may read it."""
    with tempfile.TemporaryDirectory(prefix="adder-app-") as folder:
        os.chmod(folder, 0o755)
        shutil.copy(os.path.join(WORKLOADS, "inside.py"), folder)
        yield folder


def root_folder(app):
    """The tree that containers are made of, writable, with @app as its /app."""
    root = mounts.overlay(TREE, tempfile.mkdtemp(prefix="root-", dir="/run"))
    os.mkdir(root + "/app")
    mounts.mount("--bind", app, root + "/app")
    return root


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise AssertionError("%s: %s" % (command[0], said[-300:]))
    return done.stdout.decode().strip()


def end(process):
    process.terminate()
    try:
        process.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def daemon(socket, *command):
    """A program in the background, from when it answers at @socket."""
    with open("/run/daemon.log", "w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
        try:
            for _ in range(PATIENCE_SECONDS * 20):
                if os.path.exists(socket) or process.poll() is not None:
                    break
                time.sleep(0.05)
            if process.poll() is not None:
                log.seek(0)
                raise AssertionError("%s: %s" % (command[0], log.read()[-500:]))
            yield
        finally:
            end(process)


def children(pid):
    """Of each of its threads."""
    found = []
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, tid)) as file:
            found += [int(p) for p in file.read().split()]
    return found


def python_below(pid):
    """The first process at or below @pid that runs our program; found by what it runs."""
    for _ in range(PATIENCE_SECONDS * 20):
        todo = [pid]
        while todo:
            one = todo.pop()
            try:
                if os.readlink("/proc/%d/exe" % one).startswith("/") and \
                        b"inside.py" in open("/proc/%d/cmdline" % one, "rb").read().split(b"\0")[1]:
                    return one
                todo += children(one)
            except (OSError, IndexError):
                pass
        time.sleep(0.05)
    raise AssertionError("no inside.py runs below process %d" % pid)


@contextlib.contextmanager
def child(app, label, *command, **kwargs):
    """One that a @command makes which stays in the foreground."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, **kwargs)
    try:
        try:
            pid = python_below(process.pid)
        except AssertionError:
            process.kill()
            raise AssertionError("%s: %s" % (command[0], process.stderr.read().decode()[-300:]))
        yield Inside(pid, label, [label] if label else [], app)
    finally:
        for pid in {process.pid} | descendants(process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, 9)
        process.wait()
        process.stderr.close()


def descendants(pid):
    found, todo = set(), [pid]
    while todo:
        with contextlib.suppress(OSError):
            one = todo.pop()
            below = children(one)
            todo += below
            found.update(below)
    return found


# ---- the engines ----

@contextlib.contextmanager
def docker_engine():
    needs("dockerd", "docker", "containerd", "runc")
    os.environ["DOCKER_HOST"] = "unix:///run/docker.sock"
    with daemon("/run/docker.sock", "dockerd", "--iptables=false", "--ip-forward=false",
                "--bridge=none", "--oom-score-adjust", "0", "-H", os.environ["DOCKER_HOST"]):
        tar = subprocess.Popen(["tar", "-C", TREE, "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["docker", "import", "-", "e2e:1"], stdin=tar.stdout, check=True,
                       stdout=subprocess.DEVNULL)
        tar.wait()
        yield


@contextlib.contextmanager
def docker(app, name="web-1", options=()):
    with docker_engine():
        ident = run("docker", "run", "-d", "--name", name, "--network", "none", "-v", app + ":/app",
                    *options, "e2e:1", *COMMAND)
        try:
            pid = int(run("docker", "inspect", "-f", "{{.State.Pid}}", name))
            yield Inside(pid, name, [name, ident, ident[:12], "web*"], app)
        finally:
            run("docker", "rm", "-f", name)


ADDER_IN_DOCKER = """#!/bin/sh
exec docker run --rm --network none --pid=host \\
	--cap-drop=ALL --cap-add=SYS_ADMIN --cap-add=SYS_PTRACE \\
	-v /var/lib/docker:/var/lib/docker:ro -v /usr:/usr:ro -v /tmp:/tmp -v %s:/opt/adder:ro \\
	e2e:adder /opt/adder "$@"
"""


def adder_in_docker(folder):
    """A program, in @folder, that runs adder in a container of its own with the host's pids, and no
    more rights than it needs; in a tree with this machine's libraries."""
    for name in "lib", "lib64", "bin", "sbin":
        os.symlink("usr/" + name, os.path.join(folder, name))
    with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(["docker", "import", "-", "e2e:adder"], stdin=tar.stdout, check=True,
                       stdout=subprocess.DEVNULL)
    path = os.path.join(folder, "adder-in-docker")
    with open(path, "w") as file:
        file.write(ADDER_IN_DOCKER % adder.ADDER)
    os.chmod(path, 0o755)
    return path


@contextlib.contextmanager
def containerd_engine():
    needs("containerd", "ctr", "runc")
    with daemon("/run/containerd/containerd.sock", "containerd"):
        yield


@contextlib.contextmanager
def ctr_container(app, ident, label, asked_by, *options):
    root = root_folder(app)
    with containerd_engine():
        # Where a hierarchy of version 1 has the CPU controller, that of version 2 takes no shares.
        run("ctr", "run", "-d", "--rootfs", "--cpu-shares", "0", *options, root, ident, *COMMAND)
        try:
            tasks = [line.split() for line in run("ctr", "task", "ls").splitlines()]
            pid, = [int(words[1]) for words in tasks if words[0] == ident]
            yield Inside(pid, label, asked_by, app)
        finally:
            run("ctr", "task", "rm", "-f", ident)


@contextlib.contextmanager
def containerd(app):
    """A container of `ctr run`, which has a name but no id."""
    with ctr_container(app, NAME, NAME, [NAME]) as inside:
        yield inside


@contextlib.contextmanager
def kubernetes(app):
    """containerd's, in the cgroup that kubelet would name, with kubelet's link to its log."""
    ident, pod = secrets.token_hex(32), str(uuid.uuid4())
    names = ["shop/web-1/app", "app", "shop/*", ident[:12], pod]
    os.mkdir("/var/log/containers")
    os.symlink("/dev/null", "/var/log/containers/web-1_shop_app-%s.log" % ident)
    cgroup = "/kubepods/burstable/pod" + pod
    try:
        with ctr_container(app, ident, names[0], names, "--cgroup",
                           "%s/%s" % (cgroup, ident)) as inside:
            yield inside
    finally:  # as kubelet would
        for folder in glob.glob("/sys/fs/cgroup" + cgroup) + glob.glob("/sys/fs/cgroup/*" + cgroup):
            remove_cgroup(folder)


def runc_spec(folder, root, cgroup, user_namespace):
    spec = json.loads(open(folder + "/config.json").read())
    spec["root"] = {"path": root}
    spec["process"].update(terminal=False, args=COMMAND, cwd="/app")
    spec["process"].pop("rlimits", None)
    spec["linux"]["cgroupsPath"] = cgroup
    spec["linux"]["resources"] = {}
    if user_namespace:
        ids = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"].update(uidMappings=ids, gidMappings=ids)
    # What a container with fewer rights or in another view of cgroups may not mount.
    spec["mounts"] = [m for m in spec["mounts"] if m["destination"] in ("/proc", "/dev")]
    with open(folder + "/config.json", "w") as file:
        json.dump(spec, file)


@contextlib.contextmanager
def runc(app, user_namespace=False, ident=None):
    needs("runc")
    ident, root = ident or secrets.token_hex(32), root_folder(app)
    folder = tempfile.mkdtemp(prefix="bundle-", dir="/run")
    run("runc", "spec", "-b", folder)
    runc_spec(folder, root, "/system.slice/docker-%s.scope" % ident, user_namespace)
    # Not by run(): the container would keep its pipes.
    with open(folder + "/log", "w+") as log:
        failed = subprocess.call(["runc", "run", "-d", "-b", folder, "--pid-file", folder + "/pid",
                                  ident], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.seek(0)
        assert not failed, "runc: " + log.read().strip()
    try:
        yield Inside(int(open(folder + "/pid").read()), ident[:12], [ident, ident[:12]], app)
    finally:
        run("runc", "delete", "-f", ident)


def runc_user_namespace(app):
    return runc(app, user_namespace=True)


PODMAN_CONF = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
pids_limit = 0
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
conmon_path = ["{conmon}"]
[engine.runtimes]
runc = ["{runc}"]
"""


@contextlib.contextmanager
def podman(app):
    needs("podman", "conmon", "runc")
    with open("/run/containers.conf", "w") as file:
        file.write(PODMAN_CONF.format(conmon=shutil.which("conmon"), runc=shutil.which("runc")))
    os.environ["CONTAINERS_CONF"] = "/run/containers.conf"
    root = root_folder(app)
    with open("/run/id", "w+") as out, open("/run/podman.log", "w+") as log:
        failed = subprocess.call(["podman", "run", "-d", "--name", "db", "--network", "none",
                                  "--rootfs", root] + COMMAND,
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        log.seek(0)
        assert not failed, "podman: " + log.read().strip()[-300:]
        out.seek(0)
        ident = out.read().strip()
    try:
        yield Inside(int(run("podman", "inspect", "-f", "{{.State.Pid}}", "db")), "db",
                     ["db", ident, ident[:12]], app)
    finally:
        run("podman", "rm", "-f", "-t", "0", "db")


def remove_cgroup(folder):
    """With those in it; what was in them may still be on its way out."""
    for _ in range(50):
        below = [os.path.join(folder, name) for name in os.listdir(folder)]
        with contextlib.suppress(OSError):
            for path in filter(os.path.isdir, below):
                os.rmdir(path)
            os.rmdir(folder)
            break
        time.sleep(0.1)


class Cgroup:
    """A cgroup of @path in each hierarchy that engines use here, and what starts in it."""

    def __init__(self, path):
        mounted = ["/sys/fs/cgroup/" + name for name in ("unified", "systemd", "pids")]
        roots = [r for r in mounted if os.path.isdir(r)] or ["/sys/fs/cgroup"]
        self.folders = [root + path for root in roots]

    def __enter__(self):
        for folder in self.folders:
            os.makedirs(folder)
        return self

    def enter(self):
        for folder in self.folders:
            with open(folder + "/cgroup.procs", "w") as file:
                file.write(str(os.getpid()))

    def __exit__(self, *args):
        for folder in self.folders:
            remove_cgroup(folder)


@contextlib.contextmanager
def nspawn(app):
    """In the scope that systemd-machined would have made for it."""
    needs("systemd-nspawn")
    root = root_folder(app)
    with open(root + "/etc/os-release", "w") as file:
        file.write("ID=debian\n")
    with Cgroup("/machine.slice/machine-%s.scope" % NAME) as cgroup:
        with child(app, NAME, "systemd-nspawn", "-q", "--register=no", "--keep-unit",
                   "--private-network", "-M", NAME, "-D", root, "--bind", app + ":/app", *COMMAND,
                   preexec_fn=cgroup.enter) as inside:
            yield inside


LXC_CONF = """lxc.rootfs.path = dir:{root}
lxc.rootfs.mount = {mount}
lxc.uts.name = {name}
lxc.net.0.type = empty
lxc.mount.auto = proc
lxc.apparmor.profile = unconfined
"""


def lxc(app):
    needs("lxc-start")
    root, mount = root_folder(app), tempfile.mkdtemp(prefix="lxc-", dir="/run")
    os.makedirs("/run/lxc/" + NAME)
    with open("/run/lxc/%s/config" % NAME, "w") as file:
        file.write(LXC_CONF.format(root=root, mount=mount, name=NAME))
    return child(app, NAME, "lxc-start", "-F", "-P", "/run/lxc", "-n", NAME, "--", *COMMAND)


@contextlib.contextmanager
def systemd_unit(app):
    """In the cgroup that systemd gives a service."""
    with Cgroup("/system.slice/%s.service" % NAME) as cgroup:
        with child(app, NAME + ".service", "chroot", root_with_proc(app), *COMMAND,
                   preexec_fn=cgroup.enter) as inside:
            yield inside


def root_with_proc(app):
    root = root_folder(app)
    mounts.mount("-t", "proc", "proc", root + "/proc")
    return root


# ---- none of an engine's ----

def chroot(app):
    return child(app, None, "chroot", root_with_proc(app), *COMMAND)


def pid_namespaces(app):
    """Three, one in another."""
    nested = ["unshare", "-pf"] * 2 + ["unshare", "-pf", "--mount-proc"]
    return child(app, None, *nested, "chroot", root_with_proc(app), *COMMAND)


def user_namespace(app):
    """Of somebody who is not root: nobody, who is root there."""
    root = root_with_proc(app)
    return child(app, None, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                 "unshare", "-Urpf", "chroot", root, *COMMAND)


def bubblewrap(app):
    needs("bwrap")
    return child(app, None, "bwrap", "--unshare-all", "--bind", TREE, "/", "--proc", "/proc",
                 "--dev", "/dev", "--tmpfs", "/tmp", "--bind", app, "/tmp/app",
                 PYTHON, "/tmp/app/inside.py", LIFE_SECONDS)
