#!/bin/sh
# Prints the directory of Grafana's Foundation SDK, by which the dashboards are made:
# PYTHONPATH=$(tools/grafana-sdk.sh) python3 -B deploy/grafana/dashboards.py
#
# It is the release pinned by hash in deploy/grafana/requirements.txt, installed once
# into .tools/ of this checkout, apart from the packages of the machine.
# The directory alone goes to stdout, everything said to a person to stderr.
# With --installed nothing is installed: without the SDK it exits 1.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
pinned=$root/deploy/grafana/requirements.txt

say() { echo "tools/grafana-sdk.sh: $*" >&2; }
die() { say "$@"; exit 1; }

version=$(sed -n 's/^grafana-foundation-sdk==\([^ ]*\).*/\1/p' "$pinned" | tr '!' '-')
target=$root/.tools/grafana-sdk-$version
if [ -d "$target" ]; then
	echo "$target"
	exit 0
fi
[ "${1:-}" != --installed ] || die "no Foundation SDK here: run tools/grafana-sdk.sh once"

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
	die "the Foundation SDK needs Python 3.11 or later (Debian 12, Ubuntu 24.04): install python3"

# It is made in a directory of this run's own and moved into place whole, so that
# an interrupted run leaves nothing half-made behind.
mkdir -p "$root/.tools"
work=$(mktemp -d "$root/.tools/grafana-sdk.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Debian's python3 comes without pip, and without ensurepip unless
# python3-venv is there. Whoever is root there (a container, CI) gets it now.
if ! python3 -m pip --version >/dev/null 2>&1 && ! python3 -c 'import ensurepip' >/dev/null 2>&1 &&
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	say "installing python3-pip, which the SDK is installed with"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip; } >&2 ||
		die "apt-get could not install python3-pip: install it"
fi
if python3 -m pip --version >/dev/null 2>&1; then
	python=python3
elif python3 -m venv "$work/venv" >/dev/null 2>&1; then
	python=$work/venv/bin/python
else
	die "python3 has neither pip nor venv: install python3-pip (apt-get install python3-pip)"
fi

say "installing the Foundation SDK $version into .tools/ (0.5 MB, once)"
PIP_ROOT_USER_ACTION=ignore "$python" -m pip --disable-pip-version-check install --quiet --no-cache-dir --no-compile \
	--require-hashes --no-deps --only-binary=:all: --target "$work/sdk" --requirement "$pinned" >&2 ||
	die "the Foundation SDK could not be installed from PyPI (see above)"
[ -d "$target" ] || mv "$work/sdk" "$target" # another run may have been first: what it made is the same
echo "$target"
