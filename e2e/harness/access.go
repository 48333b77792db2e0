package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Access is one line of Envoy's access log, as deploy/envoy/envoy.yaml has it
// written. The fields of the guard are nil when it was not asked or did not
// answer.
type Access struct {
	RequestID  string  `json:"request_id"`
	Method     string  `json:"method"`
	Path       string  `json:"path"`
	Status     int     `json:"status"`
	Flags      *string `json:"flags"`
	Details    *string `json:"details"`
	DurationMS int     `json:"duration_ms"`

	Decision   *string `json:"decision"`
	Reason     *string `json:"reason"`
	Policy     *string `json:"policy"`
	Issuer     *string `json:"issuer"`
	KID        *string `json:"kid"`
	Thumbprint *string `json:"thumbprint"`
	Alg        *string `json:"alg"`
	KeyState   *string `json:"key_state"`

	Line string `json:"-"` // as it was written
}

// NextAccess gives the first access log line from index from on (Stdout.Len
// before the request), and the index behind it. It waits for one until ctx
// ends.
func (e *Envoy) NextAccess(ctx context.Context, from int) (Access, int, error) {
	line, next, err := e.Stdout.Next(ctx, from, func(l string) bool { return strings.HasPrefix(l, "{") })
	if err != nil {
		return Access{}, next, fmt.Errorf("wait for an access log line: %w", err)
	}
	a := Access{Line: line}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		return Access{}, next, fmt.Errorf("access log: %w: %s", err, line)
	}
	return a, next, nil
}
