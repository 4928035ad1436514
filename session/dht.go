package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"shoal/dht"
	"shoal/session/budget"
	"shoal/session/state"
	"shoal/status"
	"shoal/swarm"
)

// DHT says how a session takes part in the distributed hash table (BEP 5, BEP 32).
type DHT struct {
	// ReadOnly makes nodes that ask and do not answer, and announce nothing (BEP 43).
	ReadOnly bool
	// Bootstrap are nodes that a person named, host:port, of any scope. They are asked first.
	Bootstrap []string
	// Routers are well-known nodes, host:port. They are asked when no other node is known, or those that
	// are do not answer; never from a socket on a loopback address.
	Routers []string
}

// Routers returns well-known nodes of the public DHT, those of several projects.
func Routers() []string {
	return []string{
		"router.bittorrent.com:6881", "dht.transmissionbt.com:6881", "router.utorrent.com:6881",
		"dht.libtorrent.org:25401", "dht.aelitis.com:6881",
	}
}

// ErrNoDHT is returned when there is no node: it is switched off, or no UDP port was free.
var ErrNoDHT = errors.New("this session has no DHT node")

const (
	nodesSuffix   = ".dat"
	maxNodesFile  = 1 << 20
	saveNodes     = 3 * time.Minute // between looks at whether what is saved is out of date
	lastNodesSave = time.Second     // for the last one
	maxNames      = 32              // of starting nodes that are resolved for one question
	maxIPs        = 8               // of one name that are used
	maxHints      = 4               // nodes of one torrent that are used as starting nodes
	maxTrusted    = 256
	resolveTime   = 5 * time.Second // for all names together
	routersWait   = 5 * time.Second // saved nodes have so long to answer
)

// overlay is the session's part in the DHT. Without members it does nothing.
type overlay struct {
	s       *Session
	sockets []*socket
	members []*member
	wake    chan struct{}

	mu      sync.Mutex // guards what follows
	sched   lookups
	under   map[budget.Key]context.CancelFunc // ends the look-up of a torrent
	trusted map[netip.AddrPort]struct{}       // nodes that a person named, resolved
}

// member is our node of one family.
type member struct {
	o      *overlay
	node   *dht.Node
	socket *socket
	v6     bool
	asked  int           // calls of starting, to which it belongs
	kept   []byte        // what the file holds; belongs to who has the place in saving
	met    bool          // the file held something when it was loaded
	lock   io.Closer     // of the file, whose id is ours; nil when another process has it
	saving chan struct{} // holds a value while the file is written
}

// join makes a node for each UDP socket.
func (o *overlay) join() error {
	if len(o.sockets) == 0 {
		return nil
	}
	o.wake = make(chan struct{}, 1)
	o.under, o.trusted = make(map[budget.Key]context.CancelFunc), make(map[netip.AddrPort]struct{})
	o.sched.rnd = o.s.reg.random()
	for _, u := range o.sockets {
		m := &member{o: o, socket: u, v6: addrOf(u.conn().LocalAddr()).Addr().Is6(), saving: make(chan struct{}, 1)}
		m.load()
		n, err := dht.New(dht.Config{
			Conn: u.lane(dhtProtocol), IPv6: m.v6, ReadOnly: o.s.cfg.DHT.ReadOnly, Allow: mayAsk, Trusted: o.trusts,
			Starting: m.starting, Saved: m.saved(), Seed: o.s.reg.random().Uint64(), Log: o.s.log,
		})
		if err != nil {
			return err
		}
		m.node = n
		o.members = append(o.members, m)
	}
	return nil
}

// run starts what belongs to the overlay under the session's wait group.
func (o *overlay) run(ctx context.Context) {
	for _, u := range o.sockets {
		o.s.wg.Go(func() { u.read(ctx) })
	}
	for _, m := range o.members {
		o.s.wg.Go(func() { m.run(ctx) })
	}
	if len(o.members) > 0 {
		o.s.wg.Go(func() { o.look(ctx) })
	}
}

func (o *overlay) close() {
	for _, u := range o.sockets {
		u.close()
	}
}

// rejoin begins anew after a change of network.
func (o *overlay) rejoin(now time.Time) {
	for _, u := range o.sockets {
		u.again()
	}
	o.mu.Lock()
	o.sched.all(now, comeback)
	o.mu.Unlock()
	o.poke()
}

// poke wakes look, if it runs.
func (o *overlay) poke() {
	if len(o.members) > 0 {
		poke(o.wake)
	}
}

// port is the one that peers are told of our DHT nodes (BEP 5); 0 when nobody may ask them.
func (o *overlay) port() uint16 {
	if len(o.members) == 0 || o.s.cfg.DHT.ReadOnly {
		return 0
	}
	return addrOf(o.members[0].socket.conn().LocalAddr()).Port()
}

// mayAsk is the rule for nodes that the node at by named. With an invalid by we chose them ourselves, and by then
// they were looked at.
func mayAsk(a netip.AddrPort, by netip.Addr) bool {
	if !by.IsValid() {
		return mayUse(a, swarm.Source{Kind: swarm.FromUser})
	}
	return mayUse(a, swarm.Source{Kind: swarm.FromDHT, By: by})
}

// met takes the DHT node that the peer at its address has (BEP 5).
func (o *overlay) met(a netip.AddrPort) {
	if !mayAsk(a, a.Addr()) {
		return
	}
	for _, m := range o.members {
		m.node.Add(a)
	}
}

func (o *overlay) trusts(a netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.trusted[a]
	return ok
}

func (o *overlay) trust(addrs []netip.AddrPort) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range addrs {
		if len(o.trusted) < maxTrusted {
			o.trusted[a] = struct{}{}
		}
	}
}

