#!/usr/bin/env bash
# Runs each fuzz target of the module for the given time: tools/fuzz.sh 5s
# The targets are found, not listed here, so that none is forgotten.
set -euo pipefail
cd "$(dirname "$0")/.."

duration=${1:?usage: tools/fuzz.sh DURATION}

grep -rl --include='*_test.go' '^func Fuzz' cmd deploy e2e internal pkg | sort | while read -r file; do
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
		echo "fuzz ${file%/*} $target"
		# No tests of the package beside it: make test has run them. And no time
		# for making interesting inputs smaller, which would take all of it.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" -fuzzminimizetime 1x "./${file%/*}" </dev/null
	done
done
