package session

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"shoal/internal/block"
	"shoal/internal/fsys"
	"shoal/piece"
	"shoal/status"
)

// How long the last words of a session may take, counted from the end of Run's
// context.
const (
	stopAnnounces = 3 * time.Second         // trackers are told that we go
	stopSync      = 3500 * time.Millisecond // data is made durable
	stopSave      = time.Second             // after it: a record is saved
)

// diskWorkers hash and write for all torrents: enough to keep two cores busy.
const diskWorkers = 2

// Session holds all torrents of this process.
type Session struct {
	cfg    Config
	log    *slog.Logger
	peerID [20]byte

	doors   []*door
	addrs   []netip.AddrPort
	live    live
	outside *outside

	pool  block.Pool
	disk  *piece.Disk
	files *piece.Files

	// ctx ends when the session stops; wg counts everything that runs under it.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	reg      registry
	waking   chan struct{} // one token a torrent that is waking
	hush     sync.Mutex    // held while one that sleeps is paused or resumed
	limits   shared
	block    blocked
	crypt    *crypt
	dial     *dialer
	deal     *dealer
	announce *announcer
	external external
	keep     *keeper
	near     nearby
	overlay  overlay
}

var _ status.Backend = (*Session)(nil)

// New opens the listeners and returns a session without torrents. It fails with ErrPort when
// the port is taken (see Config.ListenExact). Run must be called once afterwards, also to give everything
// back.
func New(cfg Config) (*Session, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Session{cfg: cfg, log: cfg.Log, disk: piece.NewDisk(diskWorkers), files: piece.NewFiles(cfg.OpenFiles)}
	rnd := rand.New(rand.NewPCG(cfg.Seed, 0x73686f616c))
	s.peerID = newPeerID(rnd)
	s.reg = registry{rnd: rnd}
	s.waking = make(chan struct{}, maxWaking)
	s.overlay.s = s
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.limits.set(cfg.Limits, cfg.MaxPeers)
	s.crypt = newCrypt(cfg.Encryption)
	s.outside = newOutside()
	s.dial = newDialer(s)
	s.deal = newDealer(cfg.Limits.WithDefaults())
	s.deal.find = s.reg.byKey
	s.announce = newAnnouncer(s)
	s.keep = newKeeper(s)
	if err := s.listen(); err != nil {
		s.cancel()
		return nil, err
	}
	s.near.lsd, s.near.mapper = s.newLSD(), s.newMapper()
	if err := s.overlay.join(); err != nil {
		s.cancel()
		s.closeDoors()
		return nil, err
	}
	return s, nil
}

// Run works until ctx ends and returns when everything that the session
// started has ended: the stopped announces within 3 s, all of it within 5 s.
func (s *Session) Run(ctx context.Context) error {
	diskCtx, stopDisk := context.WithCancel(context.Background())
	defer stopDisk()
	var disk sync.WaitGroup
	disk.Go(func() { _ = s.disk.Run(diskCtx) })
	for _, d := range s.doors {
		s.wg.Go(func() { s.acceptLoop(d) })
	}
	s.wg.Go(func() { s.announce.run(s.ctx) })
	s.wg.Go(func() { s.deal.run(s.ctx) })
	s.wg.Go(func() { s.keep.run(s.ctx) })
	s.wg.Go(func() { s.inspect(s.ctx) })
	s.wg.Go(func() { s.watch(s.ctx) })
	s.runLocal()
	s.overlay.run(s.ctx)

	<-ctx.Done()
	s.reg.close()
	var last sync.WaitGroup
	last.Go(func() { s.announce.goodbyes(s.announce.end()) })
	s.cancel()
	for _, d := range s.doors {
		d.close()
	}
	s.overlay.close()
	s.wg.Wait()
	stopDisk()
	disk.Wait()
	last.Wait()
	s.announce.close()
	return nil
}

// start runs f under the session's wait group if the session has not begun to
// end and enter, which is called first, agrees. It is the way in for callers that do not
// run under the group themselves.
func (s *Session) start(enter func() error, f func()) error {
	if !s.reg.hold(&s.wg) {
		return ErrStopped
	}
	defer s.wg.Done()
	if err := enter(); err != nil {
		return err
	}
	s.wg.Go(f)
	return nil
}

// Addrs returns the addresses that peers can connect to.
func (s *Session) Addrs() []netip.AddrPort { return append([]netip.AddrPort(nil), s.addrs...) }

// maxReachable bounds what Reachable returns: it goes into links that people copy.
const maxReachable = 6

// Reachable returns under which addresses others may find us, the ones that reach farthest first: the host that we listen on or,
// where that is every address of the machine, its own ones beyond itself and its link, at most six.
func (s *Session) Reachable() (list []netip.AddrPort) {
	for _, l := range s.addrs {
		if !l.Addr().IsUnspecified() {
			list = append(list, l)
			continue
		}
		for _, a := range s.ownAddrs() {
			if a = a.WithZone(""); a.Is4() == l.Addr().Is4() {
				list = append(list, netip.AddrPortFrom(a, l.Port()))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b netip.AddrPort) int { return cmp.Compare(scopeOf(b.Addr()), scopeOf(a.Addr())) })
	return list[:min(len(list), maxReachable)]
}

// PeerID returns the id of this run on the wire (BEP 20 form).
func (s *Session) PeerID() [20]byte { return s.peerID }

// port is the one that peers are told; 0 when nothing listens.
func (s *Session) port() uint16 {
	if len(s.addrs) == 0 {
		return 0
	}
	return s.addrs[0].Port()
}

func newPeerID(rnd *rand.Rand) [20]byte {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	id := [20]byte{}
	for i := copy(id[:], "-SH0100-"); i < len(id); i++ {
		id[i] = alphabet[rnd.IntN(len(alphabet))]
	}
	return id
}

// withDefaults fills in what the caller left out.
func (c Config) withDefaults() (Config, error) {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return c, fmt.Errorf("listen address %q is not host:port: %w", c.Listen, err)
	}
	if c.Net == nil {
		from, err := netip.ParseAddr(host)
		if host != "" && err != nil {
			return c, fmt.Errorf("listen address %q: the host must be an IP address or empty: %w", c.Listen, err)
		}
		c.Net = SystemNet{From: from}
	}
	if c.Wall == nil {
		c.Wall = time.Now
	}
	if c.Seed == 0 {
		var b [8]byte
		_, _ = crand.Read(b[:]) // never fails
		c.Seed = binary.LittleEndian.Uint64(b[:])
	}
	if c.OpenFiles <= 0 {
		c.OpenFiles = 128
	}
	if c.OpenFolder == nil {
		c.OpenFolder = fsys.OpenDir
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
