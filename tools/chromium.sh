#!/bin/sh
# Prints the path of the Chromium that the page is tested in.
#
# Taken in this order: $CHROMIUM_BIN; chromium, chromium-browser or google-chrome on
# PATH; Debian's package, which whoever is root there (a container, CI) gets now.
# The path alone goes to stdout, everything said to a person to stderr.
# With --installed nothing is installed: without a Chromium it exits 1.
set -eu

say() { echo "tools/chromium.sh: $*" >&2; }
die() { say "$@"; exit 1; }

# find_program prints the first of the names that is a program here.
find_program() {
	for name in "$@"; do
		if found=$(command -v -- "$name"); then
			case $found in
			/*) echo "$found" ;;
			*) echo "$PWD/$found" ;;
			esac
			return 0
		fi
	done
	return 1
}

if [ -n "${CHROMIUM_BIN:-}" ]; then
	find_program "$CHROMIUM_BIN" || die "CHROMIUM_BIN=$CHROMIUM_BIN is not an executable file"
	exit 0
fi
find_program chromium chromium-browser google-chrome && exit 0
[ "${1:-}" != --installed ] || die "no Chromium here: run tools/chromium.sh once, or set CHROMIUM_BIN"

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	die "install Chromium (apt-get install chromium), or set CHROMIUM_BIN to its path"
fi
say "installing chromium, which the page is tested in"
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >&2 ||
	die "apt-get could not install chromium (Ubuntu has it as a snap alone): install a Chromium or Chrome, and set CHROMIUM_BIN to its path"
find_program chromium || die "chromium was installed, and is not on PATH: set CHROMIUM_BIN to its path"
