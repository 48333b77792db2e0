package admin

import (
	"net"
	"syscall"
)

// peerUser asks the kernel who connected to a unix socket (unix(7), SO_PEERCRED):
// that was noted at connect, and the peer has no say in it.
func peerUser(c net.Conn) (uid uint32, ok bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *syscall.Ucred
	if err := raw.Control(func(fd uintptr) {
		cred, _ = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil || cred == nil {
		return 0, false
	}
	return cred.Uid, true
}
