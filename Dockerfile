# jwtguard in an image that holds the static binary, the system's CA
# certificates, and nothing else: no shell, no package manager, no root.
#
#   docker build -t jwtguard .
#   docker run --rm -v "$PWD/jwtguard.yaml:/etc/jwtguard/jwtguard.yaml:ro" jwtguard

# The digests decide what is taken; the tags are for the reader. docs/release.md says
# how to move them, and what was not tried.

# The toolchain runs on the builder's own platform and compiles for the image's.
FROM --platform=$BUILDPLATFORM golang:1.26.8@sha256:3c3e25a4da13fd0478eed2df1eb35a0e667094a7124d3993a6a1d30f71c17e79 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG VERSION=
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /jwtguard ./cmd/jwtguard
# A folder for the unix socket that the non-root user may write to; mount a
# volume over it that Envoy shares.
RUN install -d -m 0770 /run-jwtguard

FROM gcr.io/distroless/static-debian12:nonroot@sha256:b7bb25d9f7c31d2bdd1982feb4dafcaf137703c7075dbe2febb41c24212b946f
COPY --from=build /jwtguard /jwtguard
COPY LICENSE THIRD_PARTY_LICENSES /licenses/
COPY --from=build --chown=65532:65532 /run-jwtguard /run/jwtguard
USER 65532:65532
# ext_authz (set listen.grpc to ":9191" or to a socket in a shared volume; by
# default it is loopback), and /healthz and /readyz.
EXPOSE 9191 9193
ENTRYPOINT ["/jwtguard"]
CMD ["serve", "-c", "/etc/jwtguard/jwtguard.yaml"]
