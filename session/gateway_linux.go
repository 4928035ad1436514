package session

import (
	"io"
	"net/netip"
	"os"
)

// defaultRoute asks the kernel.
func defaultRoute([]netip.Addr) netip.Addr {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return netip.Addr{}
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, maxRoutes)) // what could be read is enough
	return parseRoutes(string(b))
}
