package session

import (
	"time"

	"shoal/session/budget"
	"shoal/status"
	"shoal/swarm"
)

// turnEvery is how long a slot or connection that cannot be split evenly stays with the same torrents.
const turnEvery = 30 * time.Second

// shares deals upload slots and connections to the torrents, once a second. It belongs to the inspector's
// goroutine.
type shares struct {
	s     *Session
	begun time.Time
	told  map[*torrent]share
	// reused
	list       []*torrent
	swarms     []*swarm.Swarm
	interested []int
	want       []int
	prios      []budget.Priority
	slots      []int
	conns      []int
}

type share struct{ slots, conns int }

// deal tells each swarm its share where that has changed.
func (d *shares) deal(list []*torrent) {
	d.list, d.swarms, d.interested, d.want, d.prios = d.list[:0], d.swarms[:0], d.interested[:0], d.want[:0], d.prios[:0]
	now := make(map[*torrent]share, len(d.told))
	for _, t := range list {
		sw := t.running()
		if sw == nil {
			continue
		}
		snap := sw.Snapshot()
		d.list, d.swarms = append(d.list, t), append(d.swarms, sw)
		interested, want := 0, 0
		switch snap.Phase {
		case status.Leeching, status.Partial, status.Seeding, status.Metadata:
			interested, want = snap.Interested, snap.Peers+snap.Dialing
			if snap.Phase == status.Leeching || snap.Phase == status.Metadata {
				want += snap.Candidates
			}
		}
		d.interested, d.want = append(d.interested, interested), append(d.want, want)
		d.prios = append(d.prios, budget.Priority(t.orders.get().limits.Priority))
	}
	l, most := d.s.limits.get()
	first := int(time.Since(d.begun) / turnEvery)
	d.slots = budget.Slots(d.slots[:0], l.Slots, l.Up, d.interested, d.prios, first)
	d.conns = budget.Connections(d.conns[:0], l.Connections, most, d.want, d.prios, first)
	for i, t := range d.list {
		is, was := share{d.slots[i], d.conns[i]}, d.told[t]
		if _, ok := d.told[t]; !ok {
			was = firstShare(d.s, t.orders.get().limits)
		}
		// Connections are not ended for a little: the total is kept by the dialer in any case.
		if is.conns < was.conns && is.conns > was.conns-max(4, was.conns/8) {
			is.conns = min(was.conns, most)
		}
		is.conns = t.orders.get().limits.most(is.conns)
		if is.slots != was.slots {
			d.swarms[i].SetSlots(is.slots)
		}
		if is.conns != was.conns {
			d.swarms[i].SetMaxPeers(is.conns)
		}
		now[t] = is
	}
	d.told = now
}

// firstShare is what a torrent begins with, until the next deal.
func firstShare(s *Session, own TorrentLimits) share {
	l, most := s.limits.get()
	first := share{slots: -1, conns: own.most(most)}
	if l.Slots > 0 {
		first.slots = 1 // others may have the rest
	}
	return first
}
