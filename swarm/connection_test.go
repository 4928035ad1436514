package swarm

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/metainfo"
	wires "shoal/peer"
	"shoal/peer/wire"
	"shoal/piece"
)

// FuzzConnection is a remote that says anything at any time, on a real connection to a running swarm with a disk. Whatever it does: nothing
// panics or hangs, nothing is asked or sent that must not be, no piece is claimed that is wrong, and an
// honest peer that comes after it is served as if nothing had been.
func FuzzConnection(f *testing.F) {
	for seed := range uint64(16) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		b := make([]byte, 120)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 600 {
			in = in[:600]
		}
		synctest.Test(t, func(t *testing.T) { connect(t, in) })
	})
}

// liveHost refuses every dial, and begins as soon as it can.
type liveHost struct {
	*fakeHost
	s   *Swarm
	cfg Config // for Begin
}

func (h *liveHost) Metadata(t *metainfo.Torrent) {
	h.note("metadata")
	h.cfg.Metadata = t.InfoBytes
	go func() { _ = h.s.Begin(context.Background(), h.cfg) }() // fails when it has ended
}

func (h *liveHost) Dial(a netip.AddrPort) { h.s.DialFailed(a, errors.New("refused")) }

// live is a running swarm with the even pieces of a torrent.
type live struct {
	t     *testing.T
	s     *Swarm
	host  *liveHost
	store *piece.Store
	info  *metainfo.Info
	data  []byte
	raw   []byte // the info dictionary
	ctx   context.Context
	work  sync.WaitGroup
	ends  []context.CancelFunc
}

