// Package dht owns our node of the distributed hash table (BEP 5, 32, 33, 42, 43): the routing table, the
// walks through the network, what others announced to us, and what is kept for the next start. It runs
// on anacrolix/dht behind package guard, and no type of that library leaves it. The session makes one
// Node for each address family. All methods of Node may be called from any goroutine; Run starts the
// few goroutines that belong to it and ends them.
package dht

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"shoal/dht/guard"
	"shoal/metainfo"
)

// Config says what a Node stands on and what it may do.
type Config struct {
	// Conn carries the DHT's datagrams of one family, with *net.UDPAddr as addresses. The
	// Node closes it at the end of Run, so Close must only detach it from a shared socket.
	Conn net.PacketConn
	// IPv6 is the family; addresses of the other one are ignored (BEP 32: two nodes, two networks).
	IPv6 bool
	// ReadOnly makes a node that asks and never answers (BEP 43).
	ReadOnly bool
	// Allow is the rule for addresses that the node at by named; an invalid by means ourselves.
	// It must be fast. nil allows all.
	Allow func(addr netip.AddrPort, by netip.Addr) bool
	// Trusted tells the nodes that the user typed: they may be asked more often. May be nil.
	Trusted func(netip.AddrPort) bool
	// Starting returns nodes to begin with. It is called when Run begins, and while no good node is
	// known again after 15 s, 30 s and so on up to 10 min. It may take its time, but must heed
	// the context. May be nil.
	Starting func(ctx context.Context) []netip.AddrPort
	// Saved is what Save returned last time. Damage costs the damaged part.
	Saved []byte
	// Seed is for choices that are no secret.
	Seed uint64
	// Rates bounds traffic; the zero value means what is shipped.
	Rates guard.Rates
	// Log gets what happens at level Debug. nil: nothing.
	Log *slog.Logger
}

// ErrClosed is returned by methods that need the network after Run has ended.
var ErrClosed = errors.New("the DHT node has ended")

// Bounds of what a Node keeps beside its table.
const (
	maxKnocking = 64 // addresses that wait for their first ping
	maxQuestion = 64 // queries of others that wait for their answer
	maxWalks    = 32 // look-ups at one moment; further ones wait
	maxStarting = 64 // starting nodes that are kept
)

// Node is one node of the DHT. See New and Run.
type Node struct {
	cfg       Config
	guard     *guard.Conn
	tokens    *tokens
	questions chan question
	slots     chan struct{} // one for each walk under way
	kick      chan struct{} // wakes the keeper
	ready     chan struct{} // closed when Run has an engine
	ended     chan struct{} // closed when Run is about to end
	users     sync.WaitGroup
	own       atomic.Pointer[netip.AddrPort] // our external address, once known

	mu       sync.Mutex // guards what follows; held for moments, never across a channel or the network
	engine   *engine
	table    *table
	peers    *peerStore
	rnd      *rand.Rand
	knocking []contact        // to be pinged; not in the table
	saved    []contact        // what the last run left
	starting []netip.AddrPort // what Starting returned last
	heard    time.Time        // the last sign of life of anybody
	walks    int
}

// New returns a node that does nothing until Run. The only errors are about cfg.
func New(cfg Config) (*Node, error) {
	if cfg.Conn == nil {
		return nil, errors.New("a DHT node needs a connection")
	}
	if cfg.Starting == nil {
		cfg.Starting = func(context.Context) []netip.AddrPort { return nil }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		cfg: cfg, tokens: newTokens(),
		questions: make(chan question, maxQuestion), slots: make(chan struct{}, maxWalks),
		kick: make(chan struct{}, 1), ready: make(chan struct{}), ended: make(chan struct{}),
		rnd: rand.New(rand.NewPCG(cfg.Seed, 0x647468)),
	}
	id, nodes := readSaved(cfg.Saved, cfg.IPv6)
	if id == (metainfo.Hash{}) {
		id = freshID()
	}
	n.table = newTable(id, fitting)
	n.peers = newPeerStore(n.rnd)
	n.saved = nodes
	n.guard = guard.New(guard.Config{
		Conn: cfg.Conn, IPv6: cfg.IPv6, Allow: cfg.Allow, Trusted: cfg.Trusted,
		Rates: cfg.Rates, ReadOnly: cfg.ReadOnly,
		Own: func() netip.AddrPort {
			if a := n.own.Load(); a != nil {
				return *a
			}
			return netip.AddrPort{}
		},
	})
	return n, nil
}

