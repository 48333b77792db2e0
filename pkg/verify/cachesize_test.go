package verify

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unique"

	"github.com/jwtguard/jwtguard/internal/jose"
)

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // what pools held goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// numbered is a key that no other number has.
func numbered(n int) (k cacheKey) {
	binary.LittleEndian.PutUint64(k[:], uint64(n))
	return k
}

// judged is the judgement of a good token, with claims for headers of these lengths.
func judged(t testing.TB, headers ...int) *judge {
	s := goodScene()
	v, p := s.verifier(t)
	j := begin(v.bound[p], s.token(), s.now, nil)
	if j.run(); !j.d.OK() {
		t.Fatal(j.d.Detail)
	}
	for _, n := range headers {
		j.values += claimValues([]byte{byte(n >> 8), byte(n)}) + claimValues(strings.Repeat("x", n))
	}
	return j
}

// remembered is an entry of a token of its own, as j found it.
func remembered(j *judge) entry {
	e := newEntry(j)
	e.values = claimValues(strings.Clone(string(e.values)))
	return e
}

// The bound counts what memory is really taken, with what the library needs for
// itself; not much more, or a bound would hold little.
func TestWeightIsTheMemoryThatIsTaken(t *testing.T) {
	for _, tt := range []struct {
		entries int
		headers []int
		writes  int // of each entry; 0: 1
	}{
		{entries: 10_000},
		{entries: 7_700},            // the table has just grown
		{entries: 7_700, writes: 2}, // each came twice at once
		{entries: 10_000, headers: []int{1}},
		{entries: 10_000, headers: []int{36}},
		{entries: 10_000, headers: []int{36, 65, 17}},
		{entries: 10_000, headers: []int{769}},
		{entries: 2_000, headers: []int{1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024}},
	} {
		t.Run(fmt.Sprint(tt.entries, tt.headers, tt.writes), func(t *testing.T) {
			j := judged(t, tt.headers...)
			before := heapInUse()
			c := must(newTokenCache(1 << 30))
			for n := range tt.entries {
				for range max(1, tt.writes) {
					c.entries.Set(numbered(n), remembered(j))
				}
			}
			taken, size := heapInUse()-before, c.size()
			if size.Entries != tt.entries {
				t.Fatalf("%d entries", size.Entries)
			}
			t.Logf("%d bytes an entry, counted as %d", taken/uint64(tt.entries), size.Bytes/uint64(tt.entries))
			if size.Bytes < taken || size.Bytes > taken*7/5 {
				t.Errorf("%d bytes are taken, and counted as %d", taken, size.Bytes)
			}
			runtime.KeepAlive(c)
		})
	}
}

// An entry that held on to a part of its token would hold all of its text.
func TestLargeTokensTakeNoMoreThanSmallOnes(t *testing.T) {
	const tokens = 200
	s := goodScene()
	s.alg, s.key, s.header["alg"], s.header["kid"] = "EdDSA", edKey(), "EdDSA", "ed"
	s.policy.ClaimHeaders, s.policy.PayloadHeader = []ClaimHeader{{"sub", "x-sub"}, {"scope", "x-scope"}}, "x-payload"
	s.claims["pad"] = strings.Repeat("x", 5000)
	v, p := s.cached(t, roomy)
	before := heapInUse()
	for i := range tokens {
		s.claims["sub"] = fmt.Sprint("user-", i)
		if d := v.Decide(p, s.token(), s.now); !d.OK() {
			t.Fatal(d.Detail)
		}
	}
	taken := heapInUse() - before
	if size, _ := v.CacheSize(); size.Entries != tokens || taken > size.Bytes+64<<10 {
		t.Errorf("%d entries take %d bytes, and are counted as %d", size.Entries, taken, size.Bytes)
	}
	runtime.KeepAlive(v)
}

