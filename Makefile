# What there is to do here. `make run` and `make test` are all that a newcomer needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: run build image test soak bench lint clean

run: build ## build bin/berth and start it on http://127.0.0.1:5050 with its data in ./berth-data
	./bin/berth serve

build: ## bin/berth: one static program
	CGO_ENABLED=0 go build -trimpath -o bin/berth ./cmd/berth

image: build ## berth:latest, the image that deploy/ names
	@rm -rf bin/image && mkdir -p bin/image/data && cp bin/berth bin/image/berth
	docker build --tag berth:latest --file deploy/image/Dockerfile bin/image

test: ## every test, with what it needs installed first; with CI=true a skipped test is a failure
	@test/tools test
	@echo "== go vet" && go vet ./...
	@echo "== staticcheck" && staticcheck ./...
	@# The end-to-end tests drive a built berth with real clients; the race detector sees nothing of that, so it runs on the rest only.
	@# SQLite itself, which is C translated to Go, is left out: it became twenty times slower and took most of the time of all the tests.
	@packages=$$(go list ./... | grep -v /test/ | xargs) && go run ./test/report \
		"-race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false -timeout 40m $$packages" "-timeout 40m ./test/..."

soak: ## the laboratory's long version: 70 power cuts over at least 1,000 acknowledged pushes; killed at every step; eight clients at one node and at three; every fault in any order
	@test/tools test
	go test ./test/fault -run 'TestPowerCut|TestThreeNodes|TestKilledIn|TestPushersAgainst|TestMix|TestDatabaseLocked|TestCasesFind' -v -timeout 120m -args -soak -cuts 70 -acks 1000 -wide 90s -pushers 8

bench: build ## berth beside distribution, zot and olareg (where they are on PATH) and nginx, as ratios
	@test/tools bench
	@go run ./bench

lint: ## golangci-lint with .golangci.yml
	@test/tools lint
	golangci-lint run ./...

clean: ## what building and testing left; never berth-data
	rm -rf bin .tools
