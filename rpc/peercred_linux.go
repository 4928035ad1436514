package rpc

import (
	"crypto/tls"
	"net"
	"os"
	"syscall"
)

// sameUser asks the kernel who is at the other end of a unix socket.
func sameUser(c net.Conn) bool {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if b, ok := c.(*boundedConn); ok {
		c = b.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		same = err == nil && trustedUser(cred.Uid, uint32(os.Geteuid()))
	})
	return same && err == nil
}

func trustedUser(peer, ours uint32) bool { return peer == ours || peer == 0 }
