// Package config is the configuration file: what may stand in it, strictly
// read, with every mistake reported at its place, and what is unwise about it.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// Config is one configuration file with every default filled in. It mirrors the
// file key by key; what a key means stands in the reference.
type Config struct {
	File string // the name it was read by

	Guard      string // empty: the host's name, which the caller finds out
	Listen     Listen
	StateDir   string // absolute; empty: memory only
	Ledger     Ledger
	Issuers    []Issuer // at least one; names and issuer values are unique
	Policies   map[string]Policy
	TokenCache TokenCache
	Admin      Admin

	places places
}

// Listen is where the guard answers.
type Listen struct {
	GRPC       []GRPC      // at least one
	SocketMode fs.FileMode // permissions of every unix socket
	Admin      Address     // zero: no such listener
	Metrics    Address     // zero: no such listener
	TLS        TLS         // of the gRPC listeners on TCP
	Drain      time.Duration
}

// GRPC is one ext_authz listener.
type GRPC struct {
	Address Address
	Policy  string // empty: the route chooses the policy
}

// TLS names PEM files. Cert and Key are both set or both empty.
type TLS struct{ Cert, Key, ClientCA string }

// Ledger is how the ledger is kept.
type Ledger struct{ Strict bool }

// TokenCache bounds the memory of the verified-token cache.
type TokenCache struct{ MaxBytes int64 } // 0: no cache

// Admin guards the admin API.
type Admin struct{ TokenFile string } // empty: no changes over TCP

// Issuer is one iss value and where its keys come from.
type Issuer struct {
	Name        string // label value
	Issuer      string // exact iss value
	Audiences   []string
	Algorithms  []string
	Types       []string      // without a leading "application/"
	MaxLifetime time.Duration // 0: unbounded
	ClockSkew   time.Duration
	Optional    bool
	JWKS        JWKS
	Keys        Keys
}

// JWKS is the source of an issuer's keys: exactly one of URI, Discovery, File
// and Inline is set.
type JWKS struct {
	URI       string
	Discovery bool
	File      string
	Inline    []byte // a JWKS document in JSON

	Interval           time.Duration
	Timeout            time.Duration
	MaxStale           time.Duration
	UnknownKidCooldown time.Duration
	UnknownKidWait     time.Duration // 0: requests do not wait for a refresh
	CAFile             string        // empty: the system's authorities
	AllowInsecureHTTP  bool
}

// Source is the key that names where the keys come from: uri, discovery, file
// or inline.
func (j JWKS) Source() string {
	switch {
	case j.URI != "":
		return "uri"
	case j.File != "":
		return "file"
	case j.Inline != nil:
		return "inline"
	}
	return "discovery"
}

// Keys is how the keys of an issuer live and die.
type Keys struct {
	Grace           time.Duration
	RemovalConfirm  time.Duration
	ActivationDelay time.Duration
	KidReuse        string // KidReuseRefuse or KidReuseReplace
	Overlap         time.Duration
	Retired         []Tombstone
	Revoked         []Tombstone
	Reinstated      []Tombstone
}

// What may be done when a known kid comes with new material.
const (
	KidReuseRefuse  = "refuse"
	KidReuseReplace = "replace"
)

// Tombstone is one line of retired, revoked or reinstated.
type Tombstone struct {
	Kid        string // Kid, Thumbprint or both are set
	Thumbprint string // RFC 7638 with SHA-256, base64url
	At         time.Time
	Grace      time.Duration // of retired alone; where the line has an at, the issuer's grace is the default
	Reason     string
	Line       int // of the file, for messages
}

// Policy is what one kind of route asks of a request.
type Policy struct {
	Mode             string   // ModeEnforce or ModeShadow
	Issuers          []string // names of issuers; never empty, ["*"] stands for all and is resolved
	Audiences        []string // empty: the issuers' own
	AllowMissing     bool
	Token            Token
	ClaimHeaders     []ClaimHeader
	PayloadHeader    string // lower case; empty: none
	RequiredScopes   []string
	RequiredClaims   map[string]string
	Realm            string
	ResourceMetadata string
}

// The modes of a policy.
const (
	ModeEnforce = "enforce"
	ModeShadow  = "shadow"
)

// DefaultPolicy is the name of the policy that exists without being written.
const DefaultPolicy = "default"

// Token is where the credential of a request is looked for: at least one of
// Header, Query and Cookie is set.
type Token struct {
	Header  string // lower case
	Query   string
	Cookie  string
	Forward bool
}

// ClaimHeader copies one claim to one request header.
type ClaimHeader struct {
	Claim  string
	Header string // lower case
}

// Load reads the configuration file at path. If the file can be read but is not
// valid, the error is a [*Problems] that holds all mistakes.
func Load(path string) (*Config, error) {
	data, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", path, reason(err))
	}
	return Parse(path, data)
}

// Parse reads a configuration from data; name is the file's name in messages,
// and relative paths in the configuration count from its folder. It opens the
// certificates and keys that the configuration names, to tell now that one of
// them cannot be used. The error is always a [*Problems].
func Parse(name string, data []byte) (*Config, error) {
	r := &reader{dir: filepath.Dir(name), places: places{}}
	r.problems.File = name
	root := r.parse(data)
	if root == nil {
		return nil, r.problems.sorted()
	}
	c := &Config{File: name, places: r.places}
	r.config(c, value{node: root})
	if len(r.problems.List) > 0 {
		return nil, r.problems.sorted()
	}
	return c, nil
}

// config reads the whole file.
func (r *reader) config(c *Config, v value) {
	c.Listen = defaultListen()
	c.TokenCache.MaxBytes = 32 << 20
	listen, issuers, policies := value{path: "listen"}, value{path: "issuers"}, value{path: "policies"}
	if !r.mapping(v,
		field{"guard", r.text(&c.Guard, printable)},
		field{"listen", func(v value) { listen = v }},
		field{"state_dir", r.text(&c.StateDir, absolute)},
		field{"ledger", func(v value) { r.mapping(v, field{"strict", r.boolean(&c.Ledger.Strict)}) }},
		field{"issuers", func(v value) { issuers = v }},
		field{"policies", func(v value) { policies = v }},
		field{"token_cache", func(v value) {
			r.mapping(v, field{"max_bytes", r.size(&c.TokenCache.MaxBytes)})
		}},
		field{"admin", func(v value) {
			r.mapping(v, field{"token_file", r.file(&c.Admin.TokenFile, checkToken)})
		}},
	) {
		return
	}
	// In this order, whatever the file's: policies name issuers, listeners name policies.
	c.Issuers = r.issuers(issuers)
	c.Policies = r.policies(policies, c.Issuers)
	r.listen(listen, &c.Listen, c.Policies)
}

// reason is what is wrong with a file, without its name: that is said already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
