package budget

import "net/netip"

// Target is one address that a torrent wants to connect to.
type Target struct {
	Key  Key
	Addr netip.AddrPort
}

// Dials deals connection attempts: at most HalfOpen on their way and at most
// Connections in all, torrents taking turns.
type Dials struct {
	halfOpen, conns int // limits
	dialing, open   int // in use; a dial counts in both
	queues          []dialQueue
	next            int // whose turn it is
}

type dialQueue struct {
	key   Key
	addrs []netip.AddrPort
}

// NewDials returns a dealer with the two limits.
func NewDials(halfOpen, connections int) *Dials {
	return &Dials{halfOpen: halfOpen, conns: connections}
}

// SetLimits changes the two limits. What is open beyond them stays open.
func (d *Dials) SetLimits(halfOpen, connections int) { d.halfOpen, d.conns = halfOpen, connections }

// Want queues an attempt. The number a torrent may queue is bounded by the
// torrent itself, which asks only for peers that it has room for.
func (d *Dials) Want(t Target) {
	for i := range d.queues {
		if d.queues[i].key == t.Key {
			d.queues[i].addrs = append(d.queues[i].addrs, t.Addr)
			return
		}
	}
	d.queues = append(d.queues, dialQueue{key: t.Key, addrs: []netip.AddrPort{t.Addr}})
}

// Next takes out the attempt to make now, if there is one and the limits
// allow it. Each ends in Dialed.
func (d *Dials) Next() (Target, bool) {
	if len(d.queues) == 0 || d.dialing >= d.halfOpen || d.open >= d.conns {
		return Target{}, false
	}
	i := d.next % len(d.queues)
	q := &d.queues[i]
	t := Target{Key: q.key, Addr: q.addrs[0]}
	if q.addrs = q.addrs[1:]; len(q.addrs) == 0 {
		d.queues = append(d.queues[:i], d.queues[i+1:]...)
		d.next = i
	} else {
		d.next = i + 1
	}
	d.dialing++
	d.open++
	return t, true
}

// Dialed ends an attempt; ok says that a connection came of it, which then
// counts until Closed.
func (d *Dials) Dialed(ok bool) {
	d.dialing--
	if !ok {
		d.open--
	}
}

// Accept counts an incoming connection and reports whether there is room for
// it. Closed ends it.
func (d *Dials) Accept() bool {
	if d.open >= d.conns {
		return false
	}
	d.open++
	return true
}

// Closed ends a connection.
func (d *Dials) Closed() { d.open-- }

// Drop forgets the queued attempts of a torrent.
func (d *Dials) Drop(k Key) {
	for i := range d.queues {
		if d.queues[i].key == k {
			d.queues = append(d.queues[:i], d.queues[i+1:]...)
			return
		}
	}
}
