package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"shoal/peer"
	"shoal/peer/mse"
	"shoal/session/budget"
	"shoal/swarm"
)

// dialTime bounds the connecting of one dial; the handshake has its own limit.
const dialTime = 10 * time.Second

// maxBanned bounds the list of banned addresses, maxSelf that of our own.
const (
	maxBanned = 10_000
	maxSelf   = 256
)

// maxTold bounds the causes that are told of one address.
const maxTold = 8

// maxShaking is how many incoming handshakes may be under way; more are closed at once.
const maxShaking = 100

var (
	errBanned = errors.New("address is banned")
	errHungUp = errors.New("it hung up at once; perhaps it does not have this torrent")
)

// dialer makes connections in the order that the budget decides and knows
// whom not to connect to.
type dialer struct {
	s *Session

	mu      sync.Mutex
	budget  *budget.Dials
	shaking int
	inbound budget.Inbound              // of global scope
	self    map[netip.AddrPort]struct{} // addresses at which we met ourselves
	banned  map[netip.Addr]struct{}     // of global scope only: others may be shared by many
	typed   map[budget.Target][]string  // what the user named, with the causes of failure that were told
}

func newDialer(s *Session) *dialer {
	l, _ := s.limits.get()
	return &dialer{
		s: s, budget: budget.NewDials(l.HalfOpen, l.Connections),
		self: make(map[netip.AddrPort]struct{}), banned: make(map[netip.Addr]struct{}),
		typed: make(map[budget.Target][]string),
	}
}

// share changes what all torrents share.
func (d *dialer) share(l budget.Limits) {
	d.mu.Lock()
	d.budget.SetLimits(l.HalfOpen, l.Connections)
	d.mu.Unlock()
	if d.s.reg.hold(&d.s.wg) {
		defer d.s.wg.Done()
		d.pump()
	}
}

// want queues a dial for t. It never waits.
func (d *dialer) want(t *torrent, addr netip.AddrPort) {
	if err := d.refused(addr); err != nil {
		d.tell(t, addr, err)
		t.running().DialFailed(addr, err)
		return
	}
	d.mu.Lock()
	d.budget.Want(budget.Target{Key: t.key, Addr: addr})
	d.mu.Unlock()
	d.pump()
}

// refused says why an address is not dialled, nil if it may be.
func (d *dialer) refused(addr netip.AddrPort) error {
	if d.s.block.has(addr.Addr()) {
		return errBlocked
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.self[addr]; ok {
		return swarm.ErrSelf
	}
	if _, ok := d.banned[addr.Addr()]; ok {
		return errBanned
	}
	return nil
}

// pump starts the dials that the budget allows. Whoever calls it runs under the session's
// wait group, so that the group is not at zero when it grows.
func (d *dialer) pump() {
	for {
		d.mu.Lock()
		target, ok := d.budget.Next()
		d.mu.Unlock()
		if !ok {
			return
		}
		t := d.s.reg.byKey(target.Key)
		if t != nil && t.running() != nil && d.s.block.has(target.Addr.Addr()) { // since it was queued
			d.dialed(false)
			t.running().DialFailed(target.Addr, errBlocked)
			continue
		}
		if t == nil || t.running() == nil {
			d.dialed(false)
			continue
		}
		d.s.wg.Go(func() { d.dial(t, target.Addr) })
	}
}

func (d *dialer) dialed(ok bool) {
	d.mu.Lock()
	d.budget.Dialed(ok)
	d.mu.Unlock()
}

// dial connects, shakes hands and serves the connection to its end.
func (d *dialer) dial(t *torrent, addr netip.AddrPort) {
	conn, local, hello, err := d.connect(t, addr)
	d.dialed(err == nil)
	if err != nil {
		d.tell(t, addr, err)
		t.running().DialFailed(addr, err)
		d.pump()
		return
	}
	d.pump() // the handshake is over, the next may begin
	d.s.serve(t, conn, local, hello)
	d.closed()
}

// connect makes a connection as the policy of encryption has it, which may take a second dial. Both are one
// attempt: they have one place among the dials, and one failure.
func (d *dialer) connect(t *torrent, addr netip.AddrPort) (*peer.Conn, net.Addr, swarm.Hello, error) {
	for o := d.s.crypt.opening(addr); ; {
		conn, local, h, err := d.open(t, addr, o)
		next, again := d.s.cfg.Encryption.Next(o, err)
		if !again || t.ctx.Err() != nil {
			d.s.crypt.ended(addr, o, err == nil)
			return conn, local, h, err
		}
		o = next
	}
}

// open dials once and begins in the way o.
func (d *dialer) open(t *torrent, addr netip.AddrPort, o peer.Opening) (*peer.Conn, net.Addr, swarm.Hello, error) {
	ctx, cancel := context.WithTimeout(t.ctx, dialTime)
	nc, err := d.s.cfg.Net.Dial(ctx, "tcp", addr.String())
	cancel()
	if t.ctx.Err() == nil {
		d.s.outside.dialled(addr.Addr(), err)
	}
	if err != nil {
		return nil, nil, swarm.Hello{}, err
	}
	cfg := d.s.peerConfig(func(f func()) error { return d.s.crypt.work(t.ctx, f) })
	if cfg.Encryption == peer.PreferEncryption && o == peer.OpenRC4 {
		cfg.KeyTimeout = firstTry
	}
	conn, hs, err := peer.Dial(t.ctx, nc, cfg, t.id.Wire(), o)
	h := hello(addr, hs.PeerID, hs.Reserved, false)
	h.Encrypted = err == nil && conn.Encrypted()
	return conn, nc.LocalAddr(), h, err
}

// named notes addresses that the user typed: he is told why they cannot be reached.
func (d *dialer) named(k budget.Key, addrs []netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range addrs {
		d.typed[budget.Target{Key: k, Addr: a}] = nil
	}
}

// tell logs why a peer was not reached: as a warning, once for each cause, when the user named it.
func (d *dialer) tell(t *torrent, addr netip.AddrPort, err error) {
	if t.ctx.Err() != nil {
		return // it is being stopped
	}
	why := err
	if errors.Is(err, mse.ErrUnspoken) {
		why = mse.ErrUnspoken
	} else if errors.Is(err, mse.ErrRefused) {
		why = errHungUp
	} else if op, ok := errors.AsType[*net.OpError](err); ok {
		why = op.Err // without the addresses, of which ours is another each time
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		why = errHungUp
	}
	target, level := budget.Target{Key: t.key, Addr: addr}, slog.LevelDebug
	d.mu.Lock()
	if told, ok := d.typed[target]; ok && len(told) < maxTold && !slices.Contains(told, why.Error()) {
		d.typed[target] = append(told, why.Error())
		level = slog.LevelWarn
	}
	d.mu.Unlock()
	d.s.log.Log(t.ctx, level, "cannot connect to peer", "torrent", t.id, "addr", addr, "err", why)
}

// hello says what a handshake told.
func hello(addr netip.AddrPort, id [20]byte, bits capabilities, incoming bool) swarm.Hello {
	return swarm.Hello{
		Addr: addr, PeerID: id, Incoming: incoming,
		Fast: bits.Fast(), Extended: bits.Extended(), DHT: bits.DHT(),
	}
}

// capabilities are those of the other side of a handshake.
type capabilities interface {
	Fast() bool
	Extended() bool
	DHT() bool
}

// metSelf notes that addr is ours.
func (d *dialer) metSelf(addr netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.self) < maxSelf {
		d.self[addr] = struct{}{}
	}
}

