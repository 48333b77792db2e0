#!/usr/bin/env bash
# Holds the code, its dependencies and the Go toolchain against the Go vulnerability
# database: exit 1 if a known vulnerability is in reach of our code.
#
# The database is asked for over the network, at $GOVULNDB (https://… or file://…;
# default: the public one, https://vuln.go.dev). Where it cannot be reached nothing was
# looked at, and that is said. It fails then if VULNCHECK=required, which is the
# default where CI is set; VULNCHECK=optional lets it pass.
set -euo pipefail
cd "$(dirname "$0")/.."

db=${GOVULNDB:-https://vuln.go.dev}
need=${VULNCHECK:-$([[ -n "${CI:-}" ]] && echo required || echo optional)}
case $need in
required | optional) ;;
*) echo "tools/govulncheck.sh: VULNCHECK=$need: it is required or optional" >&2; exit 2 ;;
esac

govulncheck=$(go -C tools tool -n govulncheck)
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

code=0
# For Linux, as the releases are. A vulnerable module of which our code calls nothing
# that is vulnerable is mentioned, and does not fail.
GOOS=linux "$govulncheck" -db "$db" -show version ./... 2>"$errors" || code=$?
case $code in
0) exit 0 ;;
3) echo "tools/govulncheck.sh: update the modules (or the Go toolchain) named above to where it is fixed" >&2; exit 1 ;;
esac
cat "$errors" >&2
grep -q 'fetching vulnerabilities' "$errors" || exit 1
cat >&2 <<EOF
tools/govulncheck.sh: VULNERABILITIES WERE NOT LOOKED FOR: $db cannot be reached from here.
	GOVULNDB=URL names another copy of the database (file:///path is one)$([[ $need = optional ]] || echo '; VULNCHECK=optional goes on without').
EOF
[[ $need = optional ]]
