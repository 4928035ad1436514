package swarm

import (
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// Numbers of the account of time.
const (
	// grantGrace is how long a demand may wait for its grant before that counts as being held: a few turns of the dealer.
	grantGrace = 100 * time.Millisecond
	// enoughHeld, enoughLacking, enoughWindow are from what part on of the time, of the requests that would be of use, or of
	// the rate something counts as what bounds the download.
	enoughHeld    = 0.5
	enoughLacking = 0.5
	enoughWindow  = 0.5
	// fullWindow is the part of a window that has to be under way over the least delay for the window to be the bound.
	fullWindow = 0.8
)

// tally accounts the time of a torrent that downloads. Time is cut where the best standing of its peers changes, and at each
// tick and snapshot; what lies between two cuts goes to one cause, so that the sum is exact. Whether anybody may be asked at
// all is known at every moment. If so, what happened since the last cut decides: did the limit, the memory or the
// window keep requests back?
type tally struct {
	on    bool     // it downloads
	state standing // the best of any peer
	mute  bool     // most addresses do not answer; looked at where time is cut, while state is useless
	peers [serving + 1]int
	due   bool // to be cut
	at    time.Duration
	// Since the last cut: how long a demand waited for its grant, and how many requests were missing
	// for want of memory, in requests times seconds.
	held    time.Duration
	lacking float64
	refused bool // memory, by the last call of reserve that asked for some

	all    status.Shares
	recent recent
}

// standing is what a peer is to a torrent that downloads. The order is that of worth.
type standing uint8

const (
	useless standing = iota // it has nothing that we lack
	choking                 // it has, and does not let us ask for it
	serving                 // it may be asked
)

// hold is what the account knows of a peer.
type hold struct {
	standing standing
	lacks    int // requests that it was not sent for want of memory
	since    time.Duration
}

// standing judges p, after refill: what it allows while it chokes is asked for by then.
func (c *core) standing(p *peer) standing {
	d := &p.down
	switch {
	case p.wants == 0 || c.phase != status.Leeching:
		return useless
	case d.asked.len() > 0:
		return serving
	case d.choked, d.rejects >= maxRejects, c.now < d.rest:
		return choking
	}
	return serving
}

// place notes the standing of p.
func (c *core) place(p *peer, s standing) {
	h := &p.down.hold
	c.tally.peers[h.standing]--
	c.tally.peers[s]++
	h.standing = s
}

// lack notes that from now on n requests to p are missing for want of memory.
func (c *core) lack(p *peer, n int) {
	h := &p.down.hold
	if h.lacks > 0 {
		c.tally.lacking += float64(h.lacks) * (c.now - max(h.since, c.tally.at)).Seconds()
	}
	h.lacks, h.since = n, c.now
}

// tellDown notes what of the demand for download is not granted.
func (c *core) tellDown(n int64) {
	l := &c.lim
	switch {
	case l.toldDown == 0 && n > 0:
		l.since = c.now
	case l.toldDown > 0 && n == 0:
		c.waited()
	}
	l.toldDown = n
}

// waited counts the time for which the demand has waited.
func (c *core) waited() {
	if c.lim.toldDown > 0 && c.now-c.lim.since > grantGrace {
		c.tally.held += c.now - max(c.lim.since, c.tally.at)
	}
}

// account cuts time, if there is reason to.
func (c *core) account() {
	t := &c.tally
	on, state := c.phase == status.Leeching, useless
	switch {
	case t.peers[serving] > 0:
		state = serving
	case t.peers[choking] > 0:
		state = choking
	}
	if on == t.on && state == t.state && !t.due && !c.publishes() {
		return
	}
	if dt := c.now - t.at; t.on && dt > 0 {
		cause := c.bound(dt)
		t.all[cause] += dt
		t.recent.add(c.now, cause, dt)
	}
	t.at, t.held, t.lacking, t.due = c.now, 0, 0, false
	t.on, t.state = on, state
	t.mute = on && state == useless && c.silence()
}

// bound judges the last dt.
func (c *core) bound(dt time.Duration) status.Cause {
	t := &c.tally
	switch {
	case t.state == choking:
		return status.Choked
	case t.state == useless && t.mute:
		return status.Unreachable
	case t.state == useless:
		return status.NoPeers
	}
	c.waited()
	if t.held.Seconds() >= enoughHeld*dt.Seconds() {
		return status.Limited
	}
	var useful, rate, windowed float64
	for _, p := range c.peers {
		if p.down.hold.standing != serving {
			continue
		}
		c.lack(p, p.down.hold.lacks)
		useful += float64(p.down.target(p.ext.Reqq))
		r := max(p.down.meter.quick, 1)
		if rate += r; p.down.windowed(p.ext.Reqq) {
			windowed += r
		}
	}
	switch {
	case t.lacking > 0 && t.lacking >= enoughLacking*useful*dt.Seconds():
		return status.DiskBound
	case windowed > 0 && windowed >= enoughWindow*rate:
		return status.WindowBound
	}
	return status.Running
}

// windowed reports whether more requests than may be out would bring more: while the first are on their way it is not known how
// many are of use, and later a peer may accept fewer than its rate fills over the least delay.
func (d *download) windowed(reqq int) bool {
	switch {
	case d.snubbed || d.rtt == 0:
		return false
	case d.ramping:
		return d.asked.len() >= d.depth/2
	}
	return d.meter.quick*d.rtt.Seconds() >= fullWindow*float64(window(reqq))*metainfo.BlockSize
}

// silence reports whether more of the known addresses did not answer than did or may.
func (c *core) silence() bool {
	mute, others := 0, len(c.peers)
	for i := range c.cands.list {
		switch k := &c.cands.list[i]; {
		case k.state == candConnected || k.state == candSelf: // counted, or nobody
		case k.mute:
			mute++
		default:
			others++
		}
	}
	return mute > others
}

// Of recent time the shares are kept in parts of partTime, the one at hand and those before.
const (
	partTime    = 5 * time.Second
	lateParts   = 3
	minuteParts = 13
)

// recent is the account of the last minute.
type recent struct {
	parts [minuteParts]status.Shares // a ring
	last  int                        // the number of the newest part since the start
}

func (r *recent) add(now time.Duration, c status.Cause, dt time.Duration) {
	n := int(now / partTime)
	for r.last = max(r.last, n-minuteParts); r.last < n; {
		r.last++
		r.parts[r.last%minuteParts] = status.Shares{}
	}
	r.parts[n%minuteParts][c] += dt
}

// sum adds up the parts that are among the last n at the moment now.
func (r *recent) sum(now time.Duration, n int) (out status.Shares) {
	for k := int(now/partTime) - n + 1; k <= r.last; k++ {
		if k < 0 || k <= r.last-minuteParts {
			continue
		}
		for c, d := range r.parts[k%minuteParts] {
			out[c] += d
		}
	}
	return out
}

// causes returns the account up to the last cut.
func (t *tally) causes(now time.Duration) status.Causes {
	return status.Causes{All: t.all, Minute: t.recent.sum(now, minuteParts), Lately: t.recent.sum(now, lateParts)}
}
