package dht

import (
	"net/netip"
	"slices"
	"time"

	"shoal/dht/guard"
	"shoal/metainfo"
)

// Bounds of one walk.
const (
	closeEnough = 8  // the closest nodes that must have been asked (k of BEP 5)
	paths       = 3  // ways that share no node, so that one liar does not lead them all
	wordOfOne   = 2  // peers named by one node that count
	mostHolders = 20 // nodes that an announce goes to
	parallel    = 6  // queries that are not late at one moment
	perReply    = 8  // nodes taken from one reply
	perSeat     = 2  // candidates with one address; a liar may have named a wrong port
	perNetwork  = 4  // candidates in one /24 or /48
	maxAsked    = 80 // nodes asked in all
	maxMisfits  = 20 // of those, nodes whose id does not fit their address
	maxBlind    = 8  // of those, nodes known by address alone

	lateAfter = 500 * time.Millisecond // then another node is asked as well
	deadAfter = 2 * time.Second        // then no answer is expected any more
)

// reach is how far a walk goes before it is content.
type reach struct {
	closest int // the closest nodes that must have been asked
	depth   int // of each path the closest that must have been asked
	peers   int // a search that has heard of fewer goes on to the next reach
}

// reaches are those of a search, one after the other: where liars stand around the target, the honest nodes
// that took the announce stand behind them. Other walks have the first.
var reaches = [...]reach{{closeEnough, 3, 8}, {20, 5, wordOfOne + 1}, {40, 12, 0}}

type progress uint8

const (
	fresh progress = iota
	asked
	late // asked, and silent for lateAfter
	answered
	failed
)

// candidate is a node that a walk has heard of.
type candidate struct {
	contact
	fits  bool // its id fits its address (BEP 42), or need not
	path  int
	state progress
	since time.Time // asked at
	token string    // what it gave for an announce
}

// walk is one Kademlia look-up as a state machine: it is told what came and says whom to ask. It
// reads no clock, does no I/O and belongs to one goroutine.
//
// Nodes whose ids fit their addresses and the others are two separate lists, so that whoever invents
// ids near the target (a Sybil) crowds out nobody who cannot. Within the first list every
// node belongs to the path on which it was first named, and each path keeps its own closest nodes.
type walk struct {
	target   metainfo.Hash
	fitting  func(contact) bool
	blind    []*candidate // no id yet, in the order of coming
	lists    [2][]*candidate
	known    map[netip.AddrPort]*candidate
	seats    map[netip.AddrPort]int
	networks map[netip.Addr]int
	asked    int
	misfits  int // asked of lists[misfit]
	answers  int
	search   bool // for peers: goes farther before it gives up
	reach    int  // index into reaches
	peers    int  // named so far, of one node at most wordOfOne
	nextPath int
}

const (
	fit    = 0
	misfit = 1
)

// newWalk starts a walk to target, in search of peers or of nodes alone. fitting is BEP 42's rule.
func newWalk(target metainfo.Hash, search bool, fitting func(contact) bool) *walk {
	return &walk{
		target: target, search: search, fitting: fitting, known: make(map[netip.AddrPort]*candidate),
		seats: make(map[netip.AddrPort]int), networks: make(map[netip.Addr]int),
	}
}

// seed adds nodes to begin with. They are dealt to the paths in turn.
func (w *walk) seed(nodes []contact) {
	for _, c := range nodes {
		if w.admit(c, w.nextPath%paths) { // the turn may be that of the misfits
			w.nextPath = (w.nextPath + 1) % paths
		}
	}
}

// admit takes a candidate, unless it is known or too many are like it.
func (w *walk) admit(c contact, path int) bool {
	a := c.addr.Addr()
	if w.known[c.addr] != nil || !a.IsValid() || c.addr.Port() == 0 {
		return false
	}
	place, net := guard.Seat(c.addr), guard.Network(a)
	if w.seats[place] >= perSeat || net.IsValid() && w.networks[net] >= perNetwork {
		return false
	}
	k := &candidate{contact: c, path: path}
	if c.id == (metainfo.Hash{}) {
		if len(w.blind) == maxBlind {
			return false
		}
		w.blind = append(w.blind, k)
	} else {
		w.insert(k)
	}
	w.known[c.addr] = k
	w.seats[place]++
	w.networks[net]++
	return true
}

// insert puts k into its list, which is ordered by distance.
func (w *walk) insert(k *candidate) {
	k.fits = w.fitting(k.contact)
	l := &w.lists[misfit]
	if k.fits {
		l = &w.lists[fit]
	}
	i, _ := slices.BinarySearchFunc(*l, k, func(a, b *candidate) int { return compareDistance(w.target, a.id, b.id) })
	*l = slices.Insert(*l, i, k)
}

// remove takes k out of the list that it is in.
func (w *walk) remove(k *candidate) {
	is := func(c *candidate) bool { return c == k }
	w.blind = slices.DeleteFunc(w.blind, is)
	for i := range w.lists {
		w.lists[i] = slices.DeleteFunc(w.lists[i], is)
	}
}

