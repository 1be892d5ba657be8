# SPDX-License-Identifier: BSD-3-Clause
#
# Everything is built out of tree. `make help` lists the goals.
#
# Sources are found by wildcard; a new file needs no line here. Flags and libraries of a file follow
# from its folder (section "Folders").

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

# ---- What a caller may set ------------------------------------------------------------------------

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC := gcc
endif
CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool),bpftool)
AR := ar
CFLAGS ?= -O2 -g
LDFLAGS ?=
JOBS ?= $(shell nproc)
Q := $(if $(filter 1,$(V)),,@)
say = @$(if $(filter 1,$(V)),:,printf '  %-7s %s\n' $1 '$(2:$(BUILD)/%=%)')

# ---- Flavours: each has its own objects -----------------------------------------------------------

comma := ,
empty :=
space := $(empty) $(empty)
sanitizers := $(subst $(comma),$(space),$(SANITIZE))
ifneq ($(filter-out address undefined thread,$(sanitizers)),)
$(error SANITIZE is address, undefined, thread, or address$(comma)undefined; not $(SANITIZE))
endif
flavour := $(subst $(space),-,$(strip $(patsubst address,asan,$(patsubst undefined,ubsan,$(patsubst \
	thread,tsan,$(sanitizers))))))
ifeq ($(FUZZ),1)
flavour := fuzz
CC := $(CLANG)
sanitizers := fuzzer-no-link address undefined
endif
O := $(BUILD)$(addprefix /,$(flavour))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-missing-field-initializers \
	-Werror
# The language is gnu11 for both; gcc has no warning against a flexible array's storage behind it.
ifneq ($(findstring clang,$(CC)),)
WARNINGS += -Wno-gnu-variable-sized-type-not-at-end
endif
# Where the packet core finds "lb_tables.h" (core/lb_memory.h).
PLAIN_TABLES := -Idataplane/plain
BPF_TABLES := -Ibpf/maps
BASE_FLAGS := -std=gnu11 $(WARNINGS) -D_GNU_SOURCE= -I. $(PLAIN_TABLES) -isystem $(O) -fPIE -pthread
BASE_LDFLAGS := -pie -pthread -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed
ifeq ($(sanitizers),)
# Not for the packet path: it has no buffers on the stack, and a canary would be paid per burst.
HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2
else
san_flags := -fsanitize=$(subst $(space),$(comma),$(sanitizers)) -fno-sanitize-recover=all
BASE_FLAGS += $(san_flags) -fno-omit-frame-pointer
BASE_LDFLAGS += $(san_flags)
endif

# ---- What the build needs -------------------------------------------------------------------------
# Goals that install packages, or build nothing, must work before the packages are there.

no_build := demo lab test test-long perf perf-check deb lint fuzz format clean help uninstall
building := $(filter-out $(no_build),$(or $(MAKECMDGOALS),all))
ifneq ($(building),)
missing := $(shell .ci/deps check build)
ifneq ($(missing),)
$(error $(missing))
endif
dpdk_cflags := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libdpdk))
dpdk_libs := $(shell pkg-config --libs libdpdk)
endif

# jemalloc would hide the heap from a sanitizer that replaces malloc itself.
jemalloc_libs := $(if $(filter address thread,$(sanitizers)),,-Wl$(comma)--no-as-needed -ljemalloc \
	-Wl$(comma)--as-needed)
common_libs := -lyaml -ljansson -lmnl -lsystemd -lm
control_libs := -levent -levent_pthreads -lcurl -lssl -lcrypto -lxdp -lbpf $(common_libs)
packet_libs := $(dpdk_libs) -lbpf $(common_libs)

# ---- Folders --------------------------------------------------------------------------------------
# module(path): the part of the project that a source or a test of it belongs to.

module = $(or $(if $(filter config/%,$(bare)),config),$(if $(filter controlplane/cli/%,$(bare)),cli),$(if \
	$(filter controlplane/instance/%,$(bare)),instance),$(if $(filter controlplane/%,$(bare)),controlplane),$(if \
	$(filter engine/%,$(bare)),engine),$(if $(filter io/%,$(bare)),io),$(if $(filter abi/%,$(bare)),abi),$(if \
	$(filter core/%,$(bare)),core),$(if $(filter xdp/%,$(bare)),xdp),$(if $(filter pktgen/%,$(bare)),pktgen),other)
