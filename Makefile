# SPDX-License-Identifier: Apache-2.0
# The verbs of the house. Everything is built by Meson in build/; this file only says it shorter.
#
#   make          build/ravelin, optimised
#   make demo     install what is missing, build, boot a stock Debian guest and show it at work
#   make check    install what is missing, build every variant, run every test and check
#   make lint     format, static analysis, house rules
#   make fuzz     every fuzz target for FUZZ_SECONDS (default 60) each
#   make bench    the measurements in bench/
#   make install  into PREFIX (default /usr/local)

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

all: build/build.ninja
	@ninja -C build ravelin
	@ln -sf src/cli/ravelin build/ravelin

build/build.ninja:
	@tools/install-packages build
	meson setup build --prefix $(PREFIX)

demo: all
	@tools/install-packages demo
	@tools/demo build/ravelin

check:
	@tools/install-packages build check demo
	@tools/check

lint:
	@tools/install-packages build check
	@tools/lint

fuzz:
	@tools/install-packages build check
	@tools/fuzz $(FUZZ_SECONDS)

bench: all
	@tools/install-packages demo bench
	@bench/run build/ravelin

install: all
	ninja -C build install

clean:
	rm -rf build build-*

.PHONY: all demo check lint fuzz bench install clean
