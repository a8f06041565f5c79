# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages of any suite, unpacked into a folder and not installed.

apt itself fetches them, in a state folder of its own, from the mirror that this machine's sources
name: so signatures and checksums are checked as usual.
"""
import glob
import os
import re
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
CONFIG = """Dir::State "{0}";
Dir::State::status "{0}/status";
Dir::State::lists "{0}/lists";
Dir::Cache "{0}";
Dir::Etc::sourcelist "{0}/sources.list";
Dir::Etc::sourceparts "{0}/none";
Dir::Etc::preferencesparts "{0}/none";
APT::Architecture "{1}";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::Check-Valid-Until "false";
Acquire::Retries "1";
Acquire::http::Timeout "10";
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
Debug::NoLocking "1";
"""


def mirror():
    """The first archive of Debian's own that apt is told of."""
    for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
        for line in open(path):
            if line.startswith("URIs:") and "debian" in line and "security" not in line:
                return line.split()[1]
    for path in ["/etc/apt/sources.list"] + glob.glob("/etc/apt/sources.list.d/*.list"):
        for line in open(path) if os.path.exists(path) else ():
            words = [w for w in line.split() if not w.startswith("[") and not w.endswith("]")]
            if words[:1] == ["deb"] and words[1].rstrip("/").endswith("debian"):
                return words[1]
    raise LookupError("apt's sources name no Debian mirror")


class Suite:
    """A suite of Debian's, with the folder @state for what apt needs to know of it."""

    def __init__(self, suite, state, architecture="amd64"):
        self.suite, self.state = suite, state
        for folder in "lists/partial", "archives/partial", "none":
            os.makedirs(os.path.join(state, folder), exist_ok=True)
        for name, text in (("status", ""), ("apt.conf", CONFIG.format(state, architecture)),
                           ("sources.list", "deb [signed-by=%s] %s %s main\n" %
                            (KEYRING, mirror(), suite))):
            with open(os.path.join(state, name), "w") as f:
                f.write(text)
        self.apt("apt-get", "-q", "-y", "update")

    def apt(self, *command):
        """What it prints; LookupError with apt's own reason if it fails."""
        env = dict(os.environ, APT_CONFIG=self.state + "/apt.conf", LC_ALL="C")
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, timeout=120,
                              cwd=self.state + "/archives", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        text = done.stdout.decode(errors="replace")
        if done.returncode:
            raise LookupError(next((x for x in text.split("\n") if x.startswith("E:")),
                                   "apt-get failed"))
        return text

    def with_all_they_need(self, packages):
        """The files of @packages and of all that they depend on."""
        self.apt("apt-get", "-q", "-y", "-d", "--no-install-recommends", "install", *packages)
        return glob.glob(self.state + "/archives/*.deb")

    def upstream_source(self, package):
        """The tarball that a source package was made from."""
        with open(self.state + "/sources.list", "w") as f:
            f.write("deb-src [signed-by=%s] %s %s main\n" % (KEYRING, mirror(), self.suite))
        self.apt("apt-get", "-q", "-y", "update")
        self.apt("apt-get", "-q", "--download-only", "--tar-only", "source", package)
        return glob.glob(self.state + "/archives/*.orig.tar.*")[0]

    def with_parts(self, package, pattern):
        """The files of @package and of those that it depends on whose names begin with @pattern."""
        text = self.apt("apt-cache", "depends", "--recurse", "--important", "--no-recommends",
                        "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces",
                        "--no-enhances", package)
        names = set(re.findall("^" + pattern + r"[^ :<]*$", text, re.M))
        self.apt("apt-get", "-q", "download", *names)
        return glob.glob(self.state + "/archives/*.deb")


def unpack(debs, tree):
    """A tree with merged /usr, as the packages of later suites expect it to be."""
    for name in "bin", "sbin", "lib", "lib64":
        os.makedirs(os.path.join(tree, "usr", name), exist_ok=True)
        os.symlink("usr/" + name, os.path.join(tree, name))
    for name in "proc", "dev", "tmp", "sys", "etc":
        os.makedirs(os.path.join(tree, name), exist_ok=True)
    for deb in debs:
        pipe = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", tree,
                        "--exclude=./usr/share/doc", "--exclude=./usr/share/man"],
                       stdin=pipe.stdout, check=True)
        if pipe.wait():
            raise LookupError("cannot unpack " + deb)
