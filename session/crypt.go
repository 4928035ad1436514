package session

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"shoal/metainfo"
	"shoal/peer"
	"shoal/session/budget"
)

// firstTry bounds the wait for the first answer to an encrypted handshake without which a plain one follows, so that
// both together do not hold a place among the dials for longer than they must.
const firstTry = 5 * time.Second

// maxOpened bounds the addresses of which it is known how to begin with them.
const maxOpened = 4096

var errHandshakes = errors.New("too many encrypted handshakes from there")

// crypt is what the connections of a session share about encryption.
type crypt struct {
	policy peer.Encryption
	slots  chan struct{} // one token for each piece of arithmetic under way

	mu      sync.Mutex
	inbound budget.Handshakes
	opened  map[netip.AddrPort]peer.Opening // where something else than the first way worked
}

func newCrypt(policy peer.Encryption) *crypt {
	return &crypt{
		policy: policy, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		opened: make(map[netip.AddrPort]peer.Opening),
	}
}

// work runs the arithmetic of a handshake, when it is its turn.
func (c *crypt) work(ctx context.Context, f func()) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.slots }()
	f()
	return nil
}

// answer is work for who dialled us from a, who gets a share of it only.
func (c *crypt) answer(ctx context.Context, a netip.Addr, f func()) error {
	if scopeOf(a) == globalScope {
		c.mu.Lock()
		ok := c.inbound.Enter(time.Now(), a)
		c.mu.Unlock()
		if !ok {
			return errHandshakes
		}
	}
	return c.work(ctx, f)
}

// opening returns how to begin with an address.
func (c *crypt) opening(a netip.AddrPort) peer.Opening {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.opened[a]; ok {
		return o
	}
	return c.policy.First()
}

// ended notes whether it worked to begin like that. After a failure the next dial begins as if nothing were known.
func (c *crypt) ended(a netip.AddrPort, o peer.Opening, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.opened, a)
	if !ok || o == c.policy.First() {
		return
	}
	if len(c.opened) >= maxOpened {
		clear(c.opened) // the price is a dial more for each
	}
	c.opened[a] = o
}

// ours are the torrents that incoming connections may be for. One that sleeps wakes, and the handshake is held until then.
type ours struct{ s *Session }

// Known implements peer.Torrents.
func (w ours) Known(ih metainfo.Hash) bool {
	return w.s.knock(ih) != nil
}

// Unveil implements peer.Torrents.
func (w ours) Unveil(veil metainfo.Hash) (metainfo.Hash, bool) {
	h, ok := w.s.reg.unveil(veil)
	return h, ok && w.s.knock(h) != nil
}
