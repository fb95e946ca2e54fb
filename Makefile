# `make test` needs Go and git; `make test-peers` installs the rest from Debian, and like `make docs-lint` needs npx.
SHELL := bash
MODULES := $(patsubst %/go.mod,%,$(filter-out ./tools/go.mod ./integration/peers/%,$(shell find . -name go.mod -not -path '*/node_modules/*' | sort)))
PUBLISHED := $(filter-out ./bench ./examples/% ./integration ./tools/%,$(MODULES))
LIBRARIES := $(filter-out ./cmd/%,$(PUBLISHED))
# The race detector needs a C compiler; a machine with only Go runs without it.
RACE := $(shell command -v $(firstword $(shell go env CC)) >/dev/null 2>&1 && [ "$$(go env CGO_ENABLED)" = 1 ] && echo -race)
FUZZTIME ?= 3s
SOAK ?= 30m
VERSION ?= v$(shell sed -n 's/^const Version = "\(.*\)"$$/\1/p' doc.go)
OUTAGE ?= 5m

.PHONY: all
all: test lint

.PHONY: test
test: unit examples-build fuzz integration ## all tests that need only Go and git

.PHONY: unit
unit: ## tests beside the code, in every module except integration
	@# What tools/release tests lies outside of its module, where the cache of results does not look.
	@set -e; for m in $(filter-out ./integration,$(MODULES)); do \
		echo "== $$m"; fresh=; case $$m in ./tools/*) fresh=-count=1;; esac; \
		(cd $$m && go test $(RACE) $$fresh ./...); done

.PHONY: examples-build
examples-build: ## every module builds on its own, without the workspace
	@set -e; for m in $(MODULES); do (cd $$m && GOWORK=off go build ./... && GOWORK=off go vet ./...); done

.PHONY: peers
peers: ## build the Collector, Prometheus, promtool and VictoriaMetrics once, into the user's cache
	@cd integration && go run ./internal/peer/build

.PHONY: integration
integration: peers ## tests against real peers
	cd integration && go test $(RACE) -count=1 -timeout 45m ./...

.PHONY: docs-lint
docs-lint: ## spelling (British) and style of the pages; needs Node 20.18 or later, and fetches the linters by npx
	npx --yes cspell@9.8.0 lint --no-progress
	npx --yes markdownlint-cli2@0.20.0

.PHONY: test-peers
test-peers: peers docs-lint ## tests against peers from Debian: Python's clients, swaks, curl, smtp-source, mbsync, fetchmail, mutt, logrotate, Chromium
	./integration/install-debian.sh
	cd integration && go test $(RACE) -count=1 -timeout 30m -tags debian -run "^($$(sed -n 's/^func \(Test[A-Za-z0-9]*\)(.*/\1/p' debian_*_test.go | paste -sd'|'))$$" .

.PHONY: test-oldest
test-oldest: ## the published libraries, with the oldest Go and the oldest libraries that its go.mod files allow
	@set -e; for m in $(LIBRARIES); do go=go$$(sed -n 's/^go //p' $$m/go.mod); echo "== $$m with $$go"; \
		(cd $$m && GOWORK=off GOTOOLCHAIN=$$go go test -vet=off $$(go list ./... | grep -v /internal/)); done

.PHONY: test-newest
test-newest: ## the published libraries, with the newest Go and the newest libraries that are served
	@./internal/newest.sh $(LIBRARIES)

.PHONY: fuzz
fuzz: ## every fuzz target for $(FUZZTIME)
	@./internal/fuzz.sh $(FUZZTIME) $(filter-out ./integration,$(MODULES))

.PHONY: soak
soak: peers ## hostile traffic against the demo for $(SOAK)
	cd integration && go test -tags soak -run TestSoak -v -timeout 3h . -args -soak $(SOAK)

.PHONY: outages
outages: peers ## outages of the Collector, $(OUTAGE) long, and ten kills: a quarter of an hour
	@# Without the race detector in the demo: it is not part of a mail server, and costs more than all else.
	cd integration && CGO_ENABLED=0 go test -run '^TestOutage' -v -timeout 2h . -args -outage $(OUTAGE) -kills 10

.PHONY: flood
flood: ## a thousand wrong passwords a second at /metrics: what that costs the mail
	cd integration && go test -run TestFlood -v -timeout 30m ./flood -args -rounds 10

.PHONY: viewers
viewers: ## two hundred who look at the page and a thousand searches a second: what that costs the mail
	cd integration && go test -run TestViewers -v -timeout 30m ./flood -args -rounds 10

.PHONY: sizes
sizes: peers ## what a Collector's agent and gateway take for 1,000 messages a second: two minutes
	cd integration && CGO_ENABLED=0 go test -tags sizes -run '^TestSizes$$' -v -timeout 30m .

.PHONY: bench
bench: ## what it costs, side by side with others: writes docs/performance.md, a quarter of an hour
	cd bench && go run . -out ../docs

.PHONY: pictures
pictures: peers ## what the dashboards look like: draws docs/pictures, a quarter of an hour
	cd integration && CGO_ENABLED=0 go test -tags pictures -run '^TestPictures$$' -v -timeout 1h .

.PHONY: lint
lint: bin/golangci-lint ## gofmt, vet, golangci-lint, go mod tidy, generated files
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	@set -e; for m in $(MODULES); do echo "== $$m"; (cd $$m && go vet ./... && \
		$(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./... && \
		GOWORK=off go mod tidy -diff); done

bin/golangci-lint: tools/go.mod tools/go.sum
	@echo "building golangci-lint, once"
	@cd tools && GOWORK=off go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: portable
portable: ## what is published compiles for macOS and Windows, tests included
	@set -e; for os in darwin windows; do for m in $(PUBLISHED); do \
		echo "== $$os $$m"; (cd $$m && GOOS=$$os go vet ./...); done; done

.PHONY: release
release: ## can $(VERSION) be released? With TAG=1 makes its tags; see RELEASING.md
	@cd tools/release && go run . -root ../.. -version $(VERSION) $(if $(TAG),-tag)

.PHONY: generate
generate: ## write the pages that repeat facts of the code, dashboards, rules and the registry
	@# In this order: docs/series.md says which panels and alerts use a series.
	cd cmd/otelmail && go generate ./...
	go generate ./...

.PHONY: tidy
tidy:
	@set -e; for m in $(MODULES); do (cd $$m && GOWORK=off go mod tidy); done

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 18
