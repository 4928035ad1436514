//go:build !linux

package peer

import (
	"io"
	"net"
)

// gathering returns nc as something to read frames from.
func gathering(nc net.Conn) io.Reader { return nc }
