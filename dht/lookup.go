package dht

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"shoal/metainfo"
)

// Times of a look-up. Together they keep it below 20 s.
const (
	walkTime     = 15 * time.Second
	announceTime = 3 * time.Second
	seedNodes    = 16              // nodes of the table that a walk begins with, those whose ids fit
	seedMisfits  = 8               // and others: separately, so that ids chosen near the target are not all it knows
	seedBlind    = 8               // starting nodes beside them while the table knows few
	hopeFor      = 5 * time.Second // then a walk that nobody answers is given up
)

// ErrNoNodes means that nobody was there to be asked, or nobody answered: offline, or not yet connected.
var ErrNoNodes = errors.New("no DHT node answers")

// LookupStats says what a look-up did.
type LookupStats struct {
	Asked     int // nodes
	Answered  int // nodes
	Peers     int // addresses, each counted once
	Announced int // nodes that took the announce
	Took      time.Duration
}

// Lookup searches the peers of ih (get_peers, BEP 5), and announces port to the closest nodes if port
// is not 0. found gets addresses as they come, with the node that named them, from the goroutine that
// called Lookup; each address once. It ends within 20 s of its beginning; before that it may wait for Run
// to begin, for the first nodes (within those 20 s) and for its turn: 32 run at one moment. Not more than 80 nodes are asked.
func (n *Node) Lookup(ctx context.Context, ih metainfo.Hash, port uint16, found func(peers []netip.AddrPort, by netip.Addr)) (LookupStats, error) {
	if err := n.use(ctx); err != nil {
		return LookupStats{}, err
	}
	defer n.users.Done()
	begin := time.Now()
	seen := make(map[netip.AddrPort]bool)
	w, err := n.walk(ctx, ih, walkOptions{method: "get_peers", got: func(r reply, by contact) {
		var more []netip.AddrPort
		for _, p := range r.peers {
			if !seen[p] {
				seen[p] = true
				more = append(more, p)
			}
		}
		if len(more) > 0 && found != nil {
			found(more, by.addr.Addr())
		}
	}})
	stats := LookupStats{Peers: len(seen)}
	if w != nil {
		stats.Asked, stats.Answered = w.asked, w.answers
		if err == nil && port != 0 {
			stats.Announced = n.announce(ctx, ih, port, w.holders())
		}
	}
	stats.Took = time.Since(begin)
	return stats, err
}

// announce tells the closest nodes that we have ih at port, and returns how many took it.
func (n *Node) announce(ctx context.Context, ih metainfo.Hash, port uint16, to []*candidate) int {
	ctx, cancel := n.alive(ctx, announceTime)
	defer cancel()
	var wait sync.WaitGroup
	took := make([]bool, len(to))
	for i, k := range to {
		wait.Go(func() {
			_, err := n.query(ctx, k.contact, query{method: "announce_peer", target: ih, port: port, token: k.token})
			took[i] = err == nil
		})
	}
	wait.Wait()
	sum := 0
	for _, ok := range took {
		if ok {
			sum++
		}
	}
	return sum
}

// Scrape estimates how many seeds and other peers ih has, from the filters that nodes near it keep
// (BEP 33). Nodes that do not know who is a seed count it among the peers. 0 and 0 may mean that nobody told.
func (n *Node) Scrape(ctx context.Context, ih metainfo.Hash) (seeds, peers int, err error) {
	if err := n.use(ctx); err != nil {
		return 0, 0, err
	}
	defer n.users.Done()
	var all [2][256]byte
	_, err = n.walk(ctx, ih, walkOptions{method: "get_peers", scrape: true, got: func(r reply, _ contact) {
		for i, f := range [2]*[256]byte{r.seeds, r.leeches} {
			if f == nil {
				continue
			}
			for j := range f {
				all[i][j] |= f[j]
			}
		}
	}})
	round := func(f [256]byte) int { return int(math.Round(estimate(f))) }
	return round(all[0]), round(all[1]), err
}

