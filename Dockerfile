# jwtguard in an image that holds the static binary, the system's CA
# certificates, and nothing else: no shell, no package manager, no root.
#
#   docker build -t jwtguard .
#   docker run --rm -v "$PWD/jwtguard.yaml:/etc/jwtguard/jwtguard.yaml:ro" jwtguard

# The toolchain runs on the builder's own platform and compiles for the image's.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
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

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /jwtguard /jwtguard
COPY --from=build --chown=65532:65532 /run-jwtguard /run/jwtguard
USER 65532:65532
# ext_authz (set listen.grpc to ":9191" or to a socket in a shared volume; by
# default it is loopback), and /healthz and /readyz.
EXPOSE 9191 9193
ENTRYPOINT ["/jwtguard"]
CMD ["serve", "-c", "/etc/jwtguard/jwtguard.yaml"]
