package swarm

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"net/netip"
	"slices"

	"shoal/metainfo"
	"shoal/peer/wire"
)

// maxLiars bounds the list of those that gave a wrong info dictionary.
const maxLiars = 256

// errWrongInfo says that an info dictionary does not have the hash that was asked for.
var errWrongInfo = errors.New("wrong hash")

// errPrivate is why connections end with peers that no tracker named, when a torrent turns out to be private.
var errPrivate = errors.New("the torrent is private, and no tracker named this peer")

// checkInfo puts an info dictionary together and hashes and parses it. It takes as long as that takes, and so
// runs on a goroutine of its own. errWrongInfo says that somebody lied; other errors, that this is no usable torrent.
func checkInfo(id metainfo.ID, parts [][]byte) (*metainfo.Torrent, error) {
	sums := []struct {
		h    hash.Hash
		want []byte
		use  bool
	}{{sha1.New(), id.V1[:], id.HasV1()}, {sha256.New(), id.V2[:], id.HasV2()}}
	for _, s := range sums {
		if !s.use {
			continue
		}
		for _, b := range parts {
			s.h.Write(b)
		}
		if string(s.h.Sum(nil)) != string(s.want) {
			return nil, errWrongInfo
		}
	}
	raw := slices.Concat(parts...)
	info, full, err := metainfo.ParseInfo(raw)
	if err != nil {
		return nil, fmt.Errorf("the info dictionary that belongs to this hash cannot be used: %w", err)
	}
	return &metainfo.Torrent{ID: full, Info: info, InfoBytes: raw}, nil
}

// attempt returns the one of a size, nil when there is none.
func (s *seeker) attempt(size int64) *attempt {
	if i := slices.IndexFunc(s.attempts, func(a *attempt) bool { return a.size == size }); i >= 0 {
		return s.attempts[i]
	}
	return nil
}

// source returns the attempt for which p may be asked now, or nil.
func (s *seeker) source(p *peer) *attempt {
	e := p.early
	if !e.useful() || s.now < e.wait || p.ext.ID(wire.UTMetadata) == 0 || s.lied(p) {
		return nil
	}
	a := s.attempt(e.size)
	if a == nil {
		a = &attempt{size: e.size}
		s.attempts = append(s.attempts, a)
	}
	if a.alone && a.only == nil && !a.checking {
		a.clear()
		a.only = p
	}
	if a.checking || a.alone && a.only != p {
		return nil
	}
	return a
}

// fill asks for what is missing, of all that may be asked in turn.
func (s *seeker) fill() {
	if s.found != nil || !s.hungry() {
		return
	}
	for range metaDepth {
		for _, p := range s.peers {
			if len(p.early.asked) >= metaDepth {
				continue
			}
			if a := s.source(p); a != nil {
				s.ask(p, a)
			}
		}
	}
}

// ask asks p for one piece, if there is one to ask for and room for it.
func (s *seeker) ask(p *peer, a *attempt) {
	a.begin(s.now)
	i := a.fresh()
	if i < 0 {
		i = s.late(p, a)
	}
	if i < 0 || !s.room(a) {
		return
	}
	a.askers[i]++
	s.asked++
	p.early.asked = append(p.early.asked, metaAsk{i, s.now})
	s.sendMetadata(p, &wire.Metadata{Type: wire.MetadataRequest, Piece: int64(i)})
}

// late returns a piece that others were asked for and have had long enough, -1 when there is none.
func (s *seeker) late(p *peer, a *attempt) int {
	var recent []int // what was asked a moment ago, of anybody, or of p
	for _, q := range s.peers {
		for _, k := range q.early.asked {
			if q.early.size == a.size && (q == p || s.now-k.at < metaSoon) {
				recent = append(recent, k.piece)
			}
		}
	}
	for i := a.low; i < len(a.parts); i++ {
		if a.parts[i] == nil && a.askers[i] < metaAskers && !slices.Contains(recent, i) {
			return i
		}
	}
	return -1
}

// room reports whether one more piece may be held. When all memory is taken the slowest attempt gives way, so that nobody
// can keep the right one out by claiming much and sending little.
func (s *seeker) room(a *attempt) bool {
	for {
		held := int64(s.asked+1) * wire.MetadataPiece
		var slowest *attempt
		for _, o := range s.attempts {
			held += o.held
			if o != a && o.held > 0 && !o.checking && (slowest == nil || o.rate(s.now) < slowest.rate(s.now)) {
				slowest = o
			}
		}
		if held <= metaMemory {
			return true
		}
		if slowest == nil || slowest.rate(s.now) >= a.rate(s.now) {
			return false
		}
		for _, p := range s.peers {
			if p.early.size == slowest.size {
				s.release(p)
			}
		}
		slowest.clear()
		slowest.since = s.now
	}
}

// release takes back what p is asked for. If all was to come from it alone, it begins anew with another.
func (s *seeker) release(p *peer) {
	e := p.early
	a := s.attempt(e.size)
	for _, k := range e.asked {
		a.askers[k.piece]--
	}
	s.asked -= len(e.asked)
	e.forgiven += len(e.asked)
	e.asked = nil
	if a != nil && a.only == p {
		a.only = nil
		if !a.checking {
			a.clear()
		}
	}
	s.dirty = true
}

// rest leaves p alone for a while, as it did not give what it was asked for.
func (s *seeker) rest(p *peer) {
	s.release(p)
	e := p.early
	e.wait = s.now + min(metaRest<<min(e.fails, 10), metaLongRest)
	e.fails++
}

