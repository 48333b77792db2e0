module github.com/jwtguard/jwtguard

go 1.26.0

require (
	github.com/KimMachineGun/automemlimit v1.0.1 // the memory limit of the container, for the garbage collector
	github.com/envoyproxy/go-control-plane/envoy v1.40.0 // Envoy's ext_authz messages
	github.com/go-json-experiment/json v1.27.2 // strict JSON: duplicate names and invalid UTF-8 are errors
	github.com/go-logr/logr v1.4.4 // the type of logger that the OpenTelemetry SDK writes to
	github.com/google/go-cmp v0.7.0 // tests: differences that can be read
	github.com/lestrrat-go/jwx/v3 v3.3.0 // key parsing and signature arithmetic, in internal/jose alone
	github.com/maypok86/otter/v2 v2.4.0 // the token cache: reads without locks, a bound in bytes; in pkg/verify alone
	github.com/prometheus/client_golang v1.25.0 // serves scrapes, as text and as OpenMetrics
	go.opentelemetry.io/otel v1.47.0 // metrics and spans, in internal/telemetry alone
	go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc v1.47.0 // pushes metrics where OTEL_* says so
	go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp v1.47.0 // the same over HTTP
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.47.0 // pushes spans where OTEL_* says so
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.47.0 // the same over HTTP
	go.opentelemetry.io/otel/exporters/prometheus v0.69.0 // what scrapes read, from the same instruments
	go.opentelemetry.io/otel/metric v1.47.0 // instruments
	go.opentelemetry.io/otel/sdk v1.47.0 // resources, and spans with their sampling and queue
	go.opentelemetry.io/otel/sdk/metric v1.47.0 // aggregation, and readers
	go.opentelemetry.io/otel/trace v1.47.0 // the API of spans
	go.opentelemetry.io/proto/otlp v1.11.1 // tests: a collector
	go.yaml.in/yaml/v4 v4.0.0 // the configuration, with line and column of each node
	golang.org/x/net v0.60.0 // tests: h2c, and a name server
	golang.org/x/time v0.16.0 // the rate at which refused requests are logged
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261026165753-2ffab32bce7e // tests and bench: google.rpc.Status in ext_authz answers
	google.golang.org/grpc v1.85.0 // the server that Envoy calls
	google.golang.org/protobuf v1.36.12 // the wire format of ext_authz messages
)

require (
	cel.dev/expr v0.25.3 // indirect
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cncf/xds/go v0.0.0-20260202195803-dba9d589def2 // indirect
	github.com/decred/dcrd/dcrec/secp256k1/v4 v4.4.1 // indirect
	github.com/envoyproxy/protoc-gen-validate v1.3.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/goccy/go-json v0.10.6 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.31.0 // indirect
	github.com/lestrrat-go/blackmagic v1.0.4 // indirect
	github.com/lestrrat-go/dsig v1.4.0 // indirect
	github.com/lestrrat-go/dsig-secp256k1 v1.0.0 // indirect
	github.com/lestrrat-go/httpcc v1.0.1 // indirect
	github.com/lestrrat-go/httprc/v3 v3.0.6 // indirect
	github.com/lestrrat-go/option/v2 v2.0.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pbnjay/memory v0.0.0-20210728143218-7b4eea64cf58 // indirect
	github.com/planetscale/vtprotobuf v0.6.1-0.20240319094008-0393e58bdf10 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/otlptranslator v1.0.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/segmentio/asm v1.2.1 // indirect
	github.com/valyala/fastjson v1.6.10 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.47.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20260928230214-8a89bd6388cc // indirect
	honnef.co/go/tools v0.8.2 // indirect
)

tool honnef.co/go/tools/cmd/staticcheck
