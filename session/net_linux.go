package session

import "syscall"

// private sets the mode of a unix socket before it has a name: at no time may others connect.
func private(_, _ string, c syscall.RawConn) error {
	var err error
	if err2 := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); err2 != nil {
		return err2
	}
	return err
}