// prune forgets attempts that nobody is there for any more, but for a few that have something.
func (s *seeker) prune() {
	orphans := 0
	s.attempts = slices.DeleteFunc(s.attempts, func(a *attempt) bool {
		if a.checking || slices.ContainsFunc(s.peers, func(p *peer) bool { return p.early.size == a.size && !p.early.dead }) {
			return false
		}
		orphans++
		return a.held == 0 || orphans > metaOrphans
	})
}

// onMetadata takes a ut_metadata message. We have nothing to give yet.
func (s *seeker) onMetadata(p *peer, data []byte) error {
	m, err := wire.ParseMetadata(data)
	if err != nil {
		return err
	}
	switch m.Type {
	case wire.MetadataRequest:
		s.sendMetadata(p, &wire.Metadata{Type: wire.MetadataReject, Piece: m.Piece})
		return p.refused()
	case wire.MetadataData, wire.MetadataReject:
	default:
		return nil
	}
	e := p.early
	k := slices.IndexFunc(e.asked, func(k metaAsk) bool { return int64(k.piece) == m.Piece })
	switch {
	case k < 0 && e.forgiven > 0:
		e.forgiven--
		return nil
	case k < 0:
		return p.unasked()
	}
	a, i := s.attempt(e.size), e.asked[k].piece
	_, n, _ := m.Span(e.size)
	switch {
	case m.Type == wire.MetadataReject:
		s.rest(p)
	case int64(len(m.Data)) != n || m.Total != 0 && m.Total != e.size:
		e.dead = true
		s.release(p)
		s.prune()
	default:
		e.asked = slices.Delete(e.asked, k, k+1)
		a.askers[i]--
		s.asked--
		e.fails, e.heard, s.dirty = 0, s.now, true
		if s.changed(); a.put(i, m.Data, p) && !a.checking {
			s.check(a)
		}
	}
	return nil
}

// check has a whole info dictionary hashed and parsed; one at a time.
func (s *seeker) check(a *attempt) {
	if s.checked == nil && s.found == nil {
		s.checked, a.checking = a, true
		s.act(action{kind: acCheckInfo, parts: slices.Clone(a.parts)})
	}
}

// onInfo takes the result.
func (s *seeker) onInfo(e *event) {
	a := s.checked
	s.checked, a.checking = nil, false
	switch {
	case e.err == nil:
		s.know(e.more.torrent)
		return
	case errors.Is(e.err, errWrongInfo):
		s.blame(a)
	default:
		a.clear()
		s.fail(e.err)
	}
	s.prune()
	if s.dirty = true; s.hungry() {
		for _, o := range s.attempts {
			if o.parts != nil && o.got == len(o.parts) {
				s.check(o)
			}
		}
	}
}

// blame ends the connection with whoever gave all of a wrong dictionary, and does not ask it again. Were there several, all
// of it is to come from one alone from now on.
func (s *seeker) blame(a *attempt) {
	p := a.giver()
	a.clear()
	a.alone, a.only = true, nil
	if p == nil {
		return
	}
	if len(s.liars) < maxLiars {
		s.liars = append(s.liars, p.key())
	} else {
		s.liars[s.nextLiar] = p.key()
		s.nextLiar = (s.nextLiar + 1) % maxLiars
	}
	s.drop(p, errLiedInfo)
}

// lied reports whether p is known for a wrong info dictionary.
func (s *seeker) lied(p *peer) bool { return slices.Contains(s.liars, p.key()) }

// key returns by what a peer is known again: its site, or within a local network its address.
func (p *peer) key() netip.AddrPort {
	if p.site.IsValid() {
		return netip.AddrPortFrom(p.site, 0)
	}
	return p.address()
}

// know takes the info dictionary that was looked for. Connections stay until the session says how to go on (Swarm.Begin),
// but for those that a private torrent may not have.
func (s *seeker) know(t *metainfo.Torrent) {
	s.found = t
	for _, p := range s.peers {
		p.early.asked = nil
	}
	s.attempts, s.asked = nil, 0
	if t.Info.Private() {
		s.goPrivate()
	}
	s.snap.force = true
	s.changed()
	s.act(action{kind: acMetadata, torrent: t})
}

// goPrivate ends what a private torrent (BEP 27) may not do.
func (s *seeker) goPrivate() {
	s.private = true
	for _, p := range slices.Clone(s.peers) {
		if k := s.cands.find(p.listen); k != nil && !p.hello.Incoming && !k.kind.Trusted() {
			s.drop(p, errPrivate)
		}
	}
	for i := len(s.cands.list) - 1; i >= 0; i-- {
		if k := &s.cands.list[i]; !k.kind.Trusted() && (k.state == candIdle || k.state == candDialing) {
			s.cands.enter(k, candIdle)
			s.cands.remove(i)
		}
	}
}

// sendMetadata sends a ut_metadata message, if p has a number for them.
func (c *common) sendMetadata(p *peer, m *wire.Metadata) {
	if id := p.ext.ID(wire.UTMetadata); id != 0 {
		c.send(p, wire.Message{Kind: wire.Extended, Index: uint32(id), Data: wire.AppendMetadata(nil, m)})
	}
}

// refused counts a request that could not be served, and unasked what nobody asked for. Too many end a connection.
func (p *peer) refused() error {
	if p.up.refused++; p.up.refused > maxRefused {
		return protocolError("more than %d requests that cannot be served", maxRefused)
	}
	return nil
}

func (p *peer) unasked() error {
	if p.strikes++; p.strikes > maxStrikes {
		return protocolError("more than %d blocks that were not asked for", maxStrikes)
	}
	return nil
}
