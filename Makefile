# make demo    the applet at work on a made-up mailbox
# make test    everything that is checked
# make build   the static binary, in ./bin
# make install [PREFIX=/usr/local] [DESTDIR=]
# make packages [ARCHS='amd64 arm64']   deb, rpm, apk and Arch packages, in ./bin/packages
# make release [SYSTEMS='linux/amd64 linux/arm64 freebsd/amd64']   the bare programs, in ./bin/release, for "smd-applet deploy"
# make packages-test   the deb in a Debian of its own; needs root and a mirror
# make pictures  docs/images anew
# make crash [NTH=1]   dies at every (n-th) step of every session, at either end
# make crash-histories [NTH=1]   each short history of two ends, dies at every (n-th) step; in one process, a quarter of an hour
# make crash-programs [DEATHS_OF=2] [NTH=1]   the same with programs that are killed, and smd 1.3; days
# make fuzz [FUZZTIME=30s], make cover
# make bench [BENCH='-n 20000 -budget 1h']   whole runs beside other tools, in half an hour; writes docs/performance.md
# make bench-sizes [SIZES=100000,1000000]   first syncs of large mailboxes, for hours; writes docs/performance-sizes.md
# make bench-micro   Go's benchmarks of the parts
# make bench-check   the hot paths, compared with bench/baseline.txt; make bench-baseline records that anew
# make reliability [NTH=25] [OVERLAPS=1000] [OPERATIONS=3]   tries to lose mail, for hours; writes docs/reliability.md
# make vulnerabilities   asks vuln.go.dev about what is linked in

PREFIX   ?= /usr/local
OUTPUT   ?= bin/smd-applet
ARCHS    ?= amd64 arm64
SYSTEMS  ?= linux/amd64 linux/arm64 freebsd/amd64
FUZZTIME ?= 30s
HISTORIES ?= 5000

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0-dev)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

# On Linux and the BSDs popups go over a bus connection of our own; what beeep would put
# beside it is left out.
ifneq (,$(filter linux freebsd openbsd netbsd,$(shell go env GOOS 2>/dev/null)))
TAGS := -tags nodbus
endif

# The stamp is ours (LDFLAGS): git refuses to answer the go command in a
# checkout of another owner.
export GOFLAGS += -buildvcs=false

LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

.PHONY: demo test build install pictures packages packages-test release fuzz bench bench-sizes bench-micro bench-check bench-baseline reliability vulnerabilities crash crash-histories crash-programs cover clean

demo: build
	bin/smd-applet demo

# HISTORIES: how many random histories of two mailboxes are synced, in each of two
# halves; under the race detector fewer, which are other ones.
# PLAIN: tests of whole mailboxes in which only programs, as they are released, are at
# work, of patches of 40 MB by one goroutine, and of what takes how much memory. The
# race detector sees nothing in these, takes memory of its own, and many times as long.
# CI=1: a test whose program is missing fails instead of being skipped. The race
# detector needs cgo, so a C compiler; what is released is built without.
# .ci/check has vetted all of it.
PLAIN := ^(TestFootprint|TestSyncOverSSH|TestKilledInTheMiddle|TestWalkThrough|TestStockLargeState|TestOverlaps|TestLosses|TestCrashMatrix|TestFaultMatrix|TestMigrateOfflineIMAP|TestMigrateMbsync|TestBench|TestInterrupted|TestWeDecodeStock|TestStockDecodesOurs|TestBombsTakeNoMemory)$$
test:
	.ci/install-test-tools
	.ci/check
	CI=1 go test $(TAGS) -vet off -run '^TestHistories$$' ./sync/twoway -rapid.checks $(HISTORIES)
	CI=1 go test $(TAGS) -vet off -timeout 40m -run '$(PLAIN)' ./bench ./cmd/smd-applet ./sync/vcdiff
	CI=1 CGO_ENABLED=1 go test -race $(TAGS) -vet off -timeout 40m -skip '$(PLAIN)' ./...

build: bin/copyright
	CGO_ENABLED=0 go build $(TAGS) -trimpath -ldflags '$(LDFLAGS)' -o $(OUTPUT) ./cmd/smd-applet

# What is linked in wants its licence told. This goes into bin with the program,
# because under sudo there is often no go: install takes what make build made.
bin/copyright: go.mod
	@mkdir -p bin
	GOOS= GOARCH= go run ./packaging/licences ./cmd/smd-applet > $@.new
	mv $@.new $@

bin/smd-applet:
	$(MAKE) build

install: bin/smd-applet bin/copyright
	packaging/install bin/smd-applet '$(DESTDIR)' '$(PREFIX)'

packages: build bin/copyright
	VERSION='$(VERSION)' packaging/build $(ARCHS)

