package session

import (
	"errors"
	"net/netip"
	"sync/atomic"
)

// errBlocked is why connections end, and addresses are not dialled, that the user does not want.
var errBlocked = errors.New("address is on the blocklist")

// blocked is who is on the blocklist of the user.
type blocked struct {
	list atomic.Pointer[func(netip.Addr) bool]
}

func (b *blocked) has(a netip.Addr) bool {
	f := b.list.Load()
	return f != nil && (*f)(a.Unmap().WithZone(""))
}

// SetBlocked says whom not to have to do with; nil is nobody. It is asked before an address is dialled and when somebody connects, by many
// goroutines at once, and may not wait. Connections that it hits are closed before SetBlocked returns. Trackers and nodes of the DHT
// are not asked about.
func (s *Session) SetBlocked(has func(netip.Addr) bool) {
	if has == nil {
		s.block.list.Store(nil)
		return
	}
	s.block.list.Store(&has)
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	for c, x := range s.live.conns {
		if s.block.has(x.remote) {
			c.Close(errBlocked)
		}
	}
}
