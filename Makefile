# What a person who changes jwtguard runs. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Without git (a source archive), Go's own build information is all there is.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := $(if $(VERSION),-X main.version=$(VERSION))

# Longer than make test takes on two slow cores; a test that hangs says where.
TEST_TIMEOUT ?= 12m
# How many inputs each fuzz target gets: few in `make test`, which only asks whether
# the target and its seeds hold, within a minute for all of them.
FUZZ_SHORT ?= 500x
FUZZ_LONG ?= 1000000x

# Of make model and make soak, each of which has its own.
DURATION ?=

# Flags of bench; bin/bench -h lists them.
BENCH ?=

# The Envoy that e2e, demo and bench start; found or installed on first use.
ENVOY = ENVOY_BIN="$$(tools/envoy.sh)"

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/jwtguard, static
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/jwtguard ./cmd/jwtguard

# Packages whose tests load the machine, and so run one at a time after the others,
# some of which wait for Envoy's deadlines.
BUSY := /e2e/(bench|model|soak)

.PHONY: test
test: ## go vet, every test through real Envoy, and a short run of each fuzz target
	go vet ./...
	tools/prometheus.sh promtool >/dev/null
	tools/prometheus.sh prometheus >/dev/null
	tools/grafana-sdk.sh >/dev/null || [[ -z "$${CI:-}" ]] # without it, whether the dashboards are what the code makes is not looked at
	tools/chromium.sh >/dev/null || [[ -z "$${CI:-}" ]] # without one, the tests of the page are skipped
	$(ENVOY); export ENVOY_BIN; failed=0; { \
		go test -count=1 -timeout $(TEST_TIMEOUT) -v $$(go list ./... | grep -vE '$(BUSY)') || failed=1; \
		go test -p 1 -count=1 -timeout $(TEST_TIMEOUT) -v $$(go list ./... | grep -E '$(BUSY)') || failed=1; \
		exit $$failed; } | tools/testlist.sh
	tools/fuzz.sh $(FUZZ_SHORT)

.PHONY: test-mesh
test-mesh: test-kubernetes test-istio test-gateway ## the manifests and the chart, by Kubernetes' own code and the control planes' (minutes; the first time many)

.PHONY: test-kubernetes
test-kubernetes: ## of test-mesh: deploy/kubernetes, deploy/helm, deploy/prometheus
	go -C e2e/mesh vet .
	go -C e2e/mesh/apiserver vet ./...
	$(ENVOY); export ENVOY_BIN; go -C e2e/mesh test -count=1 -timeout 20m -v . | tools/testlist.sh

.PHONY: test-istio
test-istio: ## of test-mesh: deploy/istio
	go -C e2e/mesh vet ./istio
	$(ENVOY); export ENVOY_BIN; go -C e2e/mesh test -count=1 -timeout 20m -v ./istio | tools/testlist.sh

.PHONY: test-gateway
test-gateway: ## of test-mesh: deploy/envoy-gateway
	tools/egctl.sh >/dev/null
	go -C e2e/mesh/envoygateway vet ./...
	$(ENVOY); export ENVOY_BIN; go -C e2e/mesh/envoygateway test -count=1 -timeout 20m -v ./... | tools/testlist.sh

.PHONY: race
race: ## every test with the race detector (slow)
	$(ENVOY); export ENVOY_BIN; go test -race -count=1 -timeout 30m ./...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck; dependencies: unchanged, licences accepted, no known vulnerability
	@unformatted="$$(gofmt -l .)"; \
	if [[ -n "$$unformatted" ]]; then echo "not formatted (run gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go -C tools vet ./...
	go -C tools test ./...
	go mod verify
	go -C tools mod verify
	@if grep -HnE '^FROM ' Dockerfile | grep -vE '@sha256:[0-9a-f]{64}( |$$)'; then echo "an image is not pinned by its digest"; exit 1; fi
	"$$(go -C tools tool -n licences)"
	tools/govulncheck.sh

.PHONY: fuzz
fuzz: ## each fuzz target on FUZZ_LONG (1000000x) inputs, going on from the last run (hours)
	tools/fuzz.sh $(FUZZ_LONG) "$$(go env GOCACHE)/fuzz/jwtguard"

.PHONY: model
model: ## random schedules against the reference model, for DURATION (1h)
	MODEL_DURATION=$(or $(DURATION),1h) go test -count=1 -timeout 0 -v -run 'TestModel$$' ./e2e/model

.PHONY: soak
soak: ## a guard under all that may befall it, for DURATION (5m): its answers right, its memory flat
	SOAK_DURATION=$(or $(DURATION),5m) go test -count=1 -timeout 0 -v -run 'TestSoak$$' ./e2e/soak

.PHONY: dashboards
dashboards: ## write deploy/grafana/*.json anew, from the code beside them
	sdk="$$(tools/grafana-sdk.sh)"; PYTHONPATH="$$sdk" python3 -B deploy/grafana/dashboards.py

.PHONY: bench
bench: ## throughput, CPU and latency, beside servers that do less and beside Envoy's own filter (15m)
	go build -o bin/bench ./e2e/bench
	$(ENVOY); export ENVOY_BIN; exec bin/bench $(BENCH)

.PHONY: bench-orders
bench-orders: ## orders a second, how soon they count, starts with a long past (5m)
	go build -o bin/bench ./e2e/bench
	exec bin/bench -orders $(BENCH)

.PHONY: bench-page
bench-page: ## both, into docs/performance.md
	$(MAKE) bench BENCH='-into docs/performance.md'
	$(MAKE) bench-orders BENCH='-into docs/performance.md'

.PHONY: pgo
pgo: ## cmd/jwtguard/default.pgo anew, by which the compiler optimises the guard: its profile, warm and cold
	go build -o bin/bench ./e2e/bench
	bin/bench -profile bin/pgo
	go tool pprof -proto -output bin/pgo/all.pgo bin/pgo/*.prof
	mv bin/pgo/all.pgo cmd/jwtguard/default.pgo

.PHONY: demo
demo: ## a key rotation and a revocation through real Envoy, in half a minute (KEEP=1 leaves it running)
	@go build -o bin/demo ./e2e/demo
	@$(ENVOY); export ENVOY_BIN; KEEP="$(KEEP)" exec bin/demo

.PHONY: licences
licences: ## write THIRD_PARTY_LICENSES anew, after a change of dependencies
	"$$(go -C tools tool -n licences)" -write

.PHONY: dist
dist: ## the files of a release in dist/: binaries for linux amd64 and arm64, bills of materials, checksums
	VERSION="$(VERSION)" tools/release.sh

.PHONY: release
release: ## dist, after a look for known vulnerabilities (VULNCHECK=optional where their database is out of reach)
	VULNCHECK="$${VULNCHECK:-required}" tools/govulncheck.sh
	go mod verify
	VERSION="$(VERSION)" tools/release.sh

.PHONY: reproducible
reproducible: ## two releases of the last commit, made apart, are the same byte for byte (minutes)
	tools/reproducible.sh

.PHONY: clean
clean: ## remove what was built (the installed Envoy stays: rm -r .tools)
	rm -rf bin dist