# Beside bin/smd-applet, where "smd-applet deploy" looks for what it is not itself.
release:
	@rm -rf bin/release
	for system in $(SYSTEMS); do \
		$(MAKE) --no-print-directory build GOOS=$${system%/*} GOARCH=$${system#*/} OUTPUT=bin/release/smd-applet-$${system%/*}-$${system#*/} || exit; \
	done
	cd bin/release && sha256sum smd-applet-* > SHA256SUMS

packages-test: packages
	packaging/try-deb bin/packages/*_$(shell go env GOHOSTARCH).deb

# Look at them before you commit them: no text may be cut off.
pictures:
	PICTURES='$(CURDIR)/docs/images' go test $(TAGS) -count 1 -run TestPictures ./desk

fuzz:
	.ci/fuzz $(FUZZTIME)

NTH ?= 1
crash:
	SMD_APPLET_CRASH=$(NTH) CGO_ENABLED=0 go test $(TAGS) -count 1 -timeout 6h -v -run 'TestCrashMatrix$$' ./cmd/smd-applet | grep -E 'steps:|FAIL|^ok'

crash-histories:
	SMD_APPLET_CRASH=$(NTH) CGO_ENABLED=0 go test $(TAGS) -count 1 -timeout 12h -v -run '^TestDeaths$$' ./sync/twoway | grep -E 'histories,|dies|FAIL|^ok'

crash-programs:
	SMD_APPLET_DEATHS_OF=$(or $(DEATHS_OF),2) SMD_APPLET_CRASH=$(NTH) CGO_ENABLED=0 go test $(TAGS) -count 1 -timeout 720h -v -run 'TestShortHistoriesDie$$' ./cmd/smd-applet | grep -E 'histories,|FAIL|^ok'

# NTH=1 tries all there is to try, which takes a day; OPERATIONS is how long the
# enumerated histories are.
OVERLAPS ?= 1000
OPERATIONS ?= 3
CHECKS ?= 1000
reliability: NTH := $(if $(filter command line environment,$(origin NTH)),$(NTH),25)
reliability: FUZZTIME := $(if $(filter command line environment,$(origin FUZZTIME)),$(FUZZTIME),60s)
reliability:
	.ci/install-test-tools
	TMPDIR=$${TMPDIR:-$$(test -d /dev/shm && echo /dev/shm || echo /tmp)} CGO_ENABLED=0 GOFLAGS='$(GOFLAGS) $(subst -tags ,-tags=,$(TAGS))' SMD_APPLET_CRASH=$(NTH) SMD_APPLET_OVERLAPS=$(OVERLAPS) SMD_APPLET_HISTORIES=$(OPERATIONS) \
		go run ./reliability -checks $(CHECKS) -fuzz $(FUZZTIME) -o docs/reliability.md

vulnerabilities:
	go run golang.org/x/vuln/cmd/govulncheck@latest $(TAGS) ./...

# What is not installed is left out, and the report says so. With more messages it
# takes long: give it the time, as in BENCH='-n 100000 -budget 3h -limit 1h'.
bench:
	go run $(TAGS) ./bench -o docs/performance.md $(BENCH)

# Messages are smaller here, so that a million find room: five mailboxes of that size
# are there at once. No round is begun for which -budget leaves no time.
SIZES ?= 100000,1000000
bench-sizes:
	go run $(TAGS) ./bench -only sizes -sizes $(SIZES) -median 1000 -repeat 3 -enough 5m -limit 30m -budget 3h -o docs/performance-sizes.md $(BENCH)

bench-micro:
	go test $(TAGS) -run '^$$' -bench . -benchmem ./...

# The hot paths: scan, hash, parse, reconcile, encode; and what tells how fast the
# machine is at that time: three passes, since that changes. Nothing else should run
# meanwhile.
HOT := for pass in 1 2 3; do go test $(TAGS) -short -run '^$$' -benchmem -count 2 -benchtime 300ms \
	-bench '^Benchmark(Reference|Scan|SplitName|Hasher|Reconcile|ParseAction|Bodies|Listing)$$' -p 1 \
	./bench/regress ./sync/maildir ./sync/agreed ./sync/reconcile ./sync/wire/smd1 ./sync/wire/smd2 || exit 1; done

bench-check:
	@mkdir -p bin
	($(HOT)) > bin/bench.txt || { cat bin/bench.txt; exit 1; }
	go run ./bench/regress "$$(cd packaging/tools && go tool -n benchstat)" bench/baseline.txt bin/bench.txt

bench-baseline:
	($(HOT)) > bench/baseline.txt.new
	mv bench/baseline.txt.new bench/baseline.txt

cover:
	go test $(TAGS) -coverprofile cover.out ./...
	go tool cover -func cover.out | tail -1

clean:
	rm -rf bin cover.out
