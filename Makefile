# SPDX-License-Identifier: BSD-3-Clause
# A thin front for meson. `make` builds into build/; `make demo` and `make check` need nothing prepared on
# Debian bookworm but root and make: they install what they need first.

PREFIX ?= /usr/local
BUILD  ?= build

.PHONY: all demo demo-pf demo-hosts test check check-long breaks fuzz bench bench-hosts-scale bench-vms lint install clean deps deps-test \
	instructions-accept profile

all: deps
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --prefix $(PREFIX) -Dtests=disabled >/dev/null
	@out=$$(ninja -C $(BUILD) --quiet 2>&1) || { echo "$$out"; exit 1; }; \
		test -z "$${out#ninja: no work to do.}" || echo "$$out"
	@echo "built $(BUILD)/ladond and $(BUILD)/ladon"

# Does nothing, in a moment, where everything is installed.
deps:
	@packaging/install-deps build
deps-test:
	@packaging/install-deps build test vm

demo: all
	@packaging/install-deps vm
	@demo/run --build $(BUILD)

# Linux' igb drives the card's PF in a VM (needs root).
demo-pf: all
	@packaging/install-deps vm
	@LADON_BUILD=$(BUILD) python3 demo/pf.py

# The same card's VFs in VMs of three compute hosts (needs root).
demo-hosts: all
	@packaging/install-deps vm
	@LADON_BUILD=$(BUILD) python3 demo/hosts.py

check: deps-test
	@tests/run-check

check-long: deps-test
	@tests/run-check --long

# One test, or more: make test T="models tenant_monitor".
test: deps-test
	@test -f build-check/build.ninja || meson setup build-check -Dtests=enabled -Dwerror=true >/dev/null
	@meson test -C build-check -v $(T)

# Do the tests of SECURITY.md fail without what they test? All, or: make breaks W="drain sid".
breaks: deps-test
	@tests/run-breaks $(W)

# One fuzz target for a while: make fuzz T=uplink SECONDS=600. Without T: their names.
fuzz: deps-test
	@fuzz/run "$(T)" "$(SECONDS)"

# Ladon beside its peers, then what its parts cost: make bench ROUNDS=9 SECONDS=2 ONLY="switch round". DOCS=1 puts
# the comparison into docs/performance.md.
bench: all
	@packaging/install-deps peers || echo "going on: rows of peers that are not there will be missing"
	@meson setup --reconfigure $(BUILD) -Dpeers=auto >/dev/null
	@ninja -C $(BUILD) --quiet bench-programs hostile-programs
	@bench/run --build $(BUILD) --rounds "$(ROUNDS)" --seconds "$(SECONDS)" \
		--patience "$(PATIENCE)" --only "$(ONLY)" --docs "$(DOCS)"

# Sixteen compute hosts: the table "Scale" of docs/hosts.md.
bench-hosts-scale: all
	@ninja -C $(BUILD) --quiet bench-programs
	@$(BUILD)/bench/bench_hosts_scale $(BUILD)/ladond $(BUILD)/ladon-host

# Pairs of VMs on Ladon, on QEMU's igb and on virtio-net, in turn (needs root); every sample in bench/vms.csv of BUILD.
# DOCS=1 puts the tables into docs/performance-idle.md.
bench-vms: all
	@packaging/install-deps vm
	@LADON_BUILD=$(BUILD) python3 bench/vms.py --csv $(BUILD)/bench/vms.csv $(if $(ROUNDS),--rounds $(ROUNDS))
	@if [ -n "$(DOCS)" ]; then cp $(BUILD)/bench/vms.csv docs/performance-vms.csv && docs/performance-idle.py; fi

# Instructions a frame (tests/perf): what is counted now is right from now on; the path of 64 bytes by function.
instructions-accept profile: deps-test
	@test -f build-check/build.ninja || meson setup build-check -Dtests=enabled -Dwerror=true >/dev/null
	@ninja -C build-check --quiet tests/perf/perf_path
	@ninja -C build-check $@

lint: deps-test
	@tests/style/lint

install: all
	@meson install -C $(BUILD)

clean:
	rm -rf build build-*
