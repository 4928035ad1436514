package swarm

import (
	"time"

	"shoal/status"
)

// snapEvery is the least time between two snapshots that nobody asked for, quietEvery the most while we download: its time goes somewhere.
const (
	snapEvery  = 500 * time.Millisecond
	quietEvery = 5 * time.Second
)

// snapState says when a snapshot is due.
type snapState struct {
	dirty bool
	force bool // a command or a new phase does not wait
	at    time.Duration
}

// changed notes that the next snapshot will differ.
func (c *common) changed() { c.snap.dirty = true }

// totals are counters of payload bytes.
type totals struct {
	down, up, wasted int64
	failed           int           // pieces
	corrupt          int64         // bytes of them
	active           time.Duration // when payload last came or went; 0 for never
	downMeter        meter
	upMeter          meter
}

// snapshot makes the summary.
func (c *core) snapshot() *status.Torrent {
	info := c.info
	t := &status.Torrent{
		ID: c.cfg.ID, Name: info.Name(), Phase: c.phase,
		Size: c.sel.size, Wanted: c.sel.wanted, Have: c.sel.have,
		Pieces: info.NumPieces(), PiecesHave: c.have().Count(), PieceLength: int(info.PieceLength()), Private: info.Private(),
		Down: int64(c.tot.downMeter.shown()), Up: int64(c.tot.upMeter.shown()),
		DownTotal: c.cfg.DownTotal + c.tot.down, UpTotal: c.cfg.UpTotal + c.tot.up,
		Wasted: c.tot.wasted, Corrupt: c.tot.corrupt, FailedPieces: c.tot.failed, Available: c.m.Available(),
		Peers: len(c.peers), Banned: len(c.cands.bans), Dialing: c.cands.dialing, ETA: -1,
		Time: c.tally.causes(c.now), PeersChoking: c.tally.peers[choking],
	}
	if c.asleep() { // no tick tells that nothing flows
		t.Down, t.Up = 0, 0
	}
	if c.cause != nil {
		t.Err = c.cause.Error()
	}
	if c.tot.active > 0 {
		t.Active = c.epoch.Add(c.tot.active)
	}
	if k := &c.chk; c.phase == status.Checking && k.total > 0 {
		t.Checked = min(1, float64(k.done)/float64(k.total))
	}
	for _, p := range c.peers {
		if p.has.All() {
			t.Seeds++
		}
		c.sourceOf(p).count(&t.From)
		if !p.down.choked && (p.down.asked.len() > 0 || p.down.meter.shown() > 0) { // under a limit nothing may be asked for just now
			t.PeersSending++
		}
		if p.up.interested {
			t.Interested++
		}
		if p.up.unchoked && p.up.interested {
			t.PeersReceiving++
		}
	}
	for i := range c.cands.list {
		if c.cands.list[i].state == candIdle {
			t.Candidates++
		}
	}
	if left := c.m.Left(); left == 0 {
		t.ETA = 0
	} else if t.Down > 0 {
		t.ETA = time.Duration(min(float64(left)/float64(t.Down), 1e9) * float64(time.Second))
	}
	return t
}

// peerList describes each connection.
func (c *core) peerList() []status.Peer {
	out := make([]status.Peer, 0, len(c.peers))
	for _, p := range c.peers {
		s := status.Peer{
			Addr: p.hello.Addr, PeerID: p.hello.PeerID, Client: p.client(), Source: c.sourceOf(p).String(), Incoming: p.hello.Incoming, Encrypted: p.hello.Encrypted, Have: 1,
			Down: int64(p.down.meter.shown()), Up: int64(p.up.meter.shown()), DownTotal: p.down.total, UpTotal: p.up.total,
			AmChoking: !p.up.unchoked, AmInterested: p.down.interested,
			PeerChoking: p.down.choked, PeerInterested: p.up.interested,
			Snubbed: p.down.snubbed, Queue: p.down.asked.len(),
		}
		if n := p.has.Len(); n > 0 {
			s.Have = float64(p.has.Count()) / float64(n)
		}
		out = append(out, s)
	}
	return out
}

// client is what the peer calls itself, else the beginning of its peer id, which by
// custom (BEP 20) names the program.
func (p *peer) client() string {
	if p.ext.V != "" {
		return p.ext.V
	}
	return string(p.hello.PeerID[:8])
}
