# SPDX-License-Identifier: BSD-2-Clause
# adder: 'make' leaves one self-contained program, build/adder.
VERSION := 0.1.0
PREFIX  ?= /usr/local
B       := build
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
CFLAGS  ?= -O2 -g
SAN     ?=

# For another processor than this one: make CROSS_COMPILE=aarch64-linux-gnu- B=build/arm64, and where
# its libraries are not installed beside this one's, SYSROOT= a tree that has them.
CROSS_COMPILE ?=
SYSROOT       ?=
ifneq ($(CROSS_COMPILE),)
CC := $(CROSS_COMPILE)gcc
AR := $(CROSS_COMPILE)ar
endif
MULTIARCH := $(shell $(CC) -print-multiarch)
ARCH      := $(if $(filter aarch64%,$(MULTIARCH)),arm64,x86)
TARGET    := $(if $(SYSROOT),--sysroot=$(SYSROOT))

ALL_CFLAGS := -std=gnu17 -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes $(CFLAGS) $(TARGET) \
	-D_FILE_OFFSET_BITS=64 -DADDER_VERSION='"$(VERSION)"' -Iuser -Iinclude -I$(B) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
BPF_CFLAGS := -O2 -g -target bpf -D__TARGET_ARCH_$(ARCH) -mcpu=v3 -Wall -Wextra -Wno-unused-parameter \
	-Ivmlinux -Iinclude -I$(SYSROOT)/usr/include/$(MULTIARCH)
LIBS := -lbpf -lelf -lprotobuf-c -ljansson -lz -lm