bare = $(patsubst docs/gen/%,config/%,$(patsubst dataplane/%,%,$(patsubst tests/unit/%,%,$1)))

sources = $(wildcard $(addsuffix /*.c,$1))
objects = $(patsubst %.c,$(O)/obj/%.o,$(call sources,$1))

ENGINE_OBJS := $(call objects,dataplane/engine)
IO_OBJS := $(call objects,dataplane/io)
CONFIG_OBJS := $(call objects,config $(patsubst %/,%,$(wildcard config/*/)))
# The rooms of sluiced; the other two folders are programs of their own.
CONTROL_ROOMS := controlplane $(filter-out %/cli %/instance,$(patsubst %/,%,$(wildcard controlplane/*/)))
CONTROL_OBJS := $(call objects,$(CONTROL_ROOMS))
MAGLEV_OBJS := $(filter %/maglev.o %/maglev_draw.o,$(CONTROL_OBJS))
CLI_OBJS := $(call objects,controlplane/cli)
INSTANCE_OBJS := $(call objects,controlplane/instance)

bpf_sources := $(wildcard bpf/*.bpf.c tests/unit/*/*.bpf.c tests/unit/*/*/*.bpf.c)
BPF_OBJS := $(patsubst %.bpf.c,$(O)/%.bpf.o,$(bpf_sources))
SKELETONS := $(patsubst %.bpf.c,$(O)/%.skel.h,$(bpf_sources))

# The flags of a source file, also written to compile_commands.json.
flags_engine = $(dpdk_cflags)
flags_io = $(dpdk_cflags)
flags_abi = $(dpdk_cflags)
flags_other = $(dpdk_cflags)
flags_xdp = $(dpdk_cflags)
flags_pktgen = $(dpdk_cflags)
flags_controlplane = $(dpdk_cflags) $(HARDENING)
flags_cli = $(HARDENING)
flags_instance = $(HARDENING)
flags_config = $(HARDENING)
flags = $(BASE_FLAGS) $(flags_$(call module,$1)) $(CPPFLAGS) $(CFLAGS)

# ---- Programs -------------------------------------------------------------------------------------
# A program is built as soon as it has a main.c.

program = $(if $(filter %/main.o,$($2)),$(eval $(O)/bin/$1: $($2) $(if $3,$(CONFIG_OBJS)))$(O)/bin/$1)
PROGRAMS := $(call program,sluice-dataplane,IO_OBJS,config) $(call program,sluiced,CONTROL_OBJS,config) \
	$(call program,sluicectl,CLI_OBJS,config) $(call program,sluice-instance,INSTANCE_OBJS)

all: $(PROGRAMS) $(BPF_OBJS)

$(O)/bin/sluice-dataplane: $(ENGINE_OBJS)
$(O)/bin/sluice-dataplane: LIBS = $(packet_libs) $(jemalloc_libs)
$(O)/bin/sluiced: LIBS = $(control_libs) $(jemalloc_libs)
$(O)/bin/sluicectl: LIBS = $(common_libs) -lpcap
$(O)/bin/sluice-instance: LIBS = -lbpf $(common_libs)

archives = $(if $(filter %.a,$^),-Wl$(comma)--start-group $(filter %.a,$^) -Wl$(comma)--end-group)
link = $(CC) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(archives) $(LIBS)

$(O)/bin/%:
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(link)

# ---- Objects --------------------------------------------------------------------------------------

# Changed flags or another compiler rebuild; the file is touched only then.
flags_file := $(O)/obj/flags
flags_now := $(shell $(CC) -dumpfullversion 2>/dev/null) $(CC) $(BASE_FLAGS) $(HARDENING) $(dpdk_cflags) $(CPPFLAGS) \
	$(CFLAGS) $(LDFLAGS)
ifneq ($(building),)
ifneq ($(strip $(flags_now)),$(strip $(file <$(flags_file))))
$(shell mkdir -p $(dir $(flags_file)))
$(file >$(flags_file),$(flags_now))
endif
endif

$(flags_file):

# What both processes share, as a number.
ABI_TEXT := $(O)/lb_abi_text.h
abi_headers := $(sort $(filter dataplane/%.h,$(if $(building),$(shell $(CC) -I. -MM dataplane/abi/lb_abi.h \
	dataplane/abi/lb_handover.h))))
# Of their declarations: without the bodies of functions, texts, white space and comments.
$(ABI_TEXT): $(abi_headers) Makefile
	$(Q)mkdir -p $(@D)
	$(Q)cat $(abi_headers) | sed -e '/^LB_INLINE/,/^}/d' -e 's/"[^"]*"//g' | tr -d '[:space:]' | \
		sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/::g' | sha256sum | sed 's/^\(........\).*/#define LB_ABI_TEXT 0x\1u/' > $@

$(O)/obj/%.o: %.c $(flags_file) | $(ABI_TEXT)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(call flags,$<) -MD -MP -c -o $@ $<

# tables.c checks each slot of each table in a loop that must be vectorised. The others have small arrays of
# vectors that must stay in registers.
vector_objs := $(addprefix $(O)/obj/dataplane/engine/,tables.o pipeline_parse_avx2.o \
	pipeline_parse_avx512.o)
$(vector_objs): CFLAGS += -O3
# It holds the page itself.
$(O)/obj/controlplane/web/page.o: controlplane/web/page.html
# Objects whose flags are set in this file.
$(vector_objs) $(O)/obj/perf/pktgen/wire.o: Makefile

# Loaders include the skeletons; after the first build the dependency files know which (-MD, not
# -MMD: for the compiler a skeleton is a system header, so that its warnings are not ours).
$(INSTANCE_OBJS) $(CONTROL_OBJS) $(patsubst %.c,$(O)/obj/%.o,$(wildcard \
	tests/unit/controlplane/xdp/*.c tests/support/xdp_*.c)): | $(SKELETONS)

archive = $(O)/lib/lib$1.a
$(call archive,engine): $(ENGINE_OBJS)
$(call archive,io): $(filter-out %/main.o,$(IO_OBJS))
$(call archive,config): $(CONFIG_OBJS)
$(call archive,controlplane): $(filter-out %/main.o,$(CONTROL_OBJS))
$(call archive,cli): $(filter-out %/main.o,$(CLI_OBJS))
$(O)/bin/sluice-instance: $(call archive,config)
# Of the rooms of sluiced it has only what decides without a daemon.
$(O)/bin/sluicectl: $(call archive,controlplane)
$(call archive,instance): $(filter-out %/main.o,$(INSTANCE_OBJS))
$(call archive,pktgen): $(filter-out %/main.o,$(call objects,perf/pktgen perf)) $(MAGLEV_OBJS)

$(O)/lib/%.a:
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) qcs $@ $^

# ---- BPF ------------------------------------------------------------------------------------------

# The kernel allows 512 bytes of stack along a call chain, each frame rounded up to 32: a program, and a function
# that calls at most small ones. clang 19 needs 16 bytes more than clang 14.
BPF_FLAGS := -target bpf -mcpu=v3 -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wno-gnu-variable-sized-type-not-at-end -Werror \
	-Wframe-larger-than=240 -I. $(BPF_TABLES) -I$(O) \
	-isystem /usr/include/$(shell uname -m)-linux-gnu

$(O)/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -c -o $@ $<

$(O)/%.skel.h: $(O)/%.bpf.o Makefile
	$(call say,SKEL,$@)
	$(Q)echo '// NOLINTBEGIN' > $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$(*F)) >> $@
	$(Q)echo '// NOLINTEND' >> $@

# ---- Tests ----------------------------------------------------------------------------------------
# One program per test_*.c, linked against archives of its module, so that a test may bring its own
# version of a function, or include a .c file for its statics. Other files of a folder help all tests
# of that folder, those of tests/support whoever calls them.

tests_core :=
tests_abi :=
tests_engine := support engine
tests_io := support io engine config
tests_config := support config
tests_controlplane := support controlplane config
tests_cli := cli controlplane config
tests_instance := instance config
tests_xdp := support engine controlplane config
tests_pktgen := pktgen config
tests_other := engine config

test_libs_engine = $(packet_libs)
# Its ring driver is looked up by name.
test_libs_io = -lrte_net_ring $(packet_libs)
test_libs_other = $(packet_libs)
test_libs_abi = $(dpdk_libs)
test_libs_config = $(common_libs)
test_libs_controlplane = $(control_libs) $(dpdk_libs)
test_libs_cli = $(common_libs) -levent -lpcap
test_libs_instance = -lbpf $(common_libs)
test_libs_xdp = $(control_libs) $(packet_libs)
test_libs_pktgen = $(packet_libs)

find_c = $(sort $(shell find $1 -name '*.c' 2>/dev/null))
unit_sources := $(filter-out %.bpf.c,$(call find_c,tests/unit))
unit_tests := $(foreach s,$(unit_sources),$(if $(filter test_%,$(notdir $s)),$s))
vector_sources := $(call find_c,tests/vectors)
fuzz_tests := $(wildcard tests/fuzz/fuzz_*.c)
fuzz_helpers := $(filter-out $(fuzz_tests),$(wildcard tests/fuzz/*.c))
# A BPF program there is built by the test that loads it.
e2e_sources := $(filter-out %.bpf.c,$(call find_c,tests/e2e))

UNIT_PROGRAMS := $(patsubst %.c,$(O)/%,$(unit_tests))
VECTOR_PROGRAM := $(if $(vector_sources),$(O)/tests/vectors/vectors)
E2E_PROGRAMS := $(patsubst %.c,$(O)/%,$(e2e_sources))
FUZZ_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(fuzz_tests))

tests: $(UNIT_PROGRAMS) $(VECTOR_PROGRAM)
e2e-programs: $(E2E_PROGRAMS)

# A dataplane with deliberate faults, and the traffic generator that is to find them.
FAULTY := $(O)/tests/faulty/forwarder
e2e-programs: $(FAULTY) $(O)/perf/pktgen/pktgen

link_test = $(call say,LINK,$@)$(newline)	$(Q)mkdir -p $(@D)$(newline)	$(Q)$(link)
define newline


endef

helpers = $(foreach f,$(filter-out $(unit_tests),$(unit_sources)),$(if $(filter $(dir $1),$(dir $f)),$f))
define unit_rule
$(patsubst %.c,$(O)/%,$1): $(patsubst %.c,$(O)/obj/%.o,$1 $(call helpers,$1)) \
		$(foreach a,$(tests_$(call module,$1)),$(call archive,$a))
	$$(link_test)
$(patsubst %.c,$(O)/%,$1): LIBS = $$(test_libs_$(call module,$1)) -lcmocka -lm
endef
$(foreach t,$(unit_tests),$(eval $(call unit_rule,$t)))

$(call archive,support): $(call objects,tests/support)

# The tests of the XDP dataplane load it.
$(patsubst %.c,$(O)/obj/%.o,$(filter tests/unit/xdp/%,$(unit_sources))): | $(SKELETONS)

$(O)/tests/vectors/vectors: $(patsubst %.c,$(O)/obj/%.o,$(vector_sources)) $(foreach a,support engine config,$(call archive,$a))
	$(link_test)
$(O)/tests/vectors/vectors: LIBS = $(packet_libs) -lcmocka

$(FAULTY): $(call objects,tests/faulty) $(MAGLEV_OBJS) $(foreach a,support engine,$(call archive,$a))
	$(link_test)
$(FAULTY): LIBS = $(packet_libs) -lcmocka

$(E2E_PROGRAMS): $(O)/tests/e2e/%: $(O)/obj/tests/e2e/%.o
	$(link_test)
$(E2E_PROGRAMS): LIBS = $(control_libs)

# Benchmarks are built on demand; perf/run runs them.
# Nanoseconds per packet of XDP programs, ours and others side by side.
XDP_BENCH := $(O)/perf/xdp/xdp_bench
perf-programs: $(XDP_BENCH)
$(call objects,perf/xdp): | $(SKELETONS)
$(XDP_BENCH): $(call objects,perf/xdp)
	$(link_test)
$(XDP_BENCH): LIBS = -lbpf -ljansson

# The pipeline's cycles per packet, stage by stage.
CYCLES := $(O)/perf/cycles/cycles
perf-programs: $(CYCLES)
$(CYCLES): $(call objects,perf/cycles perf) $(foreach a,support engine config,$(call archive,$a))
	$(link_test)
$(CYCLES): LIBS = $(packet_libs) -lcmocka

# The traffic generator. What it computes for every packet is compiled for vectors.
PKTGEN := $(O)/perf/pktgen/pktgen
perf-programs: $(PKTGEN)
$(PKTGEN): $(call objects,perf/pktgen perf) $(MAGLEV_OBJS) $(call archive,config)
	$(link_test)
$(PKTGEN): LIBS = $(packet_libs)
$(O)/obj/perf/pktgen/wire.o: CFLAGS += -O3

# Requests changes while the generator runs.
ASK := $(O)/perf/memif/ask
perf-programs: $(ASK)
$(ASK): $(call objects,perf/memif)
	$(link_test)

# Latencies and interruptions of the CPUs, which bound all other figures.
CPUS := $(O)/perf/cpus/cpus
perf-programs: $(CPUS)
$(CPUS): $(call objects,perf/cpus)
	$(link_test)
$(CPUS): LIBS = -ljansson

# From a change to the last worker's acknowledgement.
PUBLISH := $(O)/perf/publish/publish
perf-programs: $(PUBLISH)
$(PUBLISH): $(call objects,perf/publish) $(foreach a,controlplane config,$(call archive,$a))
	$(link_test)
$(PUBLISH): LIBS = $(control_libs) $(dpdk_libs)

perf-cycles: $(CYCLES)
	$(Q)SLUICE_COMMIT=$$(git rev-parse --short HEAD) $< -j $(O)/perf/cycles.json $(CYCLES_ARGS)

# libFuzzer needs clang and its own flavour of every object.
fuzz-programs:
	+$(Q)$(MAKE) --no-print-directory FUZZ=1 $(FUZZ_PROGRAMS)

$(FUZZ_PROGRAMS): BASE_LDFLAGS += -fsanitize=fuzzer
$(FUZZ_PROGRAMS): $(BUILD)/%: $(O)/obj/%.o $(patsubst %.c,$(O)/obj/%.o,$(fuzz_helpers)) $(foreach a,support engine io \
		config controlplane cli,$(call archive,$a))
	$(link_test)
$(FUZZ_PROGRAMS): LIBS = $(control_libs) $(packet_libs) -lcmocka

# ---- Generated pages ------------------------------------------------------------------------------
# docs/config.md and sluice.yaml(5) come from the configuration table, docs/metrics.md from those of the
# metrics; a test compares them.

$(O)/docs/reference: $(call objects,docs/gen) $(call archive,config)
	$(link_test)
$(O)/docs/reference: LIBS = $(common_libs)

CONFIG_MAN := $(O)/docs/sluice.yaml.5
$(CONFIG_MAN): $(O)/docs/reference
	$(Q)$< man > $@

$(O)/docs/metrics: $(call objects,docs/gen/metrics) $(call archive,controlplane) $(call archive,config)
	$(link_test)
$(O)/docs/metrics: LIBS = $(control_libs) $(dpdk_libs)

reference: $(O)/docs/reference $(O)/docs/metrics
docs: reference
	$(Q)$(O)/docs/reference > docs/config.md
	$(Q)$(O)/docs/metrics > docs/metrics.md

# ---- Goals that run something ---------------------------------------------------------------------

parallel = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
runner = BUILD=$(BUILD) JOBS=$(JOBS) V=$(V) tests/run

# Without T: the main tests, in under ten minutes. test-long: the rest.
test:
	$(Q).ci/deps install
	$(Q)$(runner) $(or $(T),--short)

test-long:
	$(Q).ci/deps install
	$(Q)$(runner) --long $(T)

lint:
	$(Q).ci/deps check
	$(Q)$(runner) $(or $(T),lint)

fuzz:
	$(Q).ci/deps check
	$(Q)$(runner) $(or $(T),fuzz)

# The short form of it is a unit test.
check-identity: $(O)/tests/unit/xdp/test_identity
	$(Q)IDENTITY_PACKETS=1000000 CMOCKA_MESSAGE_OUTPUT=TAP $<

demo lab:
	$(Q).ci/deps install demo
	+$(Q)$(MAKE) --no-print-directory $(parallel) all
	$(Q)BUILD=$(BUILD) $(firstword $(wildcard tests/lab/$@ tests/e2e/$@))

# All benchmarks: a table, and build/perf/index.html. perf-check: only ratios, against perf/baseline, or the goals.
perf perf-check:
	$(Q).ci/deps install perf
	+$(Q)$(MAKE) --no-print-directory $(parallel) all perf-programs
	$(Q)BUILD=$(BUILD) perf/$(if $(filter perf,$@),run,check) $(PERF_ARGS)

format:
	$(Q)clang-format -i $(shell find dataplane controlplane bpf config docs tests perf -name '*.[ch]' 2>/dev/null)

# clang-tidy looks again only at what changed, and at what includes it.
tidy_sources := $(call sources,dataplane/engine dataplane/io config $(CONTROL_ROOMS) controlplane/cli controlplane/instance) \
	$(wildcard docs/gen/*.c docs/gen/*/*.c) $(bpf_sources) $(unit_sources) $(vector_sources) $(fuzz_tests) $(fuzz_helpers) $(e2e_sources) \
	$(call sources,perf perf/* tests/faulty tests/support)
tidy_flags = $(if $(filter %.bpf.c,$<),$(BPF_FLAGS),$(call flags,$<) -Wno-gnu-variable-sized-type-not-at-end)
tidy: $(patsubst %.c,$(O)/tidy/%.ok,$(tidy_sources))

$(O)/tidy/%.ok: %.c .clang-tidy | $(SKELETONS) $(ABI_TEXT)
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(tidy_flags) -MM -MP -MT $@ -MF $(@:.ok=.d) $<
	$(Q)clang-tidy --quiet $< -- $(tidy_flags) >$(@:.ok=.log) 2>/dev/null || { cat $(@:.ok=.log); exit 1; }
	$(Q)touch $@

# ---- Installation ---------------------------------------------------------------------------------

bindir := $(PREFIX)/bin
mandir := $(PREFIX)/share/man
unitdir := $(PREFIX)/lib/systemd/system
linkdir := $(PREFIX)/lib/systemd/network
rulesdir := $(PREFIX)/lib/udev/rules.d
exampledir := $(PREFIX)/share/doc/sluice/examples
completiondir := $(PREFIX)/share/bash-completion/completions
# Where zsh looks by itself: for packages, and for what is installed locally.
zshdir := $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
tooldir := $(PREFIX)/libexec/sluice

# The commands of ELB classic: links to sluicectl, and to their page.
elb_commands := $(addprefix elb-,configure-healthcheck create-lb delete-lb deregister-instances-from-lb \
	describe-instance-health describe-lbs register-instances-with-lb)
man_pages := $(wildcard docs/man/*.[158]) $(CONFIG_MAN)
units := $(wildcard config/systemd/*.service)
links := $(wildcard config/systemd/*.link)
rules := $(wildcard config/systemd/*.rules)
# config/systemd/sluice.tmpfiles.conf becomes lib/tmpfiles.d/sluice.conf.
confs := $(wildcard config/systemd/*.conf)
conf_target = $(PREFIX)/lib/$(subst .,,$(suffix $(basename $1))).d/$(basename $(basename $(notdir $1))).conf
examples := $(wildcard config/*.yaml config/examples/* config/prometheus/* config/grafana/*)
completions := $(wildcard docs/completion/*.bash)
tools := $(CPUS) $(CYCLES) $(PUBLISH) $(XDP_BENCH)
installed := $(addprefix $(bindir)/,sluice-dataplane sluiced sluicectl sluice-instance) \
	$(addprefix $(bindir)/,$(elb_commands)) $(patsubst %,$(mandir)/man1/%.1,$(elb_commands)) \
	$(foreach m,$(man_pages),$(mandir)/man$(subst .,,$(suffix $m))/$(notdir $m)) \
	$(addprefix $(unitdir)/,$(notdir $(units))) $(addprefix $(linkdir)/,$(notdir $(links))) \
	$(addprefix $(rulesdir)/,$(notdir $(rules))) $(foreach c,$(confs),$(call conf_target,$c)) \
	$(addprefix $(exampledir)/,$(notdir $(examples))) $(addprefix $(completiondir)/,$(notdir $(completions:.bash=))) \
	$(zshdir)/_sluicectl $(bindir)/sluice-pktgen $(addprefix $(tooldir)/,$(notdir $(tools)))

install: all $(CONFIG_MAN)
	$(Q)install -d $(DESTDIR)$(bindir)
	$(Q)install -m 755 $(PROGRAMS) $(DESTDIR)$(bindir)
	$(Q)$(foreach m,$(man_pages),install -D -m 644 $m $(DESTDIR)$(mandir)/man$(subst .,,$(suffix $m))/$(notdir $m) &&) :
	$(Q)$(foreach e,$(elb_commands),ln -sf sluicectl $(DESTDIR)$(bindir)/$e && \
		ln -sf sluice-elb.1 $(DESTDIR)$(mandir)/man1/$e.1 &&) :
	$(Q)$(foreach u,$(units),install -D -m 644 $u $(DESTDIR)$(unitdir)/$(notdir $u) && \
		sed -i 's|@bindir@|$(bindir)|g' $(DESTDIR)$(unitdir)/$(notdir $u) &&) :
	$(Q)$(foreach l,$(links),install -D -m 644 $l $(DESTDIR)$(linkdir)/$(notdir $l) &&) :
	$(Q)$(foreach r,$(rules),install -D -m 644 $r $(DESTDIR)$(rulesdir)/$(notdir $r) &&) :
	$(Q)$(foreach c,$(confs),install -D -m 644 $c $(DESTDIR)$(call conf_target,$c) &&) :
	$(Q)$(foreach e,$(examples),install -D -m 644 $e $(DESTDIR)$(exampledir)/$(notdir $e) &&) :
	$(Q)install -D -m 644 docs/completion/_sluicectl $(DESTDIR)$(zshdir)/_sluicectl
	$(Q)$(foreach c,$(completions),install -D -m 644 $c $(DESTDIR)$(completiondir)/$(notdir $(c:.bash=)) &&) :

install-tools: perf-programs
	$(Q)install -D -m 755 $(PKTGEN) $(DESTDIR)$(bindir)/sluice-pktgen
	$(Q)install -d $(DESTDIR)$(tooldir)
	$(Q)install -m 755 $(tools) $(DESTDIR)$(tooldir)

uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR),$(installed))
	$(Q)rmdir -p --ignore-fail-on-non-empty $(DESTDIR)$(exampledir) 2>/dev/null || :

# Debian packages of the commit that is checked out.
deb:
	$(Q).ci/deps install deb
	$(Q).ci/deb $(BUILD)/deb

clean:
	$(Q)rm -rf $(BUILD)

help:
	@echo 'make [all]       build the programs into $(BUILD)/bin'
	@echo 'make demo        a demonstration of under a minute, in network namespaces (root)'
	@echo '                 DATAPLANE=xdp: with the XDP dataplane (also make lab)'
	@echo 'make lab         the same network, until Ctrl-C, to try commands (root)'
	@echo 'make test        the main tests of every kind, in ten minutes; T="unit/engine e2e/drain" runs a part (root)'
	@echo 'make test-long   the rest: sanitizers, fuzzers, lint of everything, long end to end tests (root)'
	@echo 'make lint        static checks only'
	@echo 'make check-identity   a million packets through both dataplanes (root)'
	@echo 'make perf        all benchmarks, in under ten minutes: a table, and a page in $(BUILD)/perf (root)'
	@echo 'make perf-check  ratios against perf/baseline, fails if 10 % worse; or the goals (root)'
	@echo 'make perf-cycles cycles per packet of the pipeline, stage by stage (root)'
	@echo 'make fuzz        fuzzers only, FUZZ_SECONDS each'
	@echo 'make format      clang-format in place'
	@echo 'make docs        docs/config.md and docs/metrics.md from their tables'
	@echo 'make install     to DESTDIR and PREFIX ($(PREFIX)); install-tools, uninstall'
	@echo 'make deb         Debian packages of this commit into $(BUILD)/deb (installs what that needs)'
	@echo 'make clean       remove $(BUILD)'
	@echo
	@echo 'V=1  CC=clang  CFLAGS=  BUILD=dir  JOBS=n  SANITIZE=address|undefined|thread|address,undefined'

.PHONY: all perf perf-check perf-programs perf-cycles reference docs tests e2e-programs fuzz-programs tidy test test-long lint fuzz check-identity demo lab format install install-tools uninstall deb clean help

-include $(shell find $(O)/obj $(O)/bpf $(O)/tidy -name '*.d' 2>/dev/null)
