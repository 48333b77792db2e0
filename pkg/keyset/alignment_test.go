package keyset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// windows is everything that follows from an Alignment.
type windows struct {
	FetchPeriod, Confirmation, Tail, Healthy, Outage time.Duration
	PublishAhead                                     time.Duration
	KeepNeeded, KeepActual, KeepListed               time.Duration
	LeastStale, MostGrace                            time.Duration
	KeepTooShort, StaleTooShort, GraceTooLong        bool
}

func windowsOf(a Alignment) windows {
	return windows{
		FetchPeriod: a.FetchPeriod(), Confirmation: a.Confirmation(),
		Tail: a.Tail(), Healthy: a.Healthy(), Outage: a.Outage(), PublishAhead: a.PublishAhead(),
		KeepNeeded: a.KeepNeeded(), KeepActual: a.KeepActual(), KeepListed: a.KeepListed(),
		LeastStale: a.LeastStale(), MostGrace: a.MostGrace(),
		KeepTooShort: a.KeepTooShort(), StaleTooShort: a.StaleTooShort(), GraceTooLong: a.GraceTooLong(),
	}
}

func TestAlignment(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, tt := range []struct {
		name string
		in   Alignment
		want windows
	}{
		{
			name: "the defaults, token life unknown",
			in: Alignment{
				Interval: 5 * m, FetchTimeout: 5 * s, MaxStale: 4 * h,
				RemovalConfirm: 30 * s, Grace: h, ClockSkew: m,
			},
			want: windows{
				FetchPeriod: 5*m + 30*s, Confirmation: 35 * s,
				Tail: h, Healthy: h + 5*m + 35*s, Outage: 5*h + 5*s,
				PublishAhead: 16*m + 35*s, LeastStale: 16*m + 35*s,
				KeepActual: h,
			},
		},
		{
			name: "a cache in front of the JWKS lengthens every window but that of staleness",
			in: Alignment{
				CacheMaxAge: 10 * m, Interval: 5 * m, FetchTimeout: 5 * s, MaxStale: 4 * h,
				RemovalConfirm: 30 * s, Grace: h, ClockSkew: m,
			},
			want: windows{
				FetchPeriod: 5*m + 30*s, Confirmation: 35 * s,
				Tail: h, Healthy: h + 15*m + 35*s, Outage: 5*h + 10*m + 5*s,
				PublishAhead: 26*m + 35*s, LeastStale: 16*m + 35*s,
				KeepActual: h,
			},
		},
		{
			name: "grace and overlap exactly cover the tokens",
			in: Alignment{
				TokenLife: h, Overlap: 11 * m, Interval: m, FetchTimeout: s,
				MaxStale: 3*m + 19*s, RemovalConfirm: 30 * s, Grace: 50 * m, ClockSkew: m,
			},
			want: windows{
				FetchPeriod: m + 6*s, Confirmation: 31 * s,
				Tail: 50 * m, Healthy: 51*m + 7*s, Outage: 53*m + 20*s,
				PublishAhead: 3*m + 19*s, LeastStale: 3*m + 19*s, MostGrace: h + 2*m,
				KeepNeeded: h + m, KeepActual: h + m, KeepListed: 11 * m,
			},
		},
		{
			name: "one second short of both",
			in: Alignment{
				TokenLife: h, Overlap: 11*m - s, Interval: m, FetchTimeout: s,
				MaxStale: 3*m + 18*s, RemovalConfirm: 30 * s, Grace: 50 * m, ClockSkew: m,
			},
			want: windows{
				FetchPeriod: m + 6*s, Confirmation: 31 * s,
				Tail: 50 * m, Healthy: 51*m + 7*s, Outage: 53*m + 19*s,
				PublishAhead: 3*m + 19*s, LeastStale: 3*m + 19*s, MostGrace: h + 2*m,
				KeepNeeded: h + m, KeepActual: h + m - s, KeepListed: 11 * m,
				KeepTooShort: true, StaleTooShort: true,
			},
		},
		{
			name: "grace beyond every token; confirmation is at most two intervals",
			in: Alignment{
				TokenLife: m, Interval: 10 * s, FetchTimeout: 5 * s, MaxStale: h,
				RemovalConfirm: 30 * s, Grace: 3*m + s, ClockSkew: m,
			},
			want: windows{
				FetchPeriod: 11 * s, Confirmation: 20 * s,
				Tail: 3*m + s, Healthy: 3*m + 17*s, Outage: h + 3*m + 6*s,
				PublishAhead: 38 * s, LeastStale: 38 * s, MostGrace: 3 * m,
				KeepNeeded: 2 * m, KeepActual: 3*m + s,
				GraceTooLong: true,
			},
		},
		{
			name: "without grace, confirming the absence is the tail",
			in: Alignment{
				Interval: 5 * m, FetchTimeout: 5 * s, MaxStale: 4 * h, RemovalConfirm: 30 * s, ClockSkew: m,
			},
			want: windows{
				FetchPeriod: 5*m + 30*s, Confirmation: 35 * s,
				Tail: 35 * s, Healthy: 6*m + 10*s, Outage: 4*h + 40*s,
				PublishAhead: 16*m + 35*s, LeastStale: 16*m + 35*s,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, windowsOf(tt.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