// What tokens have in common is there once, and does not count as theirs: it must not
// grow with them.
func TestTokensOfAKeyShareTheirOrigin(t *testing.T) {
	s := goodScene()
	v, p := s.cached(t, roomy)
	b := v.bound[p]
	shared := map[unique.Handle[origin]]bool{}
	for i := range 20 {
		s.claims["sub"] = fmt.Sprint("user-", i)
		token := s.token()
		v.Decide(p, token, s.now)
		e, ok := v.cache.Load().entries.GetIfPresent(cacheKeyOf(b, token))
		if !ok {
			t.Fatal("not remembered")
		}
		shared[e.origin] = true
	}
	if len(shared) != 1 {
		t.Errorf("tokens of one key have %d origins", len(shared))
	}
}

// Keys come and go while a configuration is in force; what was in common to the tokens
// of one goes with them.
func TestOriginsDoNotAddUp(t *testing.T) {
	const bound, keys = 64 << 10, 20_000
	j := judged(t)
	before := heapInUse()
	c := must(newTokenCache(bound))
	for n := range keys {
		j.ref.Name = fmt.Sprint("key-", n)
		c.entries.Set(numbered(n), newEntry(j))
	}
	if taken := heapInUse() - before; taken > 1<<20 {
		t.Errorf("%d bytes are taken by one cache of %d", taken, bound)
	}
	runtime.KeepAlive(c)
}

// A million tokens, each of them good, take what one configuration allows, and
// start nothing that goes on.
func TestBoundHoldsUnderAMillionTokens(t *testing.T) {
	const bound, writers = 4 << 20, 4
	tokens := 1_000_000
	if testing.Short() || racing {
		tokens = 100_000
	}
	j := judged(t, 36, 12)
	// What may wait to be accounted, as the library has it.
	slack := uint64(128*2*runtime.GOMAXPROCS(0)+writers) * uint64(newEntry(j).weight())
	before, goroutines := heapInUse(), runtime.NumGoroutine()
	c := must(newTokenCache(bound))
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := w; n < tokens; n += writers {
				c.entries.Set(numbered(n), remembered(j))
				if n%1000 == 0 {
					if held := uint64(c.entries.EstimatedSize()) * uint64(newEntry(j).weight()); held > bound+slack {
						t.Errorf("%d bytes after %d tokens", held, n)
					}
				}
			}
		})
	}
	writing.Wait()
	taken, size := heapInUse()-before, c.size()
	t.Logf("%d entries, %d bytes, counted as %d", size.Entries, taken, size.Bytes)
	if taken > bound || size.Bytes > bound || size.Bytes < bound*9/10 {
		t.Errorf("%d bytes are taken, counted as %d", taken, size.Bytes)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	runtime.KeepAlive(c)
}

// Configurations come and go; what the last one remembered goes with it.
func TestReloadsDoNotAddUp(t *testing.T) {
	s := goodScene()
	_, p := s.verifier(t)
	j := judged(t, 1000)
	var v *Verifier
	before, goroutines := heapInUse(), runtime.NumGoroutine()
	for range 20 {
		old := v
		v = must(New([]*Policy{p}, roomy))
		for n := range 1000 {
			v.cache.Load().entries.Set(numbered(n), remembered(j))
		}
		if old != nil {
			old.DropCache()
			t.Cleanup(func() { runtime.KeepAlive(old) }) // as if a request on it went on for ever
		}
	}
	if taken := heapInUse() - before; taken > 2*roomy {
		t.Errorf("%d bytes are taken by one cache of %d", taken, roomy)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	runtime.KeepAlive(v)
}

// texts lists all texts that can be reached from a value, whoever owns them.
func texts(v reflect.Value, seen map[uintptr]bool, found func(string)) {
	switch v.Kind() {
	case reflect.String:
		found(v.String())
	case reflect.Pointer, reflect.Interface:
		if v.Kind() == reflect.Pointer && (seen[v.Pointer()] || v.IsNil()) {
			return
		}
		if v.Kind() == reflect.Pointer {
			seen[v.Pointer()] = true
		}
		texts(v.Elem(), seen, found)
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), seen, found)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			found(string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			texts(v.Index(i), seen, found)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			texts(k, seen, found)
			texts(v.MapIndex(k), seen, found)
		}
	}
}