// starting returns nodes to begin with: those that a person named, those that torrents name, and the routers if
// these do not help. It may wait a little, and for names.
func (m *member) starting(ctx context.Context) []netip.AddrPort {
	o := m.o
	m.asked++
	typed := o.s.resolve(ctx, o.s.cfg.DHT.Bootstrap)
	o.trust(typed)
	var names []string
	for _, t := range o.s.reg.all() {
		list := t.nodes()
		names = append(names, list[:min(len(list), maxHints)]...)
	}
	o.s.reg.random().Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	out := append(typed, o.hinted(ctx, names)...)
	switch {
	case len(o.s.cfg.DHT.Routers) == 0, !m.outside(), len(typed) > 0 && m.asked == 1:
		return out
	case m.met && m.asked == 1: // nodes of the last time
		select {
		case <-time.After(routersWait):
		case <-ctx.Done():
		}
		if m.node.Stats().Good > 0 {
			return nil
		}
	}
	return append(out, o.s.resolve(ctx, o.s.cfg.DHT.Routers)...)
}

// hinted resolves the nodes that torrents name. They may be of any scope, as their trackers.
func (o *overlay) hinted(ctx context.Context, names []string) []netip.AddrPort {
	return slices.DeleteFunc(o.s.resolve(ctx, names), func(a netip.AddrPort) bool { return !mayAsk(a, a.Addr()) })
}

// nodes are the DHT nodes that a torrent names, none for one that may not use them.
func (t *torrent) nodes() []string {
	if t.add.Torrent == nil || !t.allows(swarm.FromDHT) {
		return nil
	}
	return t.add.Torrent.Nodes
}

// outside reports whether the socket reaches beyond this machine and its link.
func (m *member) outside() bool {
	a := addrOf(m.socket.conn().LocalAddr()).Addr()
	return a.IsUnspecified() || scopeOf(a) > linkScope
}

// resolve returns the addresses of host:port names; of at most maxNames names at most maxIPs each.
func (s *Session) resolve(ctx context.Context, names []string) (out []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	found := make([][]netip.AddrPort, min(len(names), maxNames))
	var all sync.WaitGroup
	for i := range found {
		all.Go(func() {
			var err error
			if found[i], err = s.resolveOne(ctx, names[i]); err != nil {
				s.log.Info("cannot find a DHT node", "node", names[i], "err", err)
			}
		})
	}
	all.Wait()
	for _, f := range found {
		out = append(out, f[:min(len(f), maxIPs)]...)
	}
	return out
}

// resolveOne returns the addresses of a host:port.
func (s *Session) resolveOne(ctx context.Context, name string) (out []netip.AddrPort, err error) {
	host, p, err := net.SplitHostPort(name)
	if err != nil {
		return nil, fmt.Errorf("it is not host:port: %w", err)
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("it is not host:port: %w", err)
	}
	ips, err := s.cfg.Net.Lookup(ctx, host)
	for _, ip := range ips {
		out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return out, err
}

// run lets the node live until ctx ends, and keeps what it knows for the next time.
func (m *member) run(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.node.Run(ctx); err != nil {
			m.o.s.log.Warn("the DHT node ended", "err", err)
		}
	}()
	tick := time.NewTicker(saveNodes)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.save(false)
		case <-ended:
			select {
			case <-m.save(true):
			case <-time.After(lastNodesSave):
			}
			if m.lock != nil {
				_ = m.lock.Close() // the process's end would do the same
			}
			return
		}
	}
}

// file is where the node's id and friends are kept.
func (m *member) file() string {
	if m.v6 {
		return "dht6" + nodesSuffix
	}
	return "dht4" + nodesSuffix
}

// load reads what the last run left. Of several processes with the same folder one has the file: its node has
// the id there, for two nodes with one id at one address are taken for liars, and it alone writes it.
func (m *member) load() {
	s := m.o.s
	if s.cfg.State == nil || !m.outside() {
		return
	}
	b, err := state.ReadFile(s.cfg.State, m.file(), maxNodesFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the DHT nodes of the last run are not known", "err", err)
	}
	m.kept, m.met = b, len(b) > 0
	if m.lock, err = s.cfg.State.Lock(m.file() + lockSuffix); err != nil {
		s.log.Debug("another process has this DHT node's file", "file", m.file(), "err", err)
	}
}

// saved is what the node begins with.
func (m *member) saved() []byte {
	if m.lock == nil {
		return dht.WithoutID(m.kept)
	}
	return m.kept
}

// save writes down what changed. It does not wait; the channel is closed when that is done. On a disk that hangs
// it may never be, and then only the last one waits for its turn.
func (m *member) save(last bool) <-chan struct{} {
	done := make(chan struct{})
	s := m.o.s
	if m.lock == nil { // nodes of a loopback, which has none, are not those of the next time
		close(done)
		return done
	}
	if !last {
		select {
		case m.saving <- struct{}{}:
		default:
			close(done)
			return done
		}
	}
	go func() {
		defer close(done)
		if last {
			m.saving <- struct{}{}
		}
		defer func() { <-m.saving }()
		b := m.node.Save()
		if bytes.Equal(b, m.kept) {
			return
		}
		if err := state.WriteFile(s.cfg.State, m.file(), b); err != nil {
			s.log.Warn("DHT nodes not saved", "err", err)
			return
		}
		m.kept = b
	}()
	return done
}

// states returns what there is to see.
func (o *overlay) states() (out []status.DHT) {
	for _, m := range o.members {
		n := m.node.Stats()
		out = append(out, status.DHT{IPv6: m.v6, ID: n.ID, Good: n.Good, Nodes: n.Nodes, Online: n.Online, External: n.External})
	}
	return out
}