func newLive(t *testing.T, seeding, seeking bool) *live {
	l := &live{t: t, host: &liveHost{fakeHost: newFakeHost()}}
	l.info, l.data = fakepeer.Content("test", 9*2*metainfo.BlockSize-5000, 2*metainfo.BlockSize, 7)
	l.raw = fakepeer.InfoBytes(l.info)
	l.store = piece.NewStore(fsys.NewMem(), l.info, piece.NewFiles(2))
	have := metainfo.NewBitfield(l.info.NumPieces())
	for i := range have.Len() {
		if off := l.info.PieceOffset(i); i%2 == 0 || seeding {
			have.Set(i)
			if err := l.store.WriteBlocks(off, [][]byte{l.data[off : off+int64(l.info.PieceSize(i))]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	diskCtx, endDisk := context.WithCancel(context.Background())
	ctx, end := context.WithCancel(context.Background())
	l.ctx, l.ends = ctx, []context.CancelFunc{end, endDisk}
	disk := piece.NewDisk(1)
	cfg := Config{Info: l.info, Have: have, Host: l.host, Disk: disk, Store: l.store, Seed: 1, Client: "shoal test", MaxPeers: 8, Port: 6881}
	copy(cfg.PeerID[:], "-SH0001-live-live-li")
	cfg.ID, cfg.DHTPort, l.host.cfg = metainfo.ID{V1: sha1.Sum(l.raw)}, 5555, cfg
	if seeking {
		cfg.Info, cfg.Have, cfg.Store = nil, metainfo.Bitfield{}, nil
	} else {
		cfg.Metadata = l.raw
	}
	l.s = New(cfg)
	l.host.s = l.s
	l.work.Go(func() { _ = disk.Run(diskCtx) }) // nil after cancel
	return l
}

// run starts the loop and returns what ends everything.
func (l *live) run() func() {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.s.Run(l.ctx) // always nil
	}()
	return func() {
		l.ends[0]()
		<-ended
		l.ends[1]()
		l.work.Wait()
	}
}

// accept connects a remote at addr and returns its side of the wire.
func (l *live) accept(addr string) net.Conn {
	ours, theirs := net.Pipe()
	l.work.Go(func() {
		cfg := &wires.Config{PeerID: l.host.cfg.PeerID}
		conn, hs, err := wires.Accept(l.ctx, ours, cfg, anything{})
		if err != nil {
			ours.Close()
			return
		}
		h := Hello{Addr: netip.MustParseAddrPort(addr), PeerID: hs.PeerID, Incoming: true, Fast: conn.Fast(), Extended: hs.Reserved.Extended()}
		_ = conn.Run(l.ctx, l.s.Attach(conn, h), l.store) // why it ended does not matter
	})
	return theirs
}

// anything takes every torrent in a plain handshake.
type anything struct{}

func (anything) Known(metainfo.Hash) bool                         { return true }
func (anything) Unveil(metainfo.Hash) (ih metainfo.Hash, ok bool) { return }

// remote is the other side. Its reader judges what comes.
type remote struct {
	l       *live
	nc      net.Conn
	p       *fakepeer.Peer
	mu      sync.Mutex
	asked   []metainfo.Block       // the core asked for them, not answered
	wants   map[metainfo.Block]int // how often we asked for a block
	claimed metainfo.Bitfield      // what we ever said to have
	ext     bool
}

func (l *live) remote(addr string, bits wire.Reserved) *remote {
	r := &remote{l: l, nc: l.accept(addr), wants: map[metainfo.Block]int{}, claimed: metainfo.NewBitfield(l.info.NumPieces())}
	r.p = fakepeer.New(r.nc)
	h := fakepeer.Hello{Reserved: bits, Plain: true}
	copy(h.PeerID[:], addr)
	if err := r.p.Dial(h); err != nil {
		l.t.Fatal(err)
	}
	r.ext = bits.Extended()
	l.work.Go(r.judge)
	return r
}

func (r *remote) judge() {
	for {
		m, err := r.p.Next(time.Hour)
		if err != nil {
			return
		}
		if err := r.check(&m); err != nil {
			r.l.t.Errorf("message %d %d %d %d: %v", m.Kind, m.Index, m.Begin, m.Length, err)
		}
	}
}

// check says what is wrong about a message of the core.
func (r *remote) check(m *wire.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	info := r.l.info
	switch m.Kind {
	case wire.Suggest, wire.HaveAll, wire.HaveNone, wire.Reject, wire.AllowedFast:
		if !r.p.Fast {
			return errors.New("without the fast extension")
		}
	case wire.Extended:
		if !r.ext {
			return errors.New("without the extension protocol")
		}
		if q, err := wire.ParseMetadata(m.Data); m.Index == 9 && (err != nil || q.Type == wire.MetadataData) {
			if off, n, ok := q.Span(int64(len(r.l.raw))); !ok || !bytes.Equal(q.Data, r.l.raw[off:off+n]) {
				return errors.New("wrong bytes of the info dictionary")
			}
		}
	case wire.Have:
		if int(m.Index) >= info.NumPieces() {
			return errors.New("no such piece")
		}
	case wire.Request:
		b, err := info.Block(m.Index, m.Begin, m.Length)
		if err != nil {
			return err
		}
		if !r.claimed.Has(b.Piece) {
			return errors.New("we never had it")
		}
		r.asked = append(r.asked, b)
	case wire.Piece:
		payload := m.Block.Bytes()
		defer m.Block.Release()
		b, err := info.Block(m.Index, m.Begin, uint32(len(payload)))
		if err != nil {
			return err
		}
		if r.wants[b]--; r.wants[b] < 0 {
			return errors.New("we did not ask for it, or not so often")
		}
		if off := info.PieceOffset(b.Piece) + int64(b.Begin); !bytes.Equal(payload, r.l.data[off:off+int64(b.Length)]) {
			return errors.New("wrong bytes")
		}
	}
	return nil
}

// write sends bytes as far as the core takes them, and reports whether the connection lives.
func (r *remote) write(b []byte) bool {
	_ = r.nc.SetWriteDeadline(time.Now().Add(5 * time.Second)) // a pipe that is closed says so below
	_, err := r.nc.Write(b)
	return err == nil
}

// send notes what a message claims or asks, and sends it.
func (r *remote) send(m *wire.Message) bool {
	r.note(m)
	return r.write(wire.Append(nil, m))
}

func (r *remote) note(m *wire.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.l.info.NumPieces()
	switch m.Kind {
	case wire.Have:
		if int64(m.Index) < int64(n) {
			r.claimed.Set(int(m.Index))
		}
	case wire.Bitfield, wire.HaveAll:
		r.claimed.SetAll() // at most
	case wire.Request:
		if b, err := r.l.info.Block(m.Index, m.Begin, m.Length); err == nil {
			r.wants[b]++
		}
	}
}

// answer serves the oldest request of the core, rightly or not.
func (r *remote) answer(lie bool) bool {
	r.mu.Lock()
	if len(r.asked) == 0 {
		r.mu.Unlock()
		return true
	}
	b := r.asked[0]
	r.asked = r.asked[1:]
	r.mu.Unlock()
	off := r.l.info.PieceOffset(b.Piece) + int64(b.Begin)
	frame := append(wire.AppendPieceHeader(nil, uint32(b.Piece), uint32(b.Begin), b.Length), r.l.data[off:off+int64(b.Length)]...)
	if lie {
		frame[len(frame)-1] ^= 1
	}
	return r.write(frame)
}

// connect plays the script in.
func connect(t *testing.T, in []byte) {
	next := func() int {
		if len(in) == 0 {
			return 0
		}
		b := in[0]
		in = in[1:]
		return int(b)
	}
	first := next()
	l := newLive(t, first&4 != 0, first&8 != 0)
	end := l.run()
	bits := func(k int) (r wire.Reserved) {
		if k&1 == 0 {
			r = r.WithFast()
		}
		if k&2 == 0 {
			r = r.WithExtended()
		}
		return r
	}
	r := l.remote("10.0.0.1:1", bits(first))
	for again := 2; len(in) > 0; {
		if r.play(next, l.info.NumPieces()) {
			continue
		}
		r.nc.Close()
		if again++; again > 4 {
			break
		}
		r = l.remote(fmt.Sprintf("10.0.0.%d:1", again), bits(first))
	}
	r.nc.Close()
	if first&8 != 0 {
		l.inform()
	}
	l.aftermath(first&4 != 0)
	end()
	l.verify()
}

// play does one thing and reports whether the connection lives.
func (r *remote) play(next func() int, pieces int) bool {
	kinds := []wire.Kind{wire.Choke, wire.Unchoke, wire.Unchoke, wire.Interested, wire.Interested, wire.NotInterested, wire.Have, wire.Have, wire.Bitfield,
		wire.Request, wire.Request, wire.Request, wire.Cancel, wire.Suggest, wire.HaveAll, wire.HaveNone, wire.Reject, wire.AllowedFast, wire.Extended, wire.HashRequest, wire.Port}
	switch k := next() % 32; {
	case k < 14:
		m := wire.Message{Kind: kinds[next()%len(kinds)], Index: uint32(next() % (pieces + 1)), Begin: uint32(next()%3) * metainfo.BlockSize, Length: metainfo.BlockSize}
		if k == 0 {
			m.Begin, m.Length = uint32(next())<<7, uint32(next())<<7
		}
		switch m.Kind {
		case wire.Bitfield:
			m.Data = []byte{byte(next()), byte(next()) & 0x80}
		case wire.HashRequest:
			m.Data = make([]byte, 48)
		case wire.Extended:
			r.extended(&m, k, next)
		}
		return r.send(&m)
	case k < 22:
		return r.answer(false)
	case k < 23:
		return r.answer(true)
	case k < 26:
		time.Sleep(time.Duration(next()) * 20 * time.Millisecond)
	case k < 27:
		time.Sleep(time.Duration(next()%90) * time.Second)
	case k < 28: // a frame of any id and length that does not end in the same write
		b := binary.BigEndian.AppendUint32(nil, uint32(next()*next()))
		if !r.write(append(b, byte(next()%24))) {
			return false
		}
		time.Sleep(time.Duration(next()) * time.Second)
	case k < 29:
		b := make([]byte, next()%40)
		for i := range b {
			b[i] = byte(next())
		}
		r.mu.Lock()
		r.claimed.SetAll() // it may be anything
		r.mu.Unlock()
		return r.write(b)
	case k < 30: // what it has asked for, over and over
		m := request(next()%pieces, 0)
		for range 50 {
			if !r.send(&m) {
				return false
			}
		}
	default:
		return r.send(&wire.Message{Kind: wire.Interested}) && r.send(&wire.Message{Kind: wire.Unchoke})
	}
	return true
}

// extended makes any extended message.
func (r *remote) extended(m *wire.Message, k int, next func() int) {
	switch m.Index = uint32(next() % 4); m.Index {
	case wire.DontHaveID:
		m.Data = wire.AppendDontHave(nil, uint32(next()%(r.l.info.NumPieces()+1)))
	case wire.UTMetadataID:
		q := wire.Metadata{Type: int64(next() % 4), Piece: int64(next() % 3), Total: int64(len(r.l.raw))}
		if off, n, ok := q.Span(q.Total); ok {
			q.Data = bytes.Clone(r.l.raw[off : off+n])
		}
		if k == 1 && len(q.Data) > 0 {
			q.Data[next()%len(q.Data)] ^= byte(next())
		}
		m.Data = wire.AppendMetadata(nil, &q)
	case wire.UTPexID:
		p := wire.Pex{}
		for range next() % 70 {
			p.Added = append(p.Added, wire.PexPeer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(next()), 1, 2, byte(next())}), uint16(next()*7)), Flags: wire.PexFlags(next())})
		}
		m.Data = wire.AppendPex(nil, &p)
	default:
		h := wire.ExtHandshake{
			Reqq: next(), P: uint16(next()), M: []wire.ExtID{{Name: wire.DontHave, ID: uint8(next())}, {Name: wire.UTMetadata, ID: 9}, {Name: wire.UTPex, ID: 8}},
			UploadOnly: k == 1, HasUploadOnly: k == 1, YourIP: netip.AddrFrom4([4]byte{10, 9, 8, byte(next())}),
		}
		if n := next(); n%2 == 0 {
			h.MetadataSize = int64(len(r.l.raw) + n/2%3)
		}
		m.Data = wire.AppendExtHandshake(nil, &h)
	}
}

