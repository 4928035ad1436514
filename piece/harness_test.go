package piece

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"shoal/internal/block"
	"shoal/metainfo"
)

func testInfo(t testing.TB, size, pieceLength int64) *metainfo.Info {
	t.Helper()
	n := (size + pieceLength - 1) / pieceLength
	info, err := metainfo.NewInfo("t", pieceLength, make([]byte, n*20), []metainfo.File{{Path: "t", Length: size}}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func testRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// setOf returns a bitfield with pieces, or with all of n when none are given.
func setOf(n int, pieces ...int) *metainfo.Bitfield {
	b := metainfo.NewBitfield(n)
	if len(pieces) == 0 {
		b.SetAll()
	}
	for _, i := range pieces {
		b.Set(i)
	}
	return &b
}

// remote is a peer in the tests. A block that it sends wrong begins with a byte other than 0.
type remote struct {
	id    PeerID
	has   *metainfo.Bitfield
	asked []metainfo.Block
	late  []metainfo.Block // cancelled, may still come
	lie   func(b metainfo.Block) byte
}

// world drives a Manager with remotes and plays the disk, and knows who really lied.
type world struct {
	t     testing.TB
	m     *Manager
	info  *metainfo.Info
	pool  block.Pool
	peers []*remote
	next  PeerID
	disk  map[metainfo.Block]byte // marks of blocks written in place
	jobs  []*Job
	// copies are the wrong copies of each piece since it was last right: who sent a wrong block of it.
	copies map[int][][]PeerID
	named  map[PeerID]int // times proven
	spoilt map[PeerID]int // copies that a peer spoiled before it was named
}

func newWorld(t testing.TB, info *metainfo.Info, seed uint64, opt Options) *world {
	return &world{
		t: t, info: info, m: NewManager(info, metainfo.Bitfield{}, testRand(seed), opt),
		disk: map[metainfo.Block]byte{}, copies: map[int][][]PeerID{}, named: map[PeerID]int{}, spoilt: map[PeerID]int{},
	}
}

func (w *world) join(has *metainfo.Bitfield) *remote {
	c := has.Clone()
	p := &remote{id: w.next, has: &c}
	w.next++
	w.m.AddPeer(p.id)
	w.m.PeerBitfield(p.has)
	w.peers = append(w.peers, p)
	return p
}

func (w *world) leave(p *remote) {
	w.m.RemovePeer(p.id, p.has)
	w.peers = slices.DeleteFunc(w.peers, func(o *remote) bool { return o == p })
}

func (w *world) pick(p *remote, n int, opts ...func(q *Query)) []metainfo.Block {
	q := Query{Peer: p.id, Has: p.has, N: n}
	for _, o := range opts {
		o(&q)
	}
	got := w.m.Pick(nil, q)
	for _, r := range w.m.Revoked() {
		w.revoke(r.Peer, r.Block)
	}
	for _, b := range got {
		if !p.has.Has(b.Piece) || w.m.have.Has(b.Piece) || slices.Contains(p.asked, b) {
			w.t.Fatalf("picked %v of peer %d: not there, already here, or asked before", b, p.id)
		}
	}
	if len(got) > n {
		w.t.Fatalf("picked %d blocks, %d wanted", len(got), n)
	}
	p.asked = append(p.asked, got...)
	return got
}

// revoke plays a Cancel that the peer with this id is sent.
func (w *world) revoke(id PeerID, b metainfo.Block) {
	for _, o := range w.peers {
		if o.id == id {
			o.asked = slices.DeleteFunc(o.asked, func(x metainfo.Block) bool { return x == b })
			o.late = append(o.late, b)
		}
	}
}

// send delivers a block and returns the outcome; a full piece is queued as a job.
func (w *world) send(p *remote, b metainfo.Block) Outcome {
	data := w.pool.Get()
	data.Resize(b.Length)[0] = 0
	if p.lie != nil {
		data.Bytes()[0] = p.lie(b)
	}
	mark := data.Bytes()[0]
	p.asked = slices.DeleteFunc(p.asked, func(o metainfo.Block) bool { return o == b })
	out := w.m.Received(p.id, b, data)
	for _, id := range out.Twins {
		w.revoke(id, b)
	}
	switch out.Kind {
	case Unasked, Duplicate:
		data.Release()
	case WriteNow:
		w.disk[b] = mark
		data.Release()
	case Full:
		w.take(b.Piece)
	}
	return out
}

func (w *world) take(i int) {
	j := w.m.Take(i)
	if j == nil {
		w.t.Fatalf("piece %d is full but there is no job", i)
	}
	w.jobs = append(w.jobs, j)
}

// finish plays the disk for job k: hashes, tells the Manager and checks the blame. It returns who was named.
func (w *world) finish(k int) []PeerID {
	j := w.jobs[k]
	w.jobs = slices.Delete(w.jobs, k, k+1)
	digests := make([]metainfo.Hash, w.info.NumBlocks(j.Piece))
	right := true
	for n := range digests {
		mark := w.disk[w.info.BlockAt(j.Piece, n)]
		if j.Kind == Commit {
			mark = j.Blocks[n].Bytes()[0]
			j.Blocks[n].Release()
		}
		digests[n] = metainfo.Hash{mark, byte(n)}
		right = right && mark == 0
	}
	p := w.m.shelf.index[j.Piece]
	var all, wrong []PeerID
	for n, d := range digests {
		from := p.slots[n].from
		if !slices.Contains(all, from) {
			all = append(all, from)
		}
		if d[0] != 0 && !slices.Contains(wrong, from) {
			wrong = append(wrong, from)
		}
	}
	var liars, want []PeerID
	switch {
	case !right:
		for _, id := range wrong {
			if w.named[id] == 0 {
				w.spoilt[id]++
			}
		}
		liars = w.m.Spoiled(j.Piece, digests)
		if len(all) == 1 {
			want = all
		} else {
			w.copies[j.Piece] = append(w.copies[j.Piece], wrong)
		}
	default:
		rounds := w.copies[j.Piece]
		if len(rounds) > maxRounds {
			rounds = rounds[len(rounds)-maxRounds:]
		}
		for _, c := range rounds {
			for _, id := range c {
				if !slices.Contains(want, id) {
					want = append(want, id)
				}
			}
		}
		if !j.Digests {
			if len(rounds) > 0 {
				w.t.Fatalf("piece %d was wrong before, but no digests were asked for", j.Piece)
			}
			digests = nil
		}
		liars = w.m.Verified(j.Piece, digests)
		delete(w.copies, j.Piece)
	}
	slices.Sort(liars)
	slices.Sort(want)
	if !slices.Equal(liars, want) {
		w.t.Fatalf("piece %d: named %v, but %v lied", j.Piece, liars, want)
	}
	for _, id := range liars {
		w.named[id]++
	}
	return liars
}

// check fails the test unless every invariant of the Manager holds.
func (w *world) check() {
	w.t.Helper()
	if err := invariants(w.m, w.peers); err != nil {
		w.t.Fatal(err)
	}
}

func invariants(m *Manager, peers []*remote) error {
	left, lacking, listed, reach := int64(0), 0, 0, 0
	for i, st := range m.state {
		n := 0
		for _, p := range peers {
			if p.has.Has(i) {
				n++
			}
		}
		if m.order.peers(i) != n {
			return fmt.Errorf("piece %d: availability %d, but %d peers have it", i, m.order.peers(i), n)
		}
		if _, there := m.shelf.index[i]; there != (st == open || st == full) {
			return fmt.Errorf("piece %d: state %d, on the shelf: %v", i, st, there)
		}
		if m.have.Has(i) != (st == have) {
			return fmt.Errorf("piece %d: state %d, in Have: %v", i, st, m.have.Has(i))
		}
		miss := st != have && m.wanted.has(i)
		if m.missing.has(i) != miss {
			return fmt.Errorf("piece %d: state %d, missing: %v", i, st, !miss)
		}
		if miss {
			lacking++
			left += int64(m.info.PieceSize(i))
		}
		k := m.order.pos[i]
		if (k >= 0) != m.listable(i) || m.order.listed.has(i) != (k >= 0) || k >= 0 && m.order.list[k] != int32(i) {
			return fmt.Errorf("piece %d: state %d, place %d, listable %v", i, st, k, m.listable(i))
		}
		if k >= 0 {
			listed++
			if m.order.avail[i] > 0 {
				reach++
			}
			if a := m.order.avail[i]; !m.order.stale && (k < m.order.first[a] || k >= m.order.first[a+1]) {
				return fmt.Errorf("piece %d: place %d is not among those with availability %d", i, k, a)
			}
		}
	}
	for p := Low; p <= High && m.order.prio != nil; p++ {
		n := 0
		for i := range m.state {
			if in := m.order.pos[i] >= 0 && m.order.prio[i] == p; in != m.order.tiers[p].set.has(i) {
				return fmt.Errorf("piece %d: in tier %d: %v", i, p, !in)
			} else if in {
				n++
			}
		}
		if n != m.order.tiers[p].n {
			return fmt.Errorf("tier %d: %d pieces, says %d", p, n, m.order.tiers[p].n)
		}
	}
	if lacking != m.lacking || left != m.left || listed != len(m.order.list) || reach != m.order.reach {
		return fmt.Errorf("sums: lacking %d/%d left %d/%d listed %d/%d reach %d/%d", m.lacking, lacking, m.left, left, len(m.order.list), listed, m.order.reach, reach)
	}
	return shelfInvariants(m)
}

func shelfInvariants(m *Manager) error {
	memory, ready := int64(0), 0
	asked := map[PeerID]int32{}
	for at, p := range m.shelf.all {
		memory += m.Cost(p.index)
		if p.at != at || m.shelf.index[p.index] != p {
			return fmt.Errorf("open piece %d: place %d, says %d", p.index, at, p.at)
		}
		var count [4]int
		for k := range p.slots {
			s := &p.slots[k]
			count[s.state]++
			if (s.state == slotAsked) != (s.live != 0) || s.state == slotFree && k < p.next {
				return fmt.Errorf("block %d of %d: state %d, live %b, next %d", k, p.index, s.state, s.live, p.next)
			}
			if (s.data != nil) != (s.state == slotHere && !p.direct && !p.taken) {
				return fmt.Errorf("block %d of %d: state %d, data %v", k, p.index, s.state, s.data != nil)
			}
			for e := range int(s.n) {
				if s.live&(1<<e) != 0 {
					asked[s.who[e]]++
				}
				if s.find(s.who[e]) != e {
					return fmt.Errorf("block %d of %d: %v", k, p.index, s.who)
				}
			}
		}
		if count != p.count || p.trial != m.trials.of(p.index) || p.taken && m.state[p.index] != full {
			return fmt.Errorf("open piece %d: counts %v, really %v", p.index, p.count, count)
		}
		if p.full() != (m.state[p.index] == full) && !p.dead {
			return fmt.Errorf("open piece %d: %v of %d, state %d", p.index, p.count, len(p.slots), m.state[p.index])
		}
		if p.direct && !p.dead && p.count[slotAsked]+p.count[slotWriting] > max(1, int(m.opt.InMemory/metainfo.BlockSize)) {
			return fmt.Errorf("piece %d: window exceeded: %v", p.index, p.count)
		}
		if want := count[slotFree] > 0 && p.trial == nil && !p.dead && m.wanted.has(p.index); want != (p.ready >= 0) {
			return fmt.Errorf("open piece %d: ready %d", p.index, p.ready)
		}
		if p.ready >= 0 {
			ready++
			if m.shelf.ready[p.ready] != p {
				return fmt.Errorf("open piece %d: wrong place %d in ready", p.index, p.ready)
			}
		}
	}
	for id, n := range m.peers {
		if asked[id] != n {
			return fmt.Errorf("peer %d: asked %d, really %d", id, n, asked[id])
		}
		delete(asked, id)
	}
	digests := 0
	for _, t := range m.trials.list {
		for _, r := range t.rounds {
			digests += len(r.digests)
		}
	}
	if len(asked) > 0 || ready != len(m.shelf.ready) || memory != m.memory || len(m.shelf.index) != len(m.shelf.all) || digests != m.trials.digests {
		return fmt.Errorf("sums: strangers asked %v, ready %d/%d, memory %d/%d, digests %d/%d", asked, len(m.shelf.ready), ready, m.memory, memory, m.trials.digests, digests)
	}
	return nil
}