// ban keeps an address out that was proven to have lied. Addresses that are not global may
// stand for a whole house; there only the swarm that was lied to acts.
func (d *dialer) ban(a netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if scopeOf(a) == globalScope && len(d.banned) < maxBanned {
		d.banned[a] = struct{}{}
	}
}

// accept decides about an incoming connection; if it says yes, shook and left follow.
func (d *dialer) accept(a netip.Addr) bool {
	if d.s.block.has(a) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.banned[a]; ok || d.shaking >= maxShaking {
		return false
	}
	global := scopeOf(a) == globalScope
	if global && !d.inbound.Enter(a) {
		return false
	}
	if !d.budget.Accept() {
		if global {
			d.inbound.Leave(a)
		}
		return false
	}
	d.shaking++
	return true
}

// left ends an incoming connection.
func (d *dialer) left(a netip.Addr) {
	if scopeOf(a) == globalScope {
		d.mu.Lock()
		d.inbound.Leave(a)
		d.mu.Unlock()
	}
	d.closed()
}

// shook ends an incoming handshake, well or not.
func (d *dialer) shook() {
	d.mu.Lock()
	d.shaking--
	d.mu.Unlock()
}

// closed ends a connection and lets a waiting dial have its place.
func (d *dialer) closed() {
	d.mu.Lock()
	d.budget.Closed()
	d.mu.Unlock()
	d.pump()
}

// drop forgets what a torrent wanted to dial.
func (d *dialer) drop(k budget.Key) {
	d.mu.Lock()
	d.budget.Drop(k)
	maps.DeleteFunc(d.typed, func(t budget.Target, _ []string) bool { return t.Key == k })
	d.mu.Unlock()
}

// serve hands a connection to its swarm and runs it to its end.
func (s *Session) serve(t *torrent, conn *peer.Conn, local net.Addr, h swarm.Hello) {
	if h.PeerID == s.peerID {
		if !h.Incoming {
			s.dial.metSelf(h.Addr)
			s.dial.tell(t, h.Addr, swarm.ErrSelf)
			t.running().DialFailed(h.Addr, swarm.ErrSelf)
		}
		conn.Close(swarm.ErrSelf)
		return
	}
	s.live.add(conn, t, addrOf(local).Addr(), h.Addr.Addr())
	defer s.live.remove(conn)
	if s.block.has(h.Addr.Addr()) { // since it was let in
		conn.Close(errBlocked)
	}
	sink := t.running().Attach(conn, h)
	err := conn.Run(t.ctx, sink, &source{t: t})
	s.log.Debug("connection ended", "torrent", t.id, "addr", h.Addr, "err", err)
}
