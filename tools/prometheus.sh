#!/bin/sh
# Prints the path of promtool or prometheus, by which rules and dashboards are
# tested: tools/prometheus.sh promtool
#
# Taken in this order: $PROMTOOL_BIN or $PROMETHEUS_BIN; the program on PATH, if it
# is of Prometheus 3; the release pinned in tools/prometheus, built once into
# .tools/ of this checkout (each takes two minutes on two cores).
# The path alone goes to stdout, everything said to a person to stderr.
# With --installed nothing is built: without the program it exits 1.
set -eu

release=3
version=3.16.0 # v0.316.0 as a Go module: tools/prometheus/go.mod

say() { echo "tools/prometheus.sh: $*" >&2; }
die() { say "$@"; exit 1; }

build=true
if [ "${1:-}" = --installed ]; then
	build=false
	shift
fi
program=${1:-}
case $program in
promtool) chosen=${PROMTOOL_BIN:-} ;;
prometheus) chosen=${PROMETHEUS_BIN:-} ;;
*) die "usage: tools/prometheus.sh [--installed] promtool|prometheus" ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

if [ -n "$chosen" ]; then
	found=$(command -v -- "$chosen") || die "$chosen is not an executable file"
	case $found in
	/*) echo "$found" ;;
	*) echo "$PWD/$found" ;;
	esac
	exit 0
fi
if found=$(command -v "$program"); then
	case $("$found" --version 2>/dev/null) in
	*" version $release."*)
		echo "$found"
		exit 0
		;;
	esac
fi
target=$root/.tools/prometheus-$version/$program
if [ -x "$target" ]; then
	echo "$target"
	exit 0
fi
$build || die "no $program of Prometheus $release here: run tools/prometheus.sh $program once, or name one in the environment"

# It is made in a directory of this run's own and moved into place whole, so that
# an interrupted run leaves nothing half-made behind. Without service discovery the
# build needs a third of the modules, which is also why they are not tidied.
mkdir -p "$root/.tools/prometheus-$version"
work=$(mktemp -d "$root/.tools/prometheus.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
say "building $program $version into .tools/ (once)"
CGO_ENABLED=0 go build -C "$root/tools/prometheus" -trimpath -tags remove_all_sd -buildvcs=false \
	-ldflags "-s -w -X github.com/prometheus/common/version.Version=$version" \
	-o "$work/$program" "github.com/prometheus/prometheus/cmd/$program" >&2 ||
	die "$program $version could not be built (see above): install Prometheus $release, or name its $program in the environment"
mv -f "$work/$program" "$target"
echo "$target"
