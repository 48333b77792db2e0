#!/bin/sh
# Prints the path of egctl, Envoy Gateway's command line, whose translator turns the
# manifests of deploy/envoy-gateway into Envoy configuration for tests.
#
# Taken in this order: $EGCTL_BIN; the release pinned in tools/egctl, built once into
# .tools/ of this checkout (ten minutes on two cores).
# The path alone goes to stdout, everything said to a person to stderr.
# With --installed nothing is built: without the program it exits 1.
set -eu

version=1.9.1 # tools/egctl/go.mod

say() { echo "tools/egctl.sh: $*" >&2; }
die() { say "$@"; exit 1; }

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

if [ -n "${EGCTL_BIN:-}" ]; then
	found=$(command -v -- "$EGCTL_BIN") || die "EGCTL_BIN=$EGCTL_BIN is not an executable file"
	case $found in
	/*) echo "$found" ;;
	*) echo "$PWD/$found" ;;
	esac
	exit 0
fi
target=$root/.tools/egctl-$version/egctl
if [ -x "$target" ]; then
	echo "$target"
	exit 0
fi
[ "${1:-}" != --installed ] || die "no egctl here: run tools/egctl.sh once, or set EGCTL_BIN"

# It is made in a directory of this run's own and moved into place whole, so that
# an interrupted run leaves nothing half-made behind.
mkdir -p "$root/.tools/egctl-$version"
work=$(mktemp -d "$root/.tools/egctl.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
say "building egctl $version into .tools/ (once)"
go build -C "$root/tools/egctl" -buildvcs=false -ldflags '-s -w' \
	-o "$work/egctl" github.com/envoyproxy/gateway/cmd/egctl >&2 ||
	die "egctl $version could not be built (see above): set EGCTL_BIN to one of Envoy Gateway $version"
mv -f "$work/egctl" "$target"
echo "$target"
