package swarm

import (
	"net/netip"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/status"
)

// seeker is a torrent whose info dictionary is not known yet (BEP 9): it finds peers, asks those for the dictionary that
// have it, and remembers what all of them say about pieces until a core can take over. Like the core it is pure.
type seeker struct {
	common
	attempts []*attempt // one for each size that is claimed
	asked    int        // pieces that are being asked for, of all attempts
	checked  *attempt   // being hashed
	found    *metainfo.Torrent
	slots    int // what the session dealt, for the core
	liars    []netip.AddrPort
	nextLiar int
	dirty    bool // somebody may be asked for something
	rounds   time.Duration
}

func newSeeker(cfg *Config) *seeker {
	s := &seeker{common: newCommon(cfg), slots: cfg.UploadSlots}
	if s.slots <= 0 {
		s.slots = -1
	}
	return s
}

func (s *seeker) start(now time.Time) {
	s.epoch = now
	if s.cfg.Paused {
		s.enter(status.Paused)
	} else {
		s.enter(status.Metadata)
	}
}

// enter sets the phase, as that of the core does.
func (s *seeker) enter(to status.Phase) {
	if s.phase == to {
		return
	}
	if s.phase = to; to != status.Failed {
		s.cause = nil
	}
	switch to {
	case status.Paused:
		s.dropAll(errPaused)
	case status.Failed:
		s.dropAll(s.cause)
		s.act(action{kind: acFailed, err: s.cause})
	}
	s.cands.dirty, s.dirty, s.snap.force = true, true, true
	s.changed()
}

func (s *seeker) fail(err error) {
	if s.phase != status.Failed {
		s.cause = err
		s.enter(status.Failed)
	}
}

// step takes in one event.
func (s *seeker) step(now time.Time, e *event) {
	s.now = now.Sub(s.epoch)
	if s.stopped && e.kind > evDisk && e.kind != evAsk {
		return
	}
	switch e.kind {
	case evAttached:
		s.onAttached(e)
	case evMessages:
		s.onMessages(e)
	case evClosed:
		if p := s.byID[e.peer]; p != nil {
			s.forget(p)
		}
	case evDialFailed:
		s.dialFailed(e.more.addr, e.err)
	case evAddresses:
		s.onAddresses(e)
	case evInfo:
		s.onInfo(e)
	case evFail:
		s.fail(e.err)
	case evRetry:
		s.retry(e.n)
	case evPause:
		if s.phase != status.Failed {
			s.enter(status.Paused)
		}
	case evResume:
		if s.phase == status.Paused || s.phase == status.Failed {
			s.cands.wake()
			s.enter(status.Metadata)
		}
	case evSlots:
		s.slots = max(e.n, -1)
	case evMaxPeers:
		s.cands.maxPeers, s.cands.dirty = max(e.n, 0), true
		for p := s.surplus(); p != nil; p = s.surplus() {
			s.drop(p, errFull)
		}
	case evMaxDials:
		s.cands.maxDials, s.cands.dirty = max(e.n, 0), true
	case evExternal:
		s.setExternal(e.more.addr.Addr())
	case evAsk:
		e.more.ask(s)
	}
	if e.kind >= evPause && e.kind <= evSequential {
		s.snap.dirty, s.snap.force = true, true
	}
}

// settle draws the conclusions of all events of a turn.
func (s *seeker) settle(now time.Time) {
	s.now = now.Sub(s.epoch)
	if s.stopped {
		return
	}
	if s.now >= s.tick {
		s.onTick()
	}
	if s.dirty {
		s.dirty = false
		s.fill()
	}
	if s.cands.dirty {
		s.dial()
	}
	s.publish()
}

// onTick is the second hand.
func (s *seeker) onTick() {
	s.tick = s.now + tickEvery
	for _, p := range s.peers {
		if e := p.early; len(e.asked) > 0 && s.now-max(e.asked[0].at, e.heard) >= e.patience() {
			e.slow++
			s.rest(p)
		}
	}
	s.tellPex()
	if s.now >= s.rounds {
		s.rounds = s.now + chokeRound
		for i := len(s.peers) - 1; i >= 0 && len(s.peers) >= s.cands.maxPeers; i-- {
			if p := s.peers[i]; s.useless(p) {
				s.drop(p, errIdle)
			}
		}
		s.upgrade()
	}
	s.cands.dirty, s.dirty = true, true
}

// stop ends everything.
func (s *seeker) stop(now time.Time) {
	s.now = now.Sub(s.epoch)
	s.dropAll(ErrEnded)
	s.stopped = true
}

func (s *seeker) dropAll(reason error) {
	for _, p := range slices.Clone(s.peers) {
		s.drop(p, reason)
	}
}

// drop ends a connection from our side.
func (s *seeker) drop(p *peer, reason error) {
	if !p.gone {
		s.act(action{kind: acClose, peer: p.id, err: reason})
		s.forget(p)
	}
}

// forget takes a peer out of everything. What it gave stays.
func (s *seeker) forget(p *peer) {
	p.gone = true
	s.release(p)
	s.strike(p)
	s.prune()
	s.dirty = true
}

