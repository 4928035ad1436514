package session

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"shoal/peer"
	"shoal/status"
)

// Sleep and change of network. Within watchEvery it shows that the machine slept, or that its addresses
// have changed; the trackers hear of us again within comeback after that.
const (
	watchEvery = 5 * time.Second
	comeback   = 4 * time.Second
	sleepGap   = 30 * time.Second // longer than that between two ticks is a sleep
	goneAfter  = 2 * time.Minute  // after a longer one the other sides have given their connections up
)

// errMoved is why connections end that cannot work any more.
var errMoved = errors.New("the machine slept or has another address")

// addresses is what a Net may offer beside its methods: the machine's own addresses, for noticing when they change.
type addresses interface {
	Addrs() []netip.Addr
}

// live are the connections being served and where each leaves from. What is shared
// is guarded by mu.
type live struct {
	mu    sync.Mutex
	conns map[*peer.Conn]liveConn
}

type liveConn struct {
	t             *torrent
	local, remote netip.Addr
}

func (l *live) add(c *peer.Conn, t *torrent, local, remote netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		l.conns = make(map[*peer.Conn]liveConn)
	}
	l.conns[c] = liveConn{t, local, remote}
}

func (l *live) remove(c *peer.Conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// closeIf ends the connections that are dead and returns the torrents that have others.
func (l *live) closeIf(dead func(local netip.Addr) bool) (lively map[*torrent]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lively = make(map[*torrent]bool)
	for c, x := range l.conns {
		if dead(x.local) {
			c.Close(errMoved)
		} else {
			lively[x.t] = true
		}
	}
	return lively
}

// watch notices sleep and new addresses until ctx ends.
func (s *Session) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	last, lastWall, own := time.Now(), s.cfg.Wall().Round(0), s.ownAddrs()
	probed, turn, bare := last, 0, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.outside.back:
			s.restore(ctx)
			continue
		case <-tick.C:
		}
		now, wall, addrs := time.Now(), s.cfg.Wall().Round(0), s.ownAddrs()
		// A sleeping machine's monotonic clock stands still, that of a stopped process does not.
		gap := max(now.Sub(last), wall.Sub(lastWall)) - watchEvery
		moved := !slices.Equal(own, addrs) && len(addrs) > 0
		if gap > sleepGap || moved {
			s.log.Info("back after a sleep or with other addresses", "gap", gap.Round(time.Second), "addresses", addrs)
			if moved {
				s.external.forget()
			}
			s.comeBack(now, func(local netip.Addr) bool {
				gone := moved && slices.Contains(own, local) && !slices.Contains(addrs, local)
				return gone || gap > goneAfter
			})
		}
		if bare && len(addrs) > 0 && !moved {
			s.restore(ctx)
		}
		bare = own != nil && len(addrs) == 0
		if s.outside.look(now, s.live.busy()) && now.Sub(probed) >= probeEvery {
			probed, turn = now, s.probe(turn)
		}
		last, lastWall = now, wall
		if len(addrs) > 0 { // while there is no network at all nothing is to be done
			own = addrs
		}
	}
}

// ownAddrs returns the sorted addresses of the machine, nil when they are not known.
func (s *Session) ownAddrs() []netip.Addr {
	n, ok := s.cfg.Net.(addresses)
	if !ok {
		return nil
	}
	list := n.Addrs()
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// comeBack drops dead connections, tells the trackers of us and lets torrents without connections dial at once.
func (s *Session) comeBack(now time.Time, dead func(local netip.Addr) bool) {
	lively := s.live.closeIf(dead)
	s.announce.again(now)
	s.localAgain()
	s.overlay.rejoin(now)
	for _, t := range s.reg.all() {
		if !lively[t] && t.running() != nil {
			s.wg.Go(func() { t.stir(t.ctx) })
		}
	}
}

// stir makes a swarm forget what it thinks of its candidates: they could not be reached, but
// that was our fault.
func (t *torrent) stir(ctx context.Context) {
	sw := t.running()
	switch sw.Snapshot().Phase {
	case status.Leeching, status.Partial, status.Seeding, status.Metadata:
	default:
		return
	}
	if sw.Pause(ctx) != nil || t.orders.get().paused {
		return
	}
	_ = sw.Resume(ctx)         // fails only at the end, as the next
	if t.orders.get().paused { // by the user, meanwhile
		_ = sw.Pause(ctx)
	}
}
