package swarm

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"shoal/status"
)

// ErrSelf is what DialFailed reports when the address turned out to be our own; it is not dialled again.
var ErrSelf = errors.New("connected to ourselves")

// ErrBusy is what DialFailed reports when no attempt was made because the session had no room for it. The address is
// as good as before and is tried again soon.
var ErrBusy = errors.New("no room for another attempt")

// Numbers of the candidates.
const (
	maxCandidates = 2000
	maxDialing    = 30 // at a time, unless the session says otherwise
	busyDelay     = 5 * time.Second
	crowdDelay    = time.Minute // while its site has all the connections that it may
	firstBackoff  = 3 * time.Second
	maxBackoff    = 30 * time.Minute
	// Whom we were connected to is missed for some minutes: either network may have been away.
	metBackoff = 10 * time.Second
	metFails   = 20
	hopeless   = 6 // failures in a row, after which others take the place
	// fewPeers is below what connections we ask for more addresses, at most once in needEvery.
	fewPeers  = 20
	needEvery = 30 * time.Second
)

// candState says what is going on with a candidate.
type candState uint8

const (
	candIdle candState = iota // may be dialled once its time has come
	candDialing
	candConnected
	candSelf // it is ourselves; kept so that nobody can name it to us as new
)

// candidate is an address that may be a peer.
type candidate struct {
	addr  netip.AddrPort
	kind  SourceKind
	state candState
	seed  bool // had everything when we saw it last
	fails int  // in a row
	next  time.Duration
	rank  uint32     // canonical priority
	by    netip.Addr // the peer that named it; zero for other sources
	met   bool       // we were connected
	mute  bool       // was dialled in vain the last time
}

// candidates are all known addresses, wherever they came from.
type candidates struct {
	list    []candidate
	index   map[netip.AddrPort]int
	bans    map[netip.Addr]struct{}
	dialing int
	dirty   bool // somebody may have become dialable
	moved   bool // a state has changed, which shows in the snapshot
	needed  time.Duration
	// maxPeers and maxDials are what the session allows.
	maxPeers, maxDials int
	self               selfAddr
}

func (s *candidates) banned(a netip.Addr) bool {
	_, ok := s.bans[a]
	return ok
}

func (s *candidates) find(addr netip.AddrPort) *candidate {
	if i, ok := s.index[addr]; ok {
		return &s.list[i]
	}
	return nil
}

// add makes addr known. When there is no room left, a hopeless address has to go, or one from a worse source to which we were never
// connected, or addr is not taken.
func (s *candidates) add(addr netip.AddrPort, kind SourceKind) *candidate {
	if k := s.find(addr); k != nil {
		k.kind = min(k.kind, kind)
		return k
	}
	if !addr.IsValid() || addr.Port() == 0 || s.banned(addr.Addr()) {
		return nil
	}
	i := len(s.list)
	if i < maxCandidates {
		s.list = append(s.list, candidate{})
	} else {
		i = slices.IndexFunc(s.list, func(k candidate) bool { return k.state == candIdle && k.fails >= hopeless })
		if i < 0 {
			i = slices.IndexFunc(s.list, func(k candidate) bool { return k.state == candIdle && k.kind > kind && !k.met })
		}
		if i < 0 {
			return nil
		}
		delete(s.index, s.list[i].addr)
	}
	s.list[i] = candidate{addr: addr, kind: kind}
	s.index[addr] = i
	s.dirty = true
	return &s.list[i]
}

func (s *candidates) remove(i int) {
	last := len(s.list) - 1
	delete(s.index, s.list[i].addr)
	if i != last {
		s.list[i] = s.list[last]
		s.index[s.list[i].addr] = i
	}
	s.list = s.list[:last]
}

func (s *candidates) ban(a netip.Addr) {
	s.bans[a] = struct{}{}
	for i := len(s.list) - 1; i >= 0; i-- {
		if s.list[i].addr.Addr() == a {
			s.enter(&s.list[i], candIdle)
			s.remove(i)
		}
	}
}

// enter moves k to a state, and keeps count of those being dialled.
func (s *candidates) enter(k *candidate, to candState) {
	if k.state == candDialing {
		s.dialing--
	}
	if k.state = to; to == candDialing {
		s.dialing++
	}
	s.moved = true
}

func (s *candidates) connected(addr netip.AddrPort) {
	if k := s.add(addr, FromPeer); k != nil {
		k.met, k.mute = true, false
		s.enter(k, candConnected)
	}
}