MAIN := $(B)/user/main.o
OBJ  := $(patsubst %.c,$(B)/%.o,$(filter-out user/main.c,$(wildcard user/*.c user/*/*.c))) $(B)/profile.pb-c.o
BPF  := $(patsubst %.bpf.c,$(B)/%.bpf.o,$(wildcard bpf/*.bpf.c))
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

# As many jobs as there are CPUs, unless told otherwise.
$(if $(filter -j%,$(MAKEFLAGS))$(filter-out 0,$(MAKELEVEL)),,$(eval MAKEFLAGS += -j$(shell nproc)))

say = $(if $(V),,@printf '  %-6s %s\n' $(1) $(@:$(B)/%=%);)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all profile test test-pythons test-vm test-arm64 test-slow soak unit tests check bench bench-peers fuzz fuzzers install uninstall clean

all: $(B)/adder

$(B)/adder: $(MAIN) $(B)/libadder.a
	$(call say,LINK)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libadder.a: $(OBJ)
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c | $(B)/adder.skel.h $(B)/adder_old.skel.h $(B)/profile.pb-c.h $(B)/syscalls.h
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/profile.pb-c.o: $(B)/profile.pb-c.c
	$(call say,CC)$(CC) $(CFLAGS) $(TARGET) -I$(B) -c $< -o $@

$(B)/profile.pb-c.c: user/pprof/profile.proto
	@mkdir -p $(@D)
	$(call say,PROTO)protoc-c --proto_path=$(<D) --c_out=$(B) $< 2>$@.log || (cat $@.log; false)

$(B)/profile.pb-c.h: $(B)/profile.pb-c.c

# Names of the syscalls by number, for the label "detail".
$(B)/syscalls.h:
	@mkdir -p $(@D)
	$(call say,GEN)echo '#include <asm/unistd.h>' | $(CC) $(TARGET) -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/[__NR_\1] = "\1",/p' | grep -v '"syscalls"\|"arch_specific' | sort > $@

# Each bpf/*.bpf.c is one object; linked, they become one skeleton.  The one that
# defines the maps goes first: bpftool 7.1 misplaces maps it has only seen declared.
$(B)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/adder.bpf.o: $(B)/bpf/maps.bpf.o $(filter-out $(B)/bpf/maps.bpf.o,$(BPF))
	$(call say,BPFLD)$(BPFTOOL) gen object $@ $^

# The same for Linux 5.10 to 5.17 (bpf/compat.h): another object, a skeleton of the same shape.
$(B)/old/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF)$(CLANG) $(BPF_CFLAGS) -DADDER_OLD_KERNEL -MMD -MP -c $< -o $@

$(B)/adder_old.bpf.o: $(B)/old/bpf/maps.bpf.o $(filter-out $(B)/old/bpf/maps.bpf.o,$(BPF:$(B)/%=$(B)/old/%))
	$(call say,BPFLD)$(BPFTOOL) gen object $@ $^

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL)$(BPFTOOL) gen skeleton $< name adder_bpf > $@

$(B)/user/export/flamegraph.o: user/export/flamegraph.js

# The whole host for ten seconds; if no Python on it is busy, with a small demo running.
profile: all
	@demo/run $(B)/adder

$(B)/tests/%: tests/unit/%.c $(B)/libadder.a
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -Ibpf -Itests/unit -o $@ $< $(B)/libadder.a -lcmocka $(LIBS)

$(B)/tests/load: tests/bpf/load.c $(B)/libadder.a
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(B)/libadder.a $(LIBS)

tests: $(UNIT) $(B)/tests/load

# All there is: units, plain and sanitized; programs in this kernel; what `check` checks; end to end.
test: all
	+@MAKE='$(MAKE)' tests/run

# What `test` runs end to end with three versions of Python, with every one.
test-pythons: all
	@EVERY_PYTHON=1 tests/e2e/run test_dump test_edges test_calls test_call_times

# On other kernels, booted in an emulator; the first time it fetches them.
test-vm: all
	+@$(MAKE) -s $(B)/tests/load && tests/vm/fetch && tests/vm/run

# The same for aarch64: cross-compiled (package gcc-aarch64-linux-gnu), then booted with Debian's arm64 kernel.
test-arm64:
	+@tests/vm/fetch arm64 && MAKE='$(MAKE)' tests/vm/arm64

# The slow ones: for when nothing else waits for the machine, and for CI.
test-slow: all
	+@MAKE='$(MAKE)' tests/run slow

# Ten minutes each of: does its memory grow, does it leak?  What `test-slow` does for one minute.
SOAK_SECONDS ?= 600
soak: all
	@$(MAKE) B=$(B)/asan SAN=address,undefined CFLAGS='-O1 -g' all
	@SOAK_SECONDS=$(SOAK_SECONDS) tests/e2e/run --slow test_soak

unit: $(UNIT)
	@tests/run-units $(UNIT)

# What can be said of the sources without running them.
check: $(B)/adder.skel.h $(B)/adder_old.skel.h $(B)/profile.pb-c.h $(B)/syscalls.h
	@tests/lint/run $(B)

# What adder costs, as root on a quiet machine; the table goes to $(B)/bench/results.md, too.
bench: all
	@tests/bench/run

# adder beside py-spy, austin, perf and Python 3.15's own profiler, likewise: twelve minutes, five with QUICK=1.
# The table goes to tests/bench/RESULTS.md; what can't be had is left out, and said.
bench-peers: all
	@tests/bench/peers/run $(if $(QUICK),-n 1)

# Each target for FUZZ_SECONDS, instrumented by clang's libFuzzer (package libclang-rt-*-dev).
FUZZ_SECONDS ?= 60
fuzz:
	@$(MAKE) B=$(B)/fuzz CC=$(CLANG) SAN=fuzzer-no-link,address,undefined CFLAGS='-O1 -g' fuzzers
	@tests/fuzz/run $(B)/fuzz/fuzz $(FUZZ_SECONDS)

fuzzers: $(FUZZ)

$(B)/fuzz/%: tests/fuzz/%.c $(B)/libadder.a
	@mkdir -p $(@D)
	$(call say,FUZZ)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -Ibpf -o $@ $< $(B)/libadder.a $(LIBS)

install: all
	install -D -m 755 $(B)/adder $(DESTDIR)$(PREFIX)/bin/adder
	install -D -m 644 man/adder.1 $(DESTDIR)$(PREFIX)/share/man/man1/adder.1

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/adder $(DESTDIR)$(PREFIX)/share/man/man1/adder.1

clean:
	rm -rf $(B)

-include $(OBJ:.o=.d) $(MAIN:.o=.d) $(BPF:.o=.d) $(BPF:$(B)/%.o=$(B)/old/%.d) $(UNIT:=.d) $(FUZZ:=.d) $(B)/tests/load.d
