package admin

import (
	"context"
	"net"
	"net/http"
	"strconv"
)

type userKey struct{}

// ConnContext is for [http.Server.ConnContext]: it notes which user is at the other
// end of a unix socket. Where that cannot be told, the peer is treated like one
// that comes over TCP. A connection that wraps another one shows it by a method
// NetConn() net.Conn.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if c.LocalAddr().Network() != "unix" {
		return ctx
	}
	for {
		outer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = outer.NetConn()
	}
	uid, ok := peerUser(c)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, userKey{}, "uid:"+strconv.FormatUint(uint64(uid), 10))
}

// asker is who asks: the user of the unix socket, or else the address of the peer.
func asker(r *http.Request) string {
	if user, ok := socketUser(r); ok {
		return user
	}
	return r.RemoteAddr
}

// socketUser is who asks, over a unix socket, such as "uid:1000"; ok is false for
// everybody else.
func socketUser(r *http.Request) (user string, ok bool) {
	user, ok = r.Context().Value(userKey{}).(string)
	return user, ok
}
