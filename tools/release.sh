#!/usr/bin/env bash
# Makes the files of a release in dist/, from what is checked out: for each
# architecture a static binary and its bill of materials, the licences, and the
# checksums of it all. The same commit and the same Go give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "tools/release.sh: $*" >&2; }

version=${VERSION:-$(git describe --tags --always --dirty)} || {
	say "this is no git checkout: a release says which commit it was made from"
	exit 1
}
case $version in
*-dirty) say "note: there are changes that are not committed, so nobody can make $version again" ;;
esac

# What the caller's environment could change in the binaries is set here.
export GOFLAGS=-mod=readonly GOOS=linux CGO_ENABLED=0 GOAMD64=v1 GOARM64=v8.0 GOFIPS140=off GOWORK=off
unset GOEXPERIMENT
umask 022

rm -rf dist
mkdir dist
for arch in amd64 arm64; do
	binary=dist/jwtguard-linux-$arch
	GOARCH=$arch go build -trimpath -buildvcs=true -ldflags "-s -w -X main.version=$version" -o "$binary" ./cmd/jwtguard
done

# The tools run here, whatever the binaries are for.
unset GOOS CGO_ENABLED
licences=$(go -C tools tool -n licences)
cyclonedx=$(go -C tools tool -n cyclonedx-gomod)
"$licences"
at=$(git log -1 --format=%cI)
for arch in amd64 arm64; do
	binary=dist/jwtguard-linux-$arch
	# Read from the binary itself, so that it is about what was linked. A serial number
	# would be another one each time.
	"$cyclonedx" bin -json -std -noserial -notimestamp -version "$version" "$binary" >dist/bill.json
	"$licences" -sbom "$at" <dist/bill.json >"$binary.cdx.json"
	rm dist/bill.json
done
cp LICENSE THIRD_PARTY_LICENSES dist/
chmod 644 dist/LICENSE dist/THIRD_PARTY_LICENSES

(cd dist && sha256sum -- * >SHA256SUMS)
say "dist/ holds jwtguard $version, made by $(go env GOVERSION)"