// failed notes that a dial came to nothing.
func (s *candidates) failed(addr netip.AddrPort, err error, now time.Duration, rnd *rand.Rand) {
	k := s.find(addr)
	switch {
	case k == nil:
	case errors.Is(err, ErrSelf):
		s.enter(k, candSelf)
	case errors.Is(err, ErrBusy):
		s.enter(k, candIdle)
		k.next = now + busyDelay
	default:
		k.mute = true
		s.retry(k, now, rnd)
	}
}

func (s *candidates) retry(k *candidate, now time.Duration, rnd *rand.Rand) {
	s.enter(k, candIdle)
	k.next = now + backoff(k.fails, rnd.Float64())
	if k.met && k.mute && k.fails < metFails {
		k.next = min(k.next, now+metBackoff)
	}
	k.fails++
	s.dirty = true
}

// wake lets every candidate be dialled at once.
func (s *candidates) wake() {
	for i := range s.list {
		s.list[i].next, s.list[i].fails = 0, 0
	}
}

// retry lets n candidates be dialled at once that we were connected to, those that failed least often; or all, for 0.
func (c *common) retry(n int) {
	s := &c.cands
	s.dirty = true
	if n == 0 {
		s.wake()
		return
	}
	var met []*candidate
	for i := range s.list {
		if k := &s.list[i]; k.met && k.state == candIdle && k.next > c.now {
			met = append(met, k)
		}
	}
	slices.SortStableFunc(met, func(a, b *candidate) int { return cmp.Compare(a.fails, b.fails) })
	for _, k := range met[:min(n, len(met))] {
		k.next = c.now
	}
}

// closed notes that a connection has ended.
func (s *candidates) closed(addr netip.AddrPort, useful, seed bool, now time.Duration, rnd *rand.Rand) {
	k := s.find(addr)
	if k == nil {
		return
	}
	if k.seed = seed; useful {
		k.fails = 0
	}
	s.retry(k, now, rnd)
}

// backoff doubles from firstBackoff to maxBackoff; chance, in [0, 1), spreads it by a quarter.
func backoff(fails int, chance float64) time.Duration {
	d := min(firstBackoff<<min(fails, 12), maxBackoff)
	return d + time.Duration(float64(d)*chance/4)
}

// best returns the candidate to dial now, or nil.
func (s *candidates) best(now time.Duration, seeding bool) (best *candidate) {
	for i := range s.list {
		k := &s.list[i]
		if k.state != candIdle || k.next > now || seeding && k.seed {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(k.fails, best.fails), cmp.Compare(k.kind, best.kind), cmp.Compare(best.rank, k.rank)) < 0 {
			best = k
		}
	}
	return best
}

func (c *common) onAddresses(e *event) {
	from := e.more.from
	for _, a := range e.more.addrs {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if c.cfg.Scope == nil || c.cfg.Scope(a, from) {
			if k := c.cands.add(a, from.Kind); k != nil && k.rank == 0 {
				k.rank = c.rank(a)
			}
		}
	}
	c.changed()
}

// dialFailed notes that a dial came to nothing.
func (c *common) dialFailed(addr netip.AddrPort, err error) { c.cands.failed(addr, err, c.now, c.rnd) }

// dials reports whether this is a phase in which connections are made; hungry, one in which they are needed.
func (c *common) dials() bool  { return c.hungry() || c.sated() }
func (c *common) hungry() bool { return c.phase == status.Leeching || c.phase == status.Metadata }

// sated reports whether we want nothing.
func (c *common) sated() bool { return c.phase == status.Seeding || c.phase == status.Partial }

// dial starts as many attempts as may be under way, and asks for addresses when they run out.
func (c *common) dial() {
	s := &c.cands
	s.dirty = false
	if !c.dials() {
		return
	}
	for s.dialing < s.maxDials && len(c.peers)+s.dialing < s.maxPeers {
		k := s.best(c.now, c.sated())
		if k == nil {
			break
		}
		if !c.mayDial(k) {
			s.putOff(siteOf(k.addr.Addr()), c.now+crowdDelay)
			continue
		}
		s.enter(k, candDialing)
		c.act(action{kind: acDial, addr: k.addr})
	}
	if c.hungry() && len(c.peers)+s.dialing < min(fewPeers, s.maxPeers) && (s.needed == 0 || c.now-s.needed >= needEvery) {
		s.needed = max(c.now, 1)
		c.act(action{kind: acNeedPeers})
	}
}
