# vPoller. `make help` lists the targets. On Debian 12 and 13 `make demo` and `make test` work in a fresh clone: tools/setup.sh, which
# every target runs first, installs what is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release
DEBUG := $(TARGET)/debug

DESTDIR ?=
BENCH ?=
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MODULEDIR ?= $(PREFIX)/lib/zabbix/modules
DOCDIR ?= $(PREFIX)/share/doc/vpoller
TEMPLATEDIR ?= $(PREFIX)/share/vpoller/templates
SCRIPTDIR ?= $(PREFIX)/lib/zabbix/externalscripts
SYSCONFDIR ?= /etc
SERVICES = DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" BINDIR="$(BINDIR)" SYSCONFDIR="$(SYSCONFDIR)" SCRIPTDIR="$(SCRIPTDIR)" contrib/install.sh

VERSION := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
PROGRAMS := vpoller-proxy vpoller-worker vpoller-exporter $(notdir $(basename $(wildcard crates/cli/src/bin/*.rs crates/importer/src/bin/*.rs)))

# What is released carries the C++ runtime, so that vpoller.so loads into any Zabbix that has glibc.
STATIC_RUNTIME := CXXSTDLIB_x86_64_unknown_linux_gnu=static:-bundle=stdc++ CXXSTDLIB_aarch64_unknown_linux_gnu=static:-bundle=stdc++

.PHONY: all help setup build demo test test-other-debian test-prometheus3 test-containers screenshots check fuzz-build advisories bench install uninstall dist deb clean

all: build

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' Makefile | expand -t 20

setup: ## install what building and testing need (asks nothing; may be repeated)
	@tools/setup.sh

build: ## release programs and vpoller.so, in target/release
	@tools/setup.sh build
	$(STATIC_RUNTIME) $(CARGO) build --release --locked
	@# Alone, so that the module gets only the features it asks for itself.
	$(STATIC_RUNTIME) $(CARGO) build --release --locked -p vpoller
	cp -f $(RELEASE)/libvpoller.so $(RELEASE)/vpoller.so

demo: ## the main job end to end: simulated vCenters, vPoller, a real Zabbix agent
	@tools/setup.sh demo
	@tests/vcsim/build.sh
	@# What `make test` builds, so that neither waits for the other's compiler; `make build` optimizes for minutes more.
	$(CARGO) build --workspace --locked
	@tools/netns-run tests/demo.sh $(DEBUG)

test: export INSTA_UPDATE = no
test: setup ## every test
	tests/vcsim/build.sh --bed packaged
	@# 3: this machine cannot build it, and the script has said why. What needs it says so and runs on the other bed.
	tests/vcsim/build.sh --bed current || [ $$? -eq 3 ]
	cd tests/vcsim && GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode go vet -tags govmomi024 .
	$(CARGO) build --workspace --locked
	$(CARGO) test --workspace --locked --no-fail-fast

test-other-debian: ## demo, tests and package on Debian 13 where this is 12, and on 12 where this is 13
	tools/test-other-debian.sh

test-containers: ## build the images of contrib/docker and run them (root, Podman and 10 GB; no registry of images)
	tools/test-containers.sh

test-prometheus3: setup ## what Prometheus and promtool judge, by a Prometheus 3 that is built from its Go module
	tools/prometheus3.sh
	tests/vcsim/build.sh --bed packaged
	$(CARGO) build --workspace --locked
	VPOLLER_PROMETHEUS=$(CURDIR)/target/prometheus3 $(CARGO) test -p vpoller --locked --test integration -- \
		exporter:: metrics:: doors::the_file_in_the_guide

screenshots: ## copy the pictures that `make test` took into the documentation
	@ls $(TARGET)/screenshots/*.png >/dev/null || { echo "no pictures: run make test first" >&2; exit 1; }
	cp -v $(TARGET)/screenshots/*.png docs/images/

check: setup ## format, lints, documentation, generated files, licences, fuzz targets
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked
	tools/check-generated.sh
	tools/check-licences.sh
	tools/check-history.sh
	$(MAKE) --no-print-directory fuzz-build

# They are compiled, not linked: libFuzzer's own code (the path, which nothing reads) is the business of who runs them (fuzz/README.md).
fuzz-build: ## compile the fuzz targets, which are no part of the workspace
	CUSTOM_LIBFUZZER_PATH=/libfuzzer.a $(CARGO) check --manifest-path fuzz/Cargo.toml --bins --locked --target-dir $(TARGET)

advisories: ## ask the advisory database about every locked crate (optional: needs cargo-deny and the network)
	@command -v cargo-deny >/dev/null || { echo "advisories: cargo-deny is not installed here, so nothing was asked; \
	tests hold the versions that are known to be good (tests/structure/advisories.rs)" >&2; exit 1; }
	cargo deny check advisories
	cargo deny --manifest-path fuzz/Cargo.toml check --config deny.toml advisories

bench: setup build ## the figures of docs/performance.md, into target/bench (BENCH="--quick", or the names of rows)
	@tests/vcsim/build.sh
	@tests/reference/build.sh
	$(CARGO) build --release --locked -p vpoller-scenarios
	$(RELEASE)/vpoller-scenarios $(BENCH)

install: ## install what `make build` made (PREFIX=/usr/local, DESTDIR=)
	@test -f $(RELEASE)/vpoller.so || { echo "nothing to install: run make build first" >&2; exit 1; }
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(MODULEDIR)" "$(DESTDIR)$(DOCDIR)" "$(DESTDIR)$(TEMPLATEDIR)"
	install -m 755 $(addprefix $(RELEASE)/,$(PROGRAMS)) "$(DESTDIR)$(BINDIR)"
	install -m 644 $(RELEASE)/vpoller.so "$(DESTDIR)$(MODULEDIR)/vpoller.so"
	install -m 644 README.md CHANGELOG.md LICENSE docs/*.md "$(DESTDIR)$(DOCDIR)"
	install -d "$(DESTDIR)$(DOCDIR)/images"
	install -m 644 docs/images/* "$(DESTDIR)$(DOCDIR)/images"
	find templates/zabbix -maxdepth 1 -type f -exec install -m 644 -t "$(DESTDIR)$(TEMPLATEDIR)" {} +
	$(SERVICES) install

uninstall: ## remove what `make install` installed; configuration and data stay
	rm -f $(addprefix "$(DESTDIR)$(BINDIR)"/,$(PROGRAMS)) "$(DESTDIR)$(MODULEDIR)/vpoller.so"
	rm -rf "$(DESTDIR)$(DOCDIR)" "$(DESTDIR)$(TEMPLATEDIR)"
	$(SERVICES) uninstall
	-rmdir --ignore-fail-on-non-empty -p "$(DESTDIR)$(MODULEDIR)" "$(DESTDIR)$(PREFIX)/share/vpoller" 2>/dev/null

dist: ## source and binary archives in target/dist-archives
	@tools/setup.sh build
	$(STATIC_RUNTIME) $(CARGO) build --profile dist --locked
	$(STATIC_RUNTIME) $(CARGO) build --profile dist --locked -p vpoller
	cp -f $(TARGET)/dist/libvpoller.so $(TARGET)/dist/vpoller.so
	tools/dist.sh $(VERSION) $(TARGET)/dist

deb: build ## Debian package in target/deb
	tools/deb.sh $(VERSION) $(RELEASE)

clean: ## remove everything that was built
	$(CARGO) clean
