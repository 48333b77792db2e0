package verify

import (
	"fmt"
	"testing"
)

// While there is room, a token is remembered at its first use. Once there is none, at
// its second: those that are used once do not have others let go.
func TestFullCacheIsForTokensThatComeAgain(t *testing.T) {
	const bound = 64 << 10
	s := goodScene()
	s.alg, s.key, s.header["alg"], s.header["kid"] = "EdDSA", edKey(), "EdDSA", "ed"
	v, p := s.cached(t, bound)
	token := func(name string, n int) string {
		s.claims["sub"] = fmt.Sprint(name, n)
		return s.token()
	}
	uses := func(token string, want ...CacheUse) {
		t.Helper()
		for i, use := range want {
			if d := v.Decide(p, token, s.now); !d.OK() || d.Cache != use {
				t.Errorf("use %d: %s %s, cache use %d; want %d", i+1, d.Reason, d.Detail, d.Cache, use)
			}
		}
	}
	door := &v.cache.Load().door
	usual := token("usual", 0)
	uses(usual, CacheMiss, CacheHit, CacheHit)
	for n := 0; door.seen.Load() == nil; n++ {
		if n > bound {
			t.Fatal("the cache never gets full")
		}
		uses(token("filling", n), CacheMiss)
		uses(usual, CacheHit)
	}
	uses(token("later", 0), CacheMiss, CacheMiss, CacheHit)
	full, _ := v.CacheSize()
	for n := range 2000 {
		uses(token("once", n), CacheMiss)
	}
	after, _ := v.CacheSize()
	if after != full {
		t.Errorf("tokens that came once changed the cache from %+v to %+v", full, after)
	}
	uses(usual, CacheHit)
}

// A doorkeeper takes the part of the cache's memory that is kept for it, and has a
// place also where that is none.
func TestDoorkeeperTakesItsShare(t *testing.T) {
	for bytes, places := range map[int64]int{1: 1, 300: 1, 32 << 20: 128 << 10} {
		var d doorkeeper
		if !d.admits(cacheKey{}) {
			t.Error("a token is turned away while there is room")
		}
		d.stand(bytes)
		d.stand(bytes)
		if n := len(*d.seen.Load()); n != places {
			t.Errorf("%d bytes: %d places", bytes, n)
		}
		key := cacheKey{7, 8: 1}
		for n, want := range []bool{false, true, true} {
			if d.admits(key) != want {
				t.Errorf("%d bytes: try %d is not %v", bytes, n, want)
			}
		}
	}
}
