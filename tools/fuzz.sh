#!/usr/bin/env bash
# Runs each fuzz target of the module on so many inputs: tools/fuzz.sh 1000x [DIRECTORY]
# What is found interesting is kept in the directory, for the next run to begin with;
# without one, each run begins with the seeds. ONLY is a pattern of the names of the
# targets to run, PARALLEL how many workers each has (one for each core).
# The targets are found, not listed here, so that none is forgotten.
set -euo pipefail
cd "$(dirname "$0")/.."

inputs=${1:?usage: tools/fuzz.sh COUNTx [DIRECTORY]}

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
kept=${2:-$made/kept}

grep -rl --include='*_test.go' '^func Fuzz' cmd deploy e2e internal pkg | xargs -n 1 dirname | sort -u | while read -r package; do
	targets=$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$package"/*_test.go | grep -E "${ONLY:-.}" | sort) || continue
	go test -vet=off -c -fuzz . -o "$made/fuzz.test" "./$package" # once for all of them
	for target in $targets; do
		echo "fuzz $package $target"
		# No tests of the package beside it: make test has run them. And no time
		# for making interesting inputs smaller, which would take all of it.
		(cd "$package" && "$made/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$inputs" -test.fuzzminimizetime 1x \
			-test.fuzzcachedir "$kept/$package" ${PARALLEL:+-test.parallel "$PARALLEL"}) </dev/null
	done
done
