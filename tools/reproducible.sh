#!/usr/bin/env bash
# Shows that a release can be made again: makes that of the last commit twice, in two
# clones, and compares every byte. The clones differ in path, in the times of their
# files, in time zone, language, umask and number of threads, and the second compiles
# everything anew, the standard library too. Some minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "tools/reproducible.sh: $*" >&2; }

git diff --quiet HEAD -- || say "note: what is not committed is not part of this"
work=$(mktemp -d)
# The cache of modules is shared: its contents are checked against go.sum.
trap 'rm -rf "$work"' EXIT
first=$work/first
second="$work/another place/jwtguard-source"
git clone --quiet . "$first"
git clone --quiet . "$second"
find "$second" -path '*/.git' -prune -o -type f -exec touch -d 2001-02-03T04:05:06Z {} +

say "first"
make -C "$first" --no-print-directory dist
say "second, from nothing"
(
	umask 077
	export GOCACHE="$work/cache" GOMAXPROCS=1 GOTMPDIR="$work" TZ=Asia/Kathmandu LC_ALL=C HOME="${HOME:-$work}"
	export GOFLAGS=-buildvcs=false GOAMD64=v3 # what the caller has set makes no difference
	make -C "$second" --no-print-directory dist
)

cat "$first/dist/SHA256SUMS"
diff -r "$first/dist" "$second/dist" || {
	say "the two differ: see above"
	exit 1
}
say "the two are the same, byte for byte"