// answered notes a reply: who really answered, its token, the nodes and the number of peers it named.
func (w *walk) answered(addr netip.AddrPort, id metainfo.Hash, token string, nodes []contact, peers int) {
	k := w.known[addr]
	if k == nil || k.state == answered {
		return
	}
	if id != k.id { // named under a false id, or known by address alone
		w.remove(k)
		k.id = id
		w.insert(k)
	}
	k.state, k.token = answered, token
	w.answers++
	w.peers += min(peers, wordOfOne)
	for _, c := range nodes[:min(len(nodes), perReply)] {
		if c.id != (metainfo.Hash{}) {
			w.admit(c, k.path)
		}
	}
}

// failed notes that a node did not answer, or not usefully.
func (w *walk) failed(addr netip.AddrPort) {
	if k := w.known[addr]; k != nil && k.state != answered {
		k.state = failed
	}
}

// ask returns the nodes to ask now; the caller asks them. It first notes who is late, and goes farther
// if a search has asked all and found little: the closest may be liars.
func (w *walk) ask(now time.Time) []contact {
	busy := 0
	for _, k := range w.known {
		if k.state == asked && now.Sub(k.since) >= lateAfter {
			k.state = late
		}
		if k.state == asked {
			busy++
		}
	}
	for w.mayWiden() && w.idle() {
		w.reach++
	}
	var out []contact
	for busy < parallel && w.asked < maxAsked {
		k := w.pick()
		if k == nil {
			break
		}
		k.state, k.since = asked, now
		if !k.fits && k.id != (metainfo.Hash{}) {
			w.misfits++
		}
		w.asked++
		busy++
		out = append(out, k.contact)
	}
	return out
}

// pick chooses the next node: those known by address alone first, then the closest wanted one of
// the path whose turn it is, and misfits in between.
func (w *walk) pick() *candidate {
	for _, k := range w.blind {
		if k.state == fresh {
			return k
		}
	}
	wanted := w.wanted(fit, false)
	others := w.wanted(misfit, false)
	if w.misfits >= maxMisfits {
		others = nil
	}
	for range paths + 1 {
		turn := w.nextPath
		w.nextPath = (w.nextPath + 1) % (paths + 1)
		list := wanted
		if turn == paths {
			list = others
		}
		for _, k := range list {
			if k.state == fresh && (turn == paths || k.path == turn) {
				return k
			}
		}
	}
	return nil
}

// wanted returns the nodes of a list that the walk must hear of: the closest of all and the
// closest of each path. Those that failed make room for the next; so do late ones, if patient is not set.
func (w *walk) wanted(list int, patient bool) []*candidate {
	return w.closest(list, func(k *candidate) bool { return k.state != failed && (patient || k.state != late) })
}

// closest returns, of those nodes of a list that ok accepts, the closest of all and of each path.
func (w *walk) closest(list int, ok func(*candidate) bool) []*candidate {
	r := reaches[w.reach]
	if list == misfit {
		r = reach{closest: closeEnough}
	}
	var out []*candidate
	var deep [paths]int
	n := 0
	for _, k := range w.lists[list] {
		if !ok(k) {
			continue
		}
		if n < r.closest || deep[k.path] < r.depth {
			out = append(out, k)
		}
		n++
		deep[k.path]++
	}
	return out
}

// mayWiden reports whether the walk, at its end, goes on with more nodes.
func (w *walk) mayWiden() bool { return w.search && w.answers > 0 && w.peers < reaches[w.reach].peers }

// done reports whether the walk is over.
func (w *walk) done() bool { return w.idle() && !w.mayWiden() }

// idle reports whether nothing more is to be asked or waited for.
func (w *walk) idle() bool {
	for _, k := range w.known {
		if k.state == asked || k.state == late && w.matters(k) {
			return false
		}
	}
	return w.asked >= maxAsked || w.peek() == nil
}

// matters reports whether a late node is one of those that the walk wants to hear of.
func (w *walk) matters(k *candidate) bool {
	if k.id == (metainfo.Hash{}) {
		return true
	}
	list := misfit
	if k.fits {
		list = fit
	}
	return slices.Contains(w.wanted(list, true), k)
}

// peek is pick without taking the turn.
func (w *walk) peek() *candidate {
	turn := w.nextPath
	k := w.pick()
	w.nextPath = turn
	return k
}

// wake returns when the next node becomes late; zero when none can.
func (w *walk) wake() time.Time {
	var first time.Time
	for _, k := range w.known {
		if at := k.since.Add(lateAfter); k.state == asked && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// holders returns where an announce belongs: those wanted nodes that answered with a token, the
// closest first, and a few misfits.
func (w *walk) holders() []*candidate {
	var out []*candidate
	for list, most := range [...]int{mostHolders, closeEnough / 2} {
		with := w.closest(list, func(k *candidate) bool { return k.state == answered && k.token != "" })
		out = append(out, with[:min(len(with), most)]...)
	}
	return out
}
