# SPDX-License-Identifier: GPL-2.0-or-later
# The short commands; Meson does the work. `make` alone says what there is.

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
PROGRAMS := mimamori-sensor
# make's own -j is for make: ninja and meson choose by themselves.
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

.PHONY: help deps deps-check build run checked sanitized check demo beside matrix guards floods soak bench coverage \
	decoys device guests static style install clean

help:
	@echo 'make run       install what is missing, build, and watch this host (as root)'
	@echo 'make check     install what is missing, build, run all tests'
	@echo 'make demo      attack a namespace with Nmap and see the findings appear (as root)'
	@echo 'make build     the programs, in build/'
	@echo 'make static    the sensor as one static binary, in build-static/'
	@echo 'make device    likewise for armhf and mipsel, in build-armhf/ and build-mipsel/'
	@echo 'make decoys    the machines of the honeypot, in build-decoys/, and build/mimamori-decoy'
	@echo 'make install   the sensor, its pages, unit and configuration (as root); DESTDIR is heeded'
	@echo 'make style     formatting, spelling, static analysis'
	@echo 'make coverage  line coverage of the parsers; fails below 90 %'
	@echo 'make bench     what the sensor costs (as root)'
	@echo 'make beside    the same attacks on it and on other detectors: docs/beside.md (as root)'
	@echo 'make matrix    every kind of scan, slow and through floods: a table (as root)'
	@echo 'make guards    floods and guessing by real tools, whole; make check has a shorter form (as root)'
	@echo 'make floods    every kind of flood, quiet and busy: a table (as root)'
	@echo 'make guests    the device binaries and older kernels, booted in QEMU and attacked (as root)'
	@echo 'make soak      the long versions of the tests: hours (as root)'
	@echo 'make clean     remove what the above built'

deps:
	@tools/install-deps build

deps-check:
	@tools/install-deps build lab check device guest decoys crosses

build/build.ninja:
	@tools/configure build $(CC) -Dbuildtype=release

build: build/build.ninja
	@ninja -C build $(PROGRAMS)

run: deps build
	@tools/run-here build/mimamori-sensor

# The release build as it ships, and one in which Clang's sanitizers and fuzzers look on.
checked: deps-check
	@tools/configure build gcc -Dbuildtype=release -Dwerror=true -Dtests=enabled -Dbench=true \
		-Ddecoy=enabled
	@ninja -C build all meson-test-prereq

sanitized: deps-check
	@tools/configure build-asan clang -Ddebug=true -Doptimization=1 -Dwerror=true \
		-Dtests=enabled -Ddecoy=enabled -Db_sanitize=address,undefined -Db_lundef=false \
		-Dfuzz=true
	@ninja -C build-asan all meson-test-prereq

# The decoys that are not cached are built meanwhile, and tried last.
check: checked sanitized
	@tests/run build:unit,lab,device build-asan:unit,fuzz build:programs,decoys

demo:
	@tools/install-deps build lab
	@$(MAKE) build
	@lab/demo

beside:
	@tools/install-deps build lab beside
	@tools/configure build $(CC) -Dbuildtype=release -Dbench=true
	@ninja -C build
	@lab/beside --write docs/beside.md

matrix: checked
	@lab/matrix

guards: checked
	@MIMAMORI_WHOLE=1 tests/run build:guards

floods: checked
	@lab/floods

soak: checked sanitized
	@tools/soak

bench: deps-check
	@tools/configure build $(CC) -Dbuildtype=release -Dbench=true
	@ninja -C build
	@bench/cost.py
	@bench/bpf.py
	@bench/replay.py
	@bench/guard.py

coverage: deps-check
	@tools/coverage

static: deps
	@tools/configure build-static $(CC) -Dbuildtype=release -Dstatic=true -Dtests=disabled
	@ninja -C build-static $(PROGRAMS)
	@echo build-static/mimamori-sensor

device:
	@tools/install-deps build device
	@tools/device

guests: checked
	@lab/guest

# The first two need no compiler: a honeypot can open while the others are made.
decoys:
	@tools/install-deps build decoys
	@tools/configure build $(CC) -Dbuildtype=release -Ddecoy=enabled
	@ninja -C build mimamori-decoy
	@decoys/build arm-instant mipsel-instant
	@echo 'To try one: build/mimamori-decoy --images build-decoys boot arm-instant'
	@tools/install-deps crosses
	@decoys/build
	@echo 'With a whole Debian as the root there are two more: decoys/build arm-debian mipsel-debian'

install: build
	@meson install -C build

style: deps-check build
	@tools/style

clean:
	@rm -rf build build-*/
