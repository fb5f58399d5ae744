# patchferry: build, test, run. Needs Go, make and git; nothing is installed
# outside of this directory but modules in Go's own cache.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

GO       ?= go
PREFIX   ?= $(HOME)/.local
FUZZTIME ?= 5s
PACKAGES ?= ./...

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
TARGETS := linux/amd64 linux/arm64 windows/amd64 darwin/arm64

# The race detector needs a C compiler; without one the tests run plain.
RACE := $(shell [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo -race)

SHA256SUM := $(shell command -v sha256sum >/dev/null 2>&1 && echo sha256sum || echo shasum -a 256)

STATICCHECK := .tools/staticcheck
VERSITYGW   := .tools/versitygw
STUBS       := $(patsubst testdata/stubs/%/main.go,.tools/stubs/%.exe,$(wildcard testdata/stubs/*/main.go))

##@ Use
.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build, then run the demo: sample updates cross a gap, are served, fetched and checked
	bin/patchferry demo

.PHONY: build
build: ## build bin/patchferry, static, version from git
	$(BUILD) -o bin/patchferry ./cmd/patchferry

.PHONY: install
install: build ## copy the program and its man pages to PREFIX (default ~/.local)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -m 0755 bin/patchferry '$(DESTDIR)$(PREFIX)/bin/patchferry'
	install -m 0644 docs/man/*.1 '$(DESTDIR)$(PREFIX)/share/man/man1/'

.PHONY: dist
dist: ## build static programs for every platform that we name into dist/, with SHA256SUMS
	rm -rf dist
	mkdir dist
	@for target in $(TARGETS); do \
		os=$${target%/*}; arch=$${target#*/}; program=dist/patchferry-$$os-$$arch; \
		if [ $$os = windows ]; then program=$$program.exe; fi; \
		echo "build $$program"; \
		GOOS=$$os GOARCH=$$arch $(BUILD) -o $$program ./cmd/patchferry; \
	done
	cp docs/bundle-format.md docs/keys.md testdata/verify-bundle.sh dist/
	cp LICENSE dist/license.txt
	cp NOTICE dist/notice.txt
	cd dist && $(SHA256SUM) * > SHA256SUMS

.PHONY: clean
clean: ## remove what the build made
	rm -rf bin dist .tools .cover

##@ Work on it
.PHONY: test
test: engine stubs ## all tests, shuffled, with the race detector where there is a C compiler
	$(GO) test -shuffle=on $(RACE) -timeout 30m $(PACKAGES)
	$(if $(RACE),$(GO) test -run '^TestKilledAnywhere$$' ./cmd/patchferry)

.PHONY: engine
engine: ## build the S3 engine of tests, where its modules can be had
	@$(MAKE) --no-print-directory $(VERSITYGW) || echo 'no S3 engine: tests that need one are skipped'

.PHONY: stubs
stubs: ## build what stands in for installers under Wine, where Go 1.20 can be had
	@$(MAKE) --no-print-directory $(STUBS) || echo 'no Go 1.20: tests of scripts under Wine are skipped'

.PHONY: check
check: lint test builds ## all that must be clean before a commit: lint, test, builds

.PHONY: lint
lint: $(STATICCHECK) ## gofmt, go vet, staticcheck, house rules
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then printf 'gofmt would change:\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) test -run '^TestHouse' ./cmd/patchferry

.PHONY: builds
builds: ## compile for every platform that we name, without cgo
	@for target in $(TARGETS); do \
		echo "build $$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null ./cmd/patchferry; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) vet ./...; \
	done

.PHONY: dist-check
dist-check: ## make dist, and again from a clone in another place: the same commit gives the same bytes
	@if [ -n "$$(git status --porcelain)" ]; then echo 'commit first: a clone has what is committed'; exit 1; fi
	$(MAKE) --no-print-directory dist
	@again=$$(mktemp -d); trap 'rm -rf "$$again"' EXIT; \
	git clone --quiet --no-hardlinks . "$$again/elsewhere"; \
	$(MAKE) --no-print-directory -C "$$again/elsewhere" dist; \
	cmp dist/SHA256SUMS "$$again/elsewhere/dist/SHA256SUMS" && echo 'the same bytes'

.PHONY: fuzz-short
fuzz-short: ## run every fuzz test for FUZZTIME (default 5s)
	GO='$(GO)' .ci/fuzz-short '$(FUZZTIME)'

.PHONY: bench
bench: ## the numbers that count, each beside its peer in one run (serving needs nginx)
	$(GO) test -run '^$$' -bench . -benchtime 1x $(PACKAGES)
	@for program in testdata/bench/*/; do echo "bench $$program"; $(GO) run "./$$program"; done

.PHONY: docs
docs: ## write docs/commands.md, docs/configuration.md and the man pages again from the code
	$(GO) test ./cmd/patchferry -run '^TestDocs' -update

$(STATICCHECK): testdata/tools/go.mod testdata/tools/go.sum
	cd testdata/tools && $(GO) build -o ../../$@ honnef.co/go/tools/cmd/staticcheck

$(VERSITYGW): testdata/versitygw/go.mod testdata/versitygw/go.sum
	@mkdir -p $(@D)
	cd testdata/versitygw && CGO_ENABLED=0 GOFLAGS=-mod=readonly $(GO) build -trimpath -ldflags '-s -w' -o ../../$@.make github.com/versity/versitygw/cmd/versitygw
	mv $@.make $@

# By the last Go whose programs start on Wine 8.
.tools/stubs/%.exe: testdata/stubs/go.mod testdata/stubs/*/*.go
	@mkdir -p $(@D)
	cd testdata/stubs && GOTOOLCHAIN=go1.20.14 GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../$@ ./$*
