# SPDX-License-Identifier: Apache-2.0
# The verbs of the house. Everything is built by Meson in build/; this file only says it shorter.
#
#   make          build/ravelin, optimised
#   make demo     install what is missing, build, boot a stock Debian guest and show it at work
#   make check    install what is missing, build every variant, run every test and check
#   make lint     format, static analysis, house rules
#   make fuzz     every fuzz target for FUZZ_SECONDS (default 60) each
#   make bench    the measurements in bench/
#   make docs     the reference page of the instruction set, in build/docs/
#   make install  into PREFIX (default /usr/local)

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

all: build/build.ninja
	@ninja -C build src/cli/ravelin
	@ln -sf src/cli/ravelin build/ravelin

build/build.ninja:
	@tools/install-packages build
	meson setup build --prefix "$(PREFIX)"

demo:
	@tools/install-packages build demo
	@$(MAKE) --no-print-directory all
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

bench:
	@tools/install-packages build demo bench
	@$(MAKE) --no-print-directory all
	@bench/run build/ravelin

# The instruction set's reference page, made from isa/riscv/: build/docs/riscv.md and .html
docs: build/build.ninja
	@ninja -C build docs/riscv.md docs/riscv.html

install: all
	ninja -C build install

clean:
	rm -rf build build-*

.PHONY: all demo check lint fuzz bench docs install clean
