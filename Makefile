# make demo    the applet at work on a made-up mailbox
# make test    everything that is checked
# make build   the static binary, in ./bin
# make install [PREFIX=/usr/local] [DESTDIR=]
# make fuzz [FUZZTIME=30s], make bench, make cover

PREFIX   ?= /usr/local
FUZZTIME ?= 30s

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
ENTRY   := $(wildcard packaging/smd-applet.desktop)

.PHONY: demo test build install fuzz bench cover clean

demo: build
	bin/smd-applet demo

# CI=1: a test whose program is missing fails instead of being skipped. The race
# detector needs cgo, so a C compiler; what is released is built without.
test:
	.ci/install-test-tools
	.ci/check
	CI=1 CGO_ENABLED=1 go test -race $(TAGS) -timeout 15m ./...

build:
	CGO_ENABLED=0 go build $(TAGS) -trimpath -ldflags '$(LDFLAGS)' -o bin/smd-applet ./cmd/smd-applet

# Under sudo there is often no go: what make build made is what is installed.
install: bin/smd-applet
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/applications'
	install -m 755 bin/smd-applet '$(DESTDIR)$(PREFIX)/bin/smd-applet'
	$(if $(ENTRY),install -m 644 $(ENTRY) '$(DESTDIR)$(PREFIX)/share/applications/')
	for size in 48 64 128; do \
		install -D -m 644 assets/png/smd-applet-$$size.png \
			'$(DESTDIR)$(PREFIX)/share/icons/hicolor/'$${size}x$$size/apps/smd-applet.png || exit; \
	done
	for name in $$(bin/smd-applet links); do ln -sf smd-applet '$(DESTDIR)$(PREFIX)/bin/'$$name || exit; done

bin/smd-applet:
	$(MAKE) build

fuzz:
	.ci/fuzz $(FUZZTIME)

bench:
	go test $(TAGS) -run '^$$' -bench . -benchmem ./...

cover:
	go test $(TAGS) -coverprofile cover.out ./...
	go tool cover -func cover.out | tail -1

clean:
	rm -rf bin cover.out
