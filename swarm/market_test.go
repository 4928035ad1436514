package swarm

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// market is a whole swarm of cores in one goroutine: links have a latency, each trader sends at a fixed rate, a block to
// each of its peers in turn, and the disk is perfect. It is exact, fast, and the same every time for one seed.
type market struct {
	now     time.Duration
	events  marketQueue
	seq     int
	pool    block.Pool
	latency time.Duration
	traders []*trader
	info    *metainfo.Info
	begun   time.Time
	leave   time.Duration // how long after its end a leecher goes; 0: it stays
	play    *strategy     // of all traders; nil: as shipped
	degree  int           // how many of those who are there a newcomer is connected with; 0: all
	rnd     *rand.Rand    // with degree
}

// trader is one member of the swarm.
type trader struct {
	m      *market
	id     int
	c      *core
	rate   float64 // bytes a second that it sends
	rides  bool    // never sends a block
	host   scriptHost
	links  map[piece.PeerID]*marketLink
	order  []*marketLink
	next   int
	busy   bool
	grant  bool // is limited: told by grants what it may send
	wakes  time.Duration
	done   time.Duration // when it had everything
	gone   bool
	blocks int // sent
}

// marketLink is one side of a connection.
type marketLink struct {
	id    piece.PeerID
	to    *trader
	back  *marketLink
	queue []metainfo.Block
}

type marketEvent struct {
	at  time.Duration
	seq int
	run func()
}

type marketQueue []marketEvent

func (q marketQueue) Len() int { return len(q) }
func (q marketQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q marketQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *marketQueue) Push(x any)   { *q = append(*q, x.(marketEvent)) }
func (q *marketQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	old[len(old)-1] = marketEvent{}
	*q = old[:len(old)-1]
	return x
}

func newMarket(pieces, blocks int) *market {
	m := &market{latency: 20 * time.Millisecond, begun: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	size := int64(pieces) * int64(blocks) * metainfo.BlockSize
	info, err := metainfo.NewInfo("test", int64(blocks)*metainfo.BlockSize, make([]byte, 20*pieces), []metainfo.File{{Path: "test", Length: size}}, false, false)
	if err != nil {
		panic(err)
	}
	m.info = info
	return m
}

func (m *market) after(d time.Duration, run func()) {
	m.seq++
	heap.Push(&m.events, marketEvent{m.now + d, m.seq, run})
}

// join adds a trader and connects it with all others. change may set more of its configuration.
func (m *market) join(seed uint64, rate float64, all bool, change func(*Config)) *trader {
	t := &trader{m: m, id: len(m.traders), rate: rate, links: map[piece.PeerID]*marketLink{}}
	t.host = scriptHost{s: &script{mem: 1 << 40}}
	cfg := Config{Info: m.info, Host: t.host, Seed: seed*1000 + uint64(t.id), MaxPeers: 1000, ID: metainfo.ID{V1: metainfo.Hash{1}}}
	copy(cfg.PeerID[:], fmt.Sprintf("-SH0001-%012d", t.id))
	if all {
		cfg.Have = set(m.info.NumPieces(), "all")
	}
	if change != nil {
		change(&cfg)
	}
	t.grant = cfg.LimitedUp
	t.c = newCore(&cfg)
	m.play.tune(t.c)
	t.c.start(m.begun.Add(m.now))
	t.step()
	m.traders = append(m.traders, t)
	others := slices.Clone(m.traders[:t.id])
	if m.degree > 0 && len(others) > m.degree {
		m.rnd.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		others = others[:m.degree]
	}
	for _, o := range others {
		if !o.gone && !(all && o.done > 0) {
			m.connect(t, o)
		}
	}
	return t
}

func (m *market) connect(a, b *trader) {
	x := &marketLink{id: piece.PeerID(b.id + 1), to: b}
	y := &marketLink{id: piece.PeerID(a.id + 1), to: a, back: x}
	x.back = y
	for _, s := range []struct {
		t, o *trader
		l    *marketLink
		in   bool
	}{{a, b, x, false}, {b, a, y, true}} {
		s.t.links[s.l.id] = s.l
		s.t.order = append(s.t.order, s.l)
		h := Hello{Addr: s.o.addr(), PeerID: s.o.c.cfg.PeerID, Incoming: s.in, Fast: true, Extended: true}
		s.t.step(event{kind: evAttached, peer: s.l.id, more: &eventMore{hello: h}})
		m.play.meet(s.t.c.byID[s.l.id])
	}
}

func (t *trader) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(t.id >> 8), byte(t.id)}), 6881)
}

// step shows the core events and carries out what it answers.
func (t *trader) step(events ...event) {
	if t.gone {
		for i := range events {
			releaseBlocks(events[i].batch)
		}
		return
	}
	c, now := t.c, t.m.begun.Add(t.m.now)
	for i := range events {
		c.step(now, &events[i])
	}
	c.settle(now)
	acts, out := c.acts, c.out
	c.acts, c.out = nil, nil
	for i := range acts {
		t.act(&acts[i], out)
	}
	if t.done == 0 && c.m.Complete() {
		if t.done = max(t.m.now, 1); t.m.now > 0 && t.m.leave > 0 {
			t.m.after(t.m.leave, t.quit)
		}
	}
	if next := c.next(); !next.IsZero() {
		at := max(next.Sub(t.m.begun), t.m.now+time.Millisecond)
		if t.wakes <= t.m.now || at < t.wakes {
			t.wakes = at
			t.m.after(at-t.m.now, func() {
				if t.wakes == at {
					t.wakes = 0
					t.step()
				}
			})
		}
	}
	t.send()
}