// inform lets honest peers come that have the info dictionary.
func (l *live) inform() {
	for i := 0; len(l.host.said("metadata")) == 0; i++ {
		if i == 20 {
			l.t.Fatalf("no info dictionary with honest peers: %+v", l.s.Snapshot())
		}
		nc := l.accept(fmt.Sprintf("10.0.2.%d:6881", i+1))
		p := fakepeer.New(nc)
		if err := p.Dial(fakepeer.Hello{PeerID: [20]byte{'i', byte(i)}}); err != nil {
			l.t.Fatal(err)
		}
		none := metainfo.NewBitfield(l.info.NumPieces())
		l.work.Go(func() { _, _ = p.Serve(l.ctx, fakepeer.Seed{Info: l.info, Data: l.data, Has: &none, Metadata: l.raw}) })
		time.Sleep(metaSoon + 2*time.Second)
		nc.Close()
	}
	time.Sleep(time.Second)
	if n := len(l.host.said("metadata")); n != 1 {
		l.t.Errorf("told %d times", n)
	}
}

// aftermath lets an honest peer come: a seed, and if we are one a leecher.
func (l *live) aftermath(seeding bool) {
	nc := l.accept("10.0.1.1:6881")
	p := fakepeer.New(nc)
	if err := p.Dial(fakepeer.Hello{PeerID: [20]byte{'h'}}); err != nil {
		l.t.Fatal(err)
	}
	if seeding {
		ctx, cancel := context.WithTimeout(l.ctx, 10*time.Minute)
		got, err := p.Fetch(ctx, l.info, 5)
		if cancel(); err != nil || !bytes.Equal(got, l.data) {
			l.t.Errorf("an honest peer got %d bytes: %v", len(got), err)
		}
		nc.Close()
		return
	}
	l.work.Go(func() {
		if _, err := p.Serve(l.ctx, fakepeer.Seed{Info: l.info, Data: l.data}); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			l.t.Errorf("an honest seed: %v", err)
		}
	})
	select {
	case <-l.host.done:
	case <-time.After(10 * time.Minute):
		l.t.Errorf("not complete with an honest seed: %+v", l.s.Snapshot())
	}
}

// verify looks at what is left when all has ended.
func (l *live) verify() {
	have := l.s.Have()
	if !have.All() {
		l.t.Errorf("%d pieces", have.Count())
	}
	buf := make([]byte, l.info.Size())
	if _, err := l.store.ReadAt(buf, 0); err != nil && err != io.EOF || !bytes.Equal(buf, l.data) {
		l.t.Errorf("what is on disk is wrong: %v", err)
	}
	if err := l.store.Close(); err != nil {
		l.t.Error(err)
	}
	if l.host.mem != 0 {
		l.t.Errorf("%d bytes are reserved", l.host.mem)
	}
}