// walkOptions is what the walks of a Node differ in.
type walkOptions struct {
	method string // find_node or get_peers
	scrape bool
	got    func(r reply, by contact) // called in the walking goroutine; may be nil
}

// alive returns a context that also ends with the node, and after limit.
func (n *Node) alive(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	go func() {
		select {
		case <-n.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// walk goes through the network towards target and returns what it learnt. It ends within
// walkTime, not counting the wait for its turn. It returns the walk also with an error, unless none began.
func (n *Node) walk(ctx context.Context, target metainfo.Hash, o walkOptions) (*walk, error) {
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.ended:
		return nil, ErrClosed
	}
	n.countWalk(1)
	defer n.countWalk(-1)
	return n.drive(ctx, target, o)
}

// drive is the loop around a walk: it sends what the walk asks for and tells it what comes of it.
func (n *Node) drive(ctx context.Context, target metainfo.Hash, o walkOptions) (*walk, error) {
	parent, begin := ctx, time.Now()
	ctx, cancel := n.alive(ctx, walkTime)
	n.mu.Lock()
	honest := n.table.honest(target)
	n.mu.Unlock()
	w := newWalk(target, o.method == "get_peers" && !o.scrape, func(c contact) bool { return fitting(c) && honest(c) })
	results := make(chan outcome, maxAsked) // room for all: nobody waits to be heard
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case r := <-results:
			w.take(r)
			if r.err == nil && o.got != nil {
				o.got(r.reply, contact{r.reply.id, r.to.addr})
			}
		case <-tick.C:
		case <-ctx.Done():
			if w.answers == 0 && parent.Err() == nil {
				return w, ErrNoNodes
			}
			return w, parent.Err()
		}
		now := time.Now()
		if w.answers == 0 && w.done() { // at first, and again if all were dead: others may be known by now
			w.seed(n.seeds(target))
		}
		for _, c := range w.ask(now) {
			asking.Go(func() {
				r, err := n.query(ctx, c, query{method: o.method, target: target, scrape: o.scrape})
				results <- outcome{c, r, err}
			})
		}
		switch at := w.wake(); {
		case !w.done():
			if !at.IsZero() {
				tick.Reset(at.Sub(now))
			}
		case w.answers > 0:
			return w, nil
		case now.Sub(begin) >= hopeFor:
			return w, ErrNoNodes
		default:
			tick.Reset(lateAfter)
		}
	}
}

// outcome is what became of one query of a walk.
type outcome struct {
	to    contact
	reply reply
	err   error
}

// take notes an outcome.
func (w *walk) take(r outcome) {
	if r.err != nil {
		w.failed(r.to.addr)
		return
	}
	w.answered(r.to.addr, r.reply.id, r.reply.token, r.reply.nodes, len(r.reply.peers))
}

// seeds returns the nodes that a walk to target begins with.
func (n *Node) seeds(target metainfo.Hash) []contact {
	n.mu.Lock()
	defer n.mu.Unlock()
	honest := n.table.honest(target)
	pick := func(most int, fits bool) []contact {
		return n.table.closest(target, most, func(e *entry) bool { return (e.fits && honest(e.contact)) == fits && e.fails < failsToSpare })
	}
	nodes := append(pick(seedNodes, true), pick(seedMisfits, false)...)
	if len(nodes) < enoughNodes {
		saved := slices.Clone(n.saved)
		slices.SortFunc(saved, func(a, b contact) int { return compareDistance(target, a.id, b.id) })
		nodes = append(nodes, saved[:min(seedNodes, len(saved))]...)
		for _, i := range n.rnd.Perm(len(n.starting))[:min(seedBlind, len(n.starting))] {
			nodes = append(nodes, contact{addr: n.starting[i]})
		}
	}
	return nodes
}

func (n *Node) countWalk(d int) {
	n.mu.Lock()
	n.walks += d
	n.mu.Unlock()
}