func (t *trader) act(a *action, out []wire.Message) {
	l := t.links[a.peer]
	switch a.kind {
	case acSend:
		if l != nil {
			t.m.deliver(l, slices.Clone(out[a.from:a.to]))
		}
	case acUpload:
		if l != nil && !t.rides {
			l.queue = append(l.queue, a.block)
		}
	case acCancelUpload:
		if l == nil {
			return
		}
		if i := slices.Index(l.queue, a.block); i >= 0 {
			l.queue = slices.Delete(l.queue, i, i+1)
			t.m.after(0, func() { t.step(event{kind: evUploadCancelled, peer: a.peer, block: a.block}) })
		}
	case acClose:
		if l != nil {
			t.m.cut(t, l)
		}
	case acJob:
		for _, b := range a.job.Blocks {
			b.Release()
		}
		j := a.job
		t.m.after(time.Millisecond, func() { t.step(event{kind: evDisk, result: piece.Result{Job: j, Count: len(j.Blocks), OK: true}}) })
	}
}

func (m *market) deliver(l *marketLink, ms []wire.Message) {
	m.after(m.latency, func() {
		if l.to.links[l.back.id] == l.back {
			l.to.step(event{kind: evMessages, peer: l.back.id, batch: ms})
		} else {
			releaseBlocks(ms)
		}
	})
}

// cut ends a connection that t has closed.
func (m *market) cut(t *trader, l *marketLink) {
	t.unlink(l)
	m.after(0, func() { t.step(event{kind: evClosed, peer: l.id, err: errors.New("closed")}) })
	m.after(m.latency, func() {
		if l.to.links[l.back.id] == l.back {
			l.to.unlink(l.back)
			l.to.step(event{kind: evClosed, peer: l.back.id, err: errors.New("closed")})
		}
	})
}

func (t *trader) unlink(l *marketLink) {
	delete(t.links, l.id)
	t.order = slices.DeleteFunc(t.order, func(o *marketLink) bool { return o == l })
	t.next = 0
}

func (t *trader) quit() {
	t.c.stop(t.m.begun.Add(t.m.now))
	for _, l := range slices.Clone(t.order) {
		t.m.cut(t, l)
		if t.m.degree > 0 {
			t.m.after(2*t.m.latency, func() { t.m.refill(l.to) })
		}
	}
	t.gone = true
}

// refill gives a trader who has lost a neighbour another one, as its tracker would.
func (m *market) refill(t *trader) {
	if t.gone || len(t.links) >= m.degree {
		return
	}
	var free []*trader
	for _, o := range m.traders {
		if o != t && !o.gone && t.links[piece.PeerID(o.id+1)] == nil && (t.done == 0 || o.done == 0) {
			free = append(free, o)
		}
	}
	if len(free) > 0 {
		m.connect(t, free[m.rnd.IntN(len(free))])
	}
}

// send puts one block on the line, if the line is free. What is limited by grants gets one for each block.
func (t *trader) send() {
	if t.busy || t.rate <= 0 {
		return
	}
	if t.grant && t.c.lim.up < metainfo.BlockSize && t.c.lim.toldUp > 0 {
		t.busy = true
		t.m.after(0, func() {
			t.busy = false
			t.step(event{kind: evGrant, up: metainfo.BlockSize})
		})
		return
	}
	for range t.order {
		l := t.order[t.next%len(t.order)]
		t.next++
		if len(l.queue) == 0 {
			continue
		}
		b := l.queue[0]
		l.queue = slices.Delete(l.queue, 0, 1)
		t.busy = true
		t.blocks++
		t.m.after(time.Duration(float64(b.Length)/t.rate*float64(time.Second)), func() {
			t.busy = false
			data := t.m.pool.Get()
			data.Resize(b.Length)
			t.m.deliver(l, []wire.Message{{Kind: wire.Piece, Index: uint32(b.Piece), Begin: uint32(b.Begin), Block: data}})
			t.step(event{kind: evUploaded, peer: l.id, n: 1, bytes: b.Length})
		})
		return
	}
}

// run plays until end says so, at most limit.
func (m *market) run(t *testing.T, limit time.Duration, end func() bool) {
	t.Helper()
	for n := 0; len(m.events) > 0; n++ {
		e := heap.Pop(&m.events).(marketEvent)
		if m.now = e.at; m.now > limit {
			for _, x := range m.traders {
				if x.done == 0 {
					t.Logf("trader %d: %.0f %% after %v", x.id, 100*float64(x.c.have().Count())/float64(m.info.NumPieces()), m.now)
				}
			}
			t.Fatalf("not at an end after %v", limit)
		}
		e.run()
		if end() {
			return
		}
	}
}

func allDone(ts []*trader) func() bool {
	return func() bool {
		return !slices.ContainsFunc(ts, func(t *trader) bool { return t.done == 0 })
	}
}

func mean(ts []*trader, f func(*trader) bool) time.Duration {
	sum, n := time.Duration(0), 0
	for _, t := range ts {
		if f(t) {
			sum += t.done
			n++
		}
	}
	return sum / time.Duration(n)
}