func (s *seeker) onAttached(e *event) {
	p := s.arrive(e)
	p.early = &early{}
	no, instead, reason := s.refuse(p)
	if no == nil && s.lied(p) {
		no, instead = errLiedInfo, nil
	}
	if no != nil {
		s.turnAway(p, no)
		return
	}
	if instead != nil {
		s.drop(instead, reason)
	}
	s.enlist(p)
	if p.hello.Extended {
		s.send(p, s.introduction(p, nil))
	}
	if p.hello.Fast {
		s.send(p, wire.Message{Kind: wire.HaveNone})
	}
	s.tellPort(p)
}

// snapshot makes the summary.
func (s *seeker) snapshot() *status.Torrent {
	t := &status.Torrent{
		ID: s.cfg.ID, Name: s.cfg.Name, Phase: s.phase, DownTotal: s.cfg.DownTotal, UpTotal: s.cfg.UpTotal,
		Peers: len(s.peers), Banned: len(s.cands.bans), Dialing: s.cands.dialing, ETA: -1,
	}
	if s.cause != nil {
		t.Err = s.cause.Error()
	}
	for _, p := range s.peers {
		if !p.listen.IsValid() {
			t.Asked++
		}
		s.sourceOf(p).count(&t.From)
	}
	for i := range s.cands.list {
		if s.cands.list[i].state == candIdle {
			t.Candidates++
		}
		if s.cands.list[i].met {
			t.Asked++
		}
	}
	for _, a := range s.attempts {
		if a.got > t.MetadataHave {
			t.Metadata, t.MetadataHave = len(a.parts), a.got
		}
	}
	if s.found != nil {
		t.Name, t.Private = s.found.Info.Name(), s.found.Info.Private()
		t.Metadata = wire.NumMetadataPieces(int64(len(s.found.InfoBytes)))
		t.MetadataHave = t.Metadata
	}
	return t
}

func (s *seeker) peerList() []status.Peer {
	out := make([]status.Peer, 0, len(s.peers))
	for _, p := range s.peers {
		out = append(out, status.Peer{
			Addr: p.hello.Addr, PeerID: p.hello.PeerID, Client: p.client(), Source: s.sourceOf(p).String(),
			Incoming: p.hello.Incoming, Encrypted: p.hello.Encrypted, AmChoking: true,
			PeerChoking: !p.early.unchoked, PeerInterested: p.early.interested, Queue: len(p.early.asked),
		})
	}
	return out
}

func (s *seeker) fileList() []status.File { return nil }

func (s *seeker) have() *metainfo.Bitfield { return &metainfo.Bitfield{} }

// onMessages takes in what one read of a connection brought. No block is wanted yet.
func (s *seeker) onMessages(e *event) {
	defer releaseBlocks(e.batch)
	p := s.byID[e.peer]
	for i := range e.batch {
		if p == nil || p.gone {
			return
		}
		if err := s.onMessage(p, &e.batch[i]); err != nil {
			s.drop(p, err)
		}
	}
}

// onMessage is the switch over what a peer can say. An error ends the connection.
func (s *seeker) onMessage(p *peer, m *wire.Message) error {
	e := p.early
	switch m.Kind {
	case wire.Choke, wire.Unchoke:
		e.unchoked = m.Kind == wire.Unchoke
	case wire.Interested, wire.NotInterested:
		e.interested = m.Kind == wire.Interested
	case wire.Have:
		return e.have(p, m.Index)
	case wire.Bitfield, wire.HaveAll, wire.HaveNone:
		return e.opening(p, m)
	case wire.Request:
		if p.hello.Fast {
			s.send(p, wire.Message{Kind: wire.Reject, Index: m.Index, Begin: m.Begin, Length: m.Length})
		}
		return p.refused()
	case wire.Piece, wire.Reject:
		return p.unasked()
	case wire.Suggest, wire.AllowedFast:
		if !p.hello.Fast {
			return protocolError("message %d without the fast extension", m.Kind)
		}
		if m.Kind == wire.AllowedFast {
			return e.allow(m.Index)
		}
	case wire.Extended:
		return s.onExtended(p, m)
	case wire.Port:
		s.onPort(p, m.Index)
	case wire.HashRequest:
		s.send(p, wire.Message{Kind: wire.HashReject, Data: m.Data})
	}
	return nil
}

func (s *seeker) onExtended(p *peer, m *wire.Message) error {
	if !p.hello.Extended {
		return protocolError("extended message without the extension bit")
	}
	switch m.Index {
	case wire.ExtHandshakeID:
		return s.onExtHandshake(p, m.Data)
	case wire.UTMetadataID:
		return s.onMetadata(p, m.Data)
	case wire.UTPexID:
		return s.onPex(p, m.Data)
	case wire.DontHaveID:
		if i, ok := wire.ParseDontHave(m.Data); ok {
			p.early.lose(i)
		}
	}
	return nil
}

// onExtHandshake also takes what the peer claims of the info dictionary. Who changes that later is not believed.
func (s *seeker) onExtHandshake(p *peer, data []byte) error {
	if err := s.heardExt(p, data); err != nil {
		return err
	}
	e, size := p.early, p.ext.MetadataSize
	if size != e.size && e.size != 0 {
		e.dead = true
		s.release(p)
		s.prune()
	}
	if p.ext.ID(wire.UTMetadata) == 0 { // taken back
		s.release(p)
	}
	e.size = size
	s.dirty = true
	return nil
}