// fitting is BEP 42's rule for ids.
func fitting(c contact) bool { return guard.IsSecureID(c.id, c.addr.Addr()) }

func freshID() (id metainfo.Hash) {
	crand.Read(id[:])
	return id
}

// Run lets the node live until ctx is done, and returns when all that it started has ended. It
// may be called once. The library's own goroutines cannot be waited for; they are on their
// way out by then, and none of them waits for anything.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.mu.Lock()
	err := n.open(n.table.own)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	close(n.ready)
	var own sync.WaitGroup
	own.Go(n.read)
	own.Go(func() { n.answerAll(ctx) })
	n.keep(ctx)

	n.mu.Lock()
	close(n.ended) // under the lock, so that nobody joins users behind its back
	e := n.engine
	n.mu.Unlock()
	n.users.Wait()
	e.close()
	err = n.guard.Close()
	own.Wait()
	if err != nil {
		return fmt.Errorf("leaving the DHT's socket: %w", err)
	}
	return nil
}

// open puts a new engine with that id in the place of the old one. Node.mu is held.
func (n *Node) open(id metainfo.Hash) error {
	e, err := newEngine(newPipe(n.guard), id, n.cfg.ReadOnly, n.ask)
	if err != nil {
		return err
	}
	if n.engine != nil {
		n.engine.close()
	}
	n.engine = e
	return nil
}

// read brings datagrams from the guard to the library, until the guard is closed.
func (n *Node) read() {
	buf := make([]byte, 2048)
	for {
		size, from, err := n.guard.ReadFrom(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		n.heard = time.Now()
		p := n.engine.pipe
		n.mu.Unlock()
		p.deliver(datagram{append([]byte(nil), buf[:size]...), from})
	}
}

// use registers a caller that will need the network, or says that the node has ended. Node.users
// has to be told when it is done.
func (n *Node) use(ctx context.Context) error {
	select {
	case <-n.ready:
	case <-n.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.ended:
		return ErrClosed
	default:
		n.users.Add(1)
		return nil
	}
}

// query sends one query with a time-out, and learns from what comes of it.
func (n *Node) query(ctx context.Context, to contact, q query) (reply, error) {
	n.mu.Lock()
	e := n.engine
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, deadAfter)
	defer cancel()
	sent := time.Now()
	r, err := e.ask(ctx, to.addr, q)
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil:
		n.table.answered(now, contact{r.id, to.addr})
	case errors.Is(err, context.DeadlineExceeded) && n.heard.After(sent.Add(-aliveWithin)):
		// Silence says something about the node only while we hear others.
		if next, ok := n.table.failed(now, to.addr); ok {
			n.knock(next, true)
		}
	}
	return r, err
}

// Add tells of nodes that others named: PORT messages, the `nodes` of a torrent. They are pinged
// before they count, the latest first. Beyond 64 that wait, the oldest are forgotten.
func (n *Node) Add(addrs ...netip.AddrPort) {
	n.mu.Lock()
	for _, a := range addrs {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if a.Addr().Is6() == n.cfg.IPv6 && a.Port() != 0 && n.table.find(a) == nil {
			n.knock(contact{addr: a}, true)
		}
	}
	n.mu.Unlock()
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// knock queues a node for its first ping. Those that we want come first; those that only asked us may be an
// invention of somebody who forges their addresses, so they take what room there is. Node.mu is held.
func (n *Node) knock(c contact, wanted bool) {
	i := slices.IndexFunc(n.knocking, func(k contact) bool { return guard.Seat(k.addr) == guard.Seat(c.addr) })
	switch {
	case !wanted:
		if i < 0 && len(n.knocking) < maxKnocking {
			n.knocking = append(n.knocking, c)
		}
		return
	case i >= 0:
		n.knocking = slices.Delete(n.knocking, i, i+1)
	case len(n.knocking) == maxKnocking:
		n.knocking = n.knocking[:maxKnocking-1]
	}
	n.knocking = slices.Insert(n.knocking, 0, c)
}
