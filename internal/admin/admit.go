package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jwtguard/jwtguard/pkg/keyset"
)

// errForced says that the order overrides an objection, and is not marked so yet.
var errForced = errors.New("the order overrides an objection")

// admit refuses what the names or the state of the keys do not allow, and what
// would harm tokens in use unless it is forced. It is shown the set that the order
// would meet.
func (c *change) admit(set *keyset.Set, now keyset.Instant) error {
	i := IssuerKeys{Issuer: c.issuer, Set: set}
	named := i.named(c.Order)
	if p := i.unclear(c.Order, named); p != nil {
		return p
	}
	if len(named) == 0 {
		return c.admitUnseen(i)
	}
	if c.Action == keyset.Reinstate {
		return c.admitReinstatement(i, named[0], now)
	}
	impact, err := set.Impact(c.Order, c.skew, now)
	if err != nil {
		return err
	}
	p := c.objection(impact, now)
	switch {
	case p == nil:
		return nil
	case !c.force:
		return p
	case !c.Forced:
		return errForced
	}
	return nil
}

// admitUnseen is about a key of which there is no record.
func (c *change) admitUnseen(i IssuerKeys) error {
	switch {
	case c.Action == keyset.Reinstate:
		p := i.unknown(c.Order)
		p.Detail += "; what is not there cannot be reinstated"
		return p
	case !c.unseen:
		p := i.unknown(c.Order)
		p.Detail += `; check the spelling, or send "unseen": true to put a key out of service that this guard never saw`
		return p
	case len(i.Set.Keys()) >= keyset.MaxRecords:
		return &problem{Status: http.StatusConflict, Title: "Records full", reason: RecordsFull,
			Detail: fmt.Sprintf("%s has %d records, and may have no more: a key that was never seen is refused as it is", i.Issuer, keyset.MaxRecords)}
	}
	return nil
}

// admitReinstatement wants a key that was put out of service for ever, and not
// because of compromise.
func (c *change) admitReinstatement(i IssuerKeys, k *keyset.Key, now keyset.Instant) error {
	conflict := func(title string, reason Reason, detail string) error {
		return &problem{Status: http.StatusConflict, Title: title, reason: reason, Detail: detail}
	}
	if c.Kid != "" && !called(k, c.Kid) {
		return i.unknown(c.Order)
	}
	where, pinned := c.pinned(c.issuer, k)
	switch state := k.State(now); {
	case state == keyset.Revoked:
		return conflict("Revoked", KeyRevoked, keyset.ErrRevoked.Error()+": have the issuer make a new one")
	case !k.Final && state == keyset.Retired:
		return conflict("Nothing to reinstate", KeyInService,
			"nothing put the key out of service for ever: it is back by itself when the issuer lists it again, with a later exp if it has one")
	case !k.Final:
		return conflict("Nothing to reinstate", KeyInService, "the key is not out of service: it is "+state.String())
	case pinned:
		return conflict("Retired by the configuration", KeyPinned,
			fmt.Sprintf("%s retires the key: remove that line first, or write one into keys.reinstated", where))
	}
	return nil
}

// objection says what harm an order would do that force overrides; nil: none.
func (c *change) objection(impact keyset.Impact, now keyset.Instant) *problem {
	p := &problem{Status: http.StatusConflict, Title: "Tokens in use", reason: KeyInUse, ForceWouldDo: true}
	var why []string
	if impact.LastKey {
		p.Title, p.reason = "Last usable key", LastKey
		detail := "it is the last usable key of %s: without it, no token is accepted until the issuer lists another one"
		if impact.Unfit {
			detail = "it is the last usable key of %s: its other active keys fit none of the issuer's algorithms, and without it, no token is accepted until the issuer lists one that does"
		}
		why = append(why, fmt.Sprintf(detail, c.issuer))
	}
	last, others := c.elsewhere(impact.Keys, now)
	for _, name := range last {
		p.Title, p.reason = "Last usable key", LastKey
		why = append(why, fmt.Sprintf("it is the last usable key of %s, and a revoked key is refused under every issuer", name))
	}
	if k := impact.InUse; k != nil {
		p.LastUsed, p.UsedUntil = present(k.LastUsed()), present(impact.UsedUntil)
		use, enough := c.use(impact, now)
		if why = append(why, use); len(why) == 1 {
			p.GraceWouldDo = enough
		}
	}
	if len(why) == 0 {
		return nil
	}
	if len(others) > 0 {
		why = append(why, fmt.Sprintf("it is a key of %s, too", several(others)))
	}
	p.Detail = strings.Join(why, "; ") + "; force does it all the same"
	return p
}

// elsewhere names the other issuers from which a revocation of these keys takes the
// last usable key, and those from which it takes another one: trust never crosses
// issuers, distrust does, and any issuer can list another one's public key. They are
// judged as they were before the order.
func (c *change) elsewhere(keys []*keyset.Key, now keyset.Instant) (last, others []string) {
	if c.Action != keyset.Revoke {
		return nil, nil
	}
	for _, other := range c.others {
		set := other.Set
		for _, k := range keys {
			set, _ = set.Distrust(k.Thumbprint, k.Modulus, "", now)
		}
		switch {
		case other.Set.Usable(now) && !set.Usable(now):
			last = append(last, other.Issuer)
		case set != other.Set:
			others = append(others, other.Issuer)
		}
	}
	return last, others
}

// use says of which tokens a retirement would cut off the rest of their lives, and
// what grace would not; enough is empty if none would.
func (c *change) use(impact keyset.Impact, now keyset.Instant) (use, enough string) {
	use = fmt.Sprintf("in use %s ago; tokens until %s, %s after its grace ends",
		span(now.Life.Sub(impact.InUse.LastUsed())), clock(impact.UsedUntil, now.Wall), span(impact.UsedUntil.Sub(impact.CutOff)))
	if impact.CutOff.Before(now.Wall.Add(c.Grace)) {
		return use + ". The key was withdrawn or retired before, and an order can shorten its grace, but not lengthen it", ""
	}
	grace := (impact.UsedUntil.Sub(now.Wall) + time.Minute).Truncate(time.Minute)
	enough = strings.TrimSuffix(grace.String(), "0s")
	return use + fmt.Sprintf("; a grace of %s covers them", enough), enough
}