// Whoever reads the memory of the guard finds no token in what it remembers of one.
func TestNothingOfATokenIsRemembered(t *testing.T) {
	s := goodScene()
	s.policy.ClaimHeaders, s.policy.PayloadHeader = []ClaimHeader{{"sub", "x-sub"}}, "x-payload"
	v, p := s.cached(t, roomy)
	token := s.token()
	if d := v.Decide(p, token, s.now); !d.OK() {
		t.Fatal(d.Detail)
	}
	b := v.bound[p]
	e, ok := v.cache.Load().entries.GetIfPresent(cacheKeyOf(b, token))
	if !ok {
		t.Fatal("not remembered")
	}
	read := must(jose.Read(token))
	secrets := []string{token, read.Payload, read.Claims.Text(), string(read.Signature)}
	sub := false
	texts(reflect.ValueOf(e), map[uintptr]bool{}, func(text string) {
		sub = sub || strings.HasSuffix(text, "alice")
		for _, secret := range secrets {
			const window = 16 // of a text that long, part of it is as bad
			for i := 0; i+window <= len(secret); i += window / 2 {
				if strings.Contains(text, secret[i:i+window]) && !strings.Contains(s.issuer.ID, secret[i:i+window]) {
					t.Errorf("%q is in what is remembered", secret[i:i+window])
				}
			}
		}
	})
	if !sub {
		t.Error("the claim header was not found: neither would be a token")
	}
	buffer := keyTexts.Get().(*[]byte)
	if bytes.Contains((*buffer)[:cap(*buffer)], []byte(token[:64])) {
		t.Error("the token is in the buffer that was hashed")
	}
}

// A decision about a token seen before allocates nothing where there is room for the
// headers (but for a copy of the token, where its payload is one of them), and one about a
// new token little besides the check of the signature.
func TestAllocations(t *testing.T) {
	if racing {
		t.Skip("the race detector drops what is pooled")
	}
	s := goodScene()
	s.policy.ClaimHeaders = []ClaimHeader{{"sub", "x-sub"}, {"scope", "x-scope"}}
	payload := s.policy
	payload.Name, payload.PayloadHeader = "payload", "x-payload"
	v, p := s.cached(t, roomy, &payload)
	token := s.token()
	for _, tt := range []struct {
		name string
		most float64
		p    *Policy
	}{{"claim headers", 0, p}, {"payload header", 1, &payload}} {
		v.Decide(tt.p, token, s.now)
		bytes, room := []byte(token), make([]HeaderValue, 0, 3)
		if n := testing.AllocsPerRun(1000, func() {
			if d := v.DecideBytes(tt.p, bytes, s.now, room); d.Cache != CacheHit || !d.OK() {
				t.Fatal(d.Reason)
			}
		}); n > tt.most {
			t.Errorf("%s: %v allocations for a token seen before, want %v", tt.name, n, tt.most)
		}
	}
	const more = 14
	for _, tt := range []struct {
		alg, kid string
		key      crypto.Signer
	}{{"RS256", "rsa", rsaKey()}, {"ES256", "ec", p256Key()}, {"EdDSA", "ed", edKey()}} {
		s.header["alg"], s.header["kid"], s.alg, s.key = tt.alg, tt.kid, tt.alg, tt.key
		const runs = 100
		var tokens []string
		for i := range runs + 1 {
			s.claims["sub"] = fmt.Sprint("user-", i)
			tokens = append(tokens, s.token())
		}
		i := 0
		n := testing.AllocsPerRun(runs, func() {
			if d := v.Decide(p, tokens[i], s.now); d.Cache != CacheMiss || !d.OK() {
				t.Fatal(d.Reason)
			}
			i++
		})
		token, public := must(jose.Read(tokens[0])), tt.key.Public()
		bare := testing.AllocsPerRun(runs, func() {
			if !bareVerify(tt.alg, public, token.SigningInput, token.Signature) {
				t.Fatal("not genuine")
			}
		})
		t.Logf("%s: %v allocations for a token that is new, %v of them in the standard library's check", tt.alg, n, bare)
		if n > bare+more {
			t.Errorf("%s: %v allocations for a token that is new, want %v besides the %v of a bare check", tt.alg, n, more, bare)
		}
	}
}
