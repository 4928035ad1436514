package swarm

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// fakeDisk finds every piece right, a moment later and from goroutines of its own.
type fakeDisk struct {
	wg  sync.WaitGroup
	err error
}

func (d *fakeDisk) Submit(j *piece.Job) {
	d.wg.Go(func() {
		time.Sleep(time.Millisecond)
		r := piece.Result{Job: j, Count: len(j.Blocks), OK: d.err == nil, Err: d.err}
		for _, b := range j.Blocks {
			b.Release()
		}
		j.Blocks = nil
		j.Done(r)
	})
}

// fakeLink is a remote seed: it unchokes at once and answers each request after a while. The swarm
// may use it from one goroutine at a time only, which the race detector looks after.
type fakeLink struct {
	pool    *block.Pool
	pieces  int
	delay   time.Duration
	mute    bool // unchokes and never sends
	calls   int
	sends   int
	asked   int
	uploads []metainfo.Block
	queue   chan wire.Message // requests on their way
	closed  chan struct{}
	reason  error
}

func newFakeLink(pool *block.Pool, pieces int) *fakeLink {
	return &fakeLink{pool: pool, pieces: pieces, delay: 10 * time.Millisecond, queue: make(chan wire.Message, 4000), closed: make(chan struct{})}
}

func (l *fakeLink) Send(ms ...wire.Message) {
	l.calls++
	l.sends++
	for _, m := range ms {
		if m.Kind == wire.Request && !l.mute {
			l.asked++
			l.queue <- m
		}
	}
}

func (l *fakeLink) Upload(b metainfo.Block) { l.calls++; l.uploads = append(l.uploads, b) }

func (l *fakeLink) CancelUpload(metainfo.Block) bool { l.calls++; return false }

func (l *fakeLink) Backlog() int { return 0 }

func (l *fakeLink) Close(reason error) {
	l.calls++
	if l.reason == nil {
		l.reason = reason
		close(l.closed)
	}
}

// serve is the reader of the link.
func (l *fakeLink) serve(sink Sink) {
	defer sink.Closed(errors.New("closed"))
	all := metainfo.NewBitfield(l.pieces)
	all.SetAll()
	sink.Messages([]wire.Message{{Kind: wire.Bitfield, Data: all.Bytes()}, {Kind: wire.Unchoke}})
	for {
		select {
		case <-l.closed:
			return
		case m := <-l.queue:
			time.Sleep(l.delay)
			batch := []wire.Message{l.answer(m)}
			for len(l.queue) > 0 && len(batch) < 16 {
				batch = append(batch, l.answer(<-l.queue))
			}
			sink.Messages(batch)
		}
	}
}

func (l *fakeLink) answer(m wire.Message) wire.Message {
	b := l.pool.Get()
	fill(b.Resize(int(m.Length)), int(m.Index), int(m.Begin)/metainfo.BlockSize)
	return wire.Message{Kind: wire.Piece, Index: m.Index, Begin: m.Begin, Block: b}
}

// fakeHost notes what it is told.
type fakeHost struct {
	mu    sync.Mutex
	notes []string
	done  chan struct{}
	mem   int64
	fails func() // called before a failure is noted
}

func newFakeHost() *fakeHost { return &fakeHost{done: make(chan struct{}), fails: func() {}} }

func (h *fakeHost) note(format string, args ...any) {
	h.mu.Lock()
	h.notes = append(h.notes, fmt.Sprintf(format, args...))
	h.mu.Unlock()
}

// said returns the notes that begin so.
func (h *fakeHost) said(prefix string) (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.notes {
		if strings.HasPrefix(n, prefix) {
			list = append(list, n)
		}
	}
	return list
}

func (h *fakeHost) Dial(a netip.AddrPort)         { h.note("dial %v", a) }
func (h *fakeHost) Reserve(n int64) bool          { h.mem += n; return true }
func (h *fakeHost) Release(n int64)               { h.mem -= n }
func (h *fakeHost) Demand(up, down int64)         {}
func (h *fakeHost) NeedPeers()                    {}
func (h *fakeHost) Completed()                    { close(h.done) }
func (h *fakeHost) Failed(err error)              { h.fails(); h.note("failed %v", err) }
func (h *fakeHost) Banned(a netip.Addr, r string) { h.note("banned %v", a) }
func (h *fakeHost) ExternalAddr(_, _ netip.Addr)  {}
func (h *fakeHost) Verified(int)                  {}
func (h *fakeHost) Metadata(*metainfo.Torrent)    {}
func (h *fakeHost) DHTNode(netip.AddrPort)        {}

// world is a running swarm in a bubble.
type world struct {
	*Swarm
	host  *fakeHost
	disk  *fakeDisk
	pool  block.Pool
	links sync.WaitGroup
	n     int
	end   func()
}

func run(pieces, blocks int, change func(*Config)) *world {
	w := &world{host: newFakeHost(), disk: &fakeDisk{}}
	cfg := Config{Info: testInfo(pieces, blocks), Host: w.host, Disk: w.disk, Seed: 1, Client: "shoal test"}
	if change != nil {
		change(&cfg)
	}
	w.Swarm = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.Run(ctx) // always nil
	}()
	w.end = func() {
		cancel()
		<-ended
		w.links.Wait()
		w.disk.wg.Wait()
	}
	return w
}

func (w *world) link(change func(*fakeLink)) *fakeLink {
	l := newFakeLink(&w.pool, w.cfg.Info.NumPieces())
	if change != nil {
		change(l)
	}
	w.n++
	h := Hello{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(w.n)}), 6881)}
	h.PeerID[0] = byte(w.n)
	sink := w.Attach(l, h)
	w.links.Go(func() { l.serve(sink) })
	return l
}

func TestLoopDownloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(64, 16, nil)
		l := w.link(nil)
		<-w.host.done
		synctest.Wait()
		s := w.Snapshot()
		if s.Phase != status.Seeding || s.PiecesHave != 64 || s.Have != s.Wanted || s.DownTotal != s.Size || s.Peers != 0 {
			t.Errorf("%+v", s)
		}
		if !errors.Is(l.reason, errBothSeeds) {
			t.Errorf("closed because %v", l.reason)
		}
		if l.asked != 1024 || l.sends > 300 {
			t.Errorf("%d blocks asked in %d sends", l.asked, l.sends)
		}
		w.end()
		if have := w.Have(); !have.All() || w.host.mem != 0 {
			t.Errorf("%d pieces, %d bytes reserved after the end", have.Count(), w.host.mem)
		}
	})
}

// TestW14SilentPeer: one peer unchokes and never sends, one is honest.
func TestW14SilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(200, 4, nil)
		silent := w.link(func(l *fakeLink) { l.mute = true })
		time.Sleep(100 * time.Millisecond) // so that it is asked first
		w.link(func(l *fakeLink) { l.delay = 500 * time.Millisecond })
		time.Sleep(25 * time.Second)
		peers, err := w.Peers(context.Background())
		if err != nil || len(peers) != 2 || !peers[0].Snubbed || peers[1].Snubbed {
			t.Errorf("%+v, %v", peers, err)
		}
		<-w.host.done
		w.end()
		if silent.asked != 0 {
			t.Error("the silent peer was served")
		}
	})
}

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		w := run(8, 4, nil)
		l := w.link(func(l *fakeLink) { l.mute = true })
		synctest.Wait()
		if err := w.Pause(ctx); err != nil || w.Snapshot().Phase != status.Paused || w.Snapshot().Peers != 0 {
			t.Errorf("after Pause: %v, %+v", err, w.Snapshot())
		}
		if !errors.Is(l.reason, errPaused) {
			t.Errorf("closed because %v", l.reason)
		}
		if err := w.Resume(ctx); err != nil || w.Snapshot().Phase != status.Leeching {
			t.Errorf("after Resume: %v, %+v", err, w.Snapshot())
		}
		if err := w.Recheck(ctx); err != nil || w.Snapshot().Phase != status.Checking {
			t.Errorf("after Recheck: %v, %+v", err, w.Snapshot())
		}
		time.Sleep(time.Second)
		if s := w.Snapshot(); s.Phase != status.Seeding {
			t.Errorf("after the check: %+v", s)
		}
		w.end()
		if err := w.Pause(ctx); err != ErrEnded {
			t.Errorf("after the end: %v", err)
		}
		if p, err := w.Peers(ctx); err != nil || len(p) != 0 {
			t.Errorf("after the end: %v %v", p, err)
		}
	})
}

// TestEnd stops in the midst of things: readers are let go, links closed, jobs waited for.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(64, 16, nil)
		var links []*fakeLink
		for range 10 {
			links = append(links, w.link(nil))
		}
		time.Sleep(35 * time.Millisecond)
		w.end()
		for i, l := range links {
			if !errors.Is(l.reason, ErrEnded) {
				t.Errorf("link %d: %v", i, l.reason)
			}
		}
		if w.host.mem != 0 {
			t.Errorf("%d bytes are reserved", w.host.mem)
		}
		late := newFakeLink(&w.pool, 64)
		sink := w.Attach(late, Hello{})
		sink.Messages([]wire.Message{late.answer(wire.Message{Length: 16384})})
		sink.Closed(errors.New("closed"))
		if !errors.Is(late.reason, ErrEnded) {
			t.Errorf("a link that came too late: %v", late.reason)
		}
	})
}

func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(8, 4, nil)
		w.disk.err = errors.New("no space left on device")
		l := w.link(nil)
		<-l.closed
		synctest.Wait()
		if s := w.Snapshot(); s.Phase != status.Failed || s.Err != "no space left on device" || s.PiecesHave != 0 {
			t.Errorf("%+v", s)
		}
		w.disk.wg.Wait()
		w.disk.err = nil
		if err := w.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.link(nil)
		<-w.host.done
		w.end()
	})
}

// TestLargePieces are written block by block and hashed on disk.
func TestLargePieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(3, 1024, nil) // 16 MiB each
		w.link(nil)
		w.link(nil)
		<-w.host.done
		w.end()
		if have := w.Have(); !have.All() || w.host.mem != 0 {
			t.Errorf("%d pieces, %d bytes reserved", have.Count(), w.host.mem)
		}
	})
}

// TestSnapshotRate: at most two snapshots a second, none when nothing changes.
func TestSnapshotRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := run(64, 16, nil)
		w.link(func(l *fakeLink) { l.delay = 100 * time.Millisecond })
		seen, last := 0, w.Snapshot()
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			if s := w.Snapshot(); s != last {
				seen, last = seen+1, s
			}
		}
		if seen < 5 || seen > 24 { // the phase changes do not wait
			t.Errorf("%d snapshots in 10 s", seen)
		}
		time.Sleep(5 * time.Minute)
		last = w.Snapshot()
		time.Sleep(time.Minute)
		if w.Snapshot() != last {
			t.Error("a snapshot without a change")
		}
		w.end()
	})
}

// TestInboxHoldsReaders: readers wait while the inbox is full, come in as they came, and nobody overtakes them.
func TestInboxHoldsReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInbox()
		own := func() chan bool { return make(chan bool, 1) }
		for range 64 {
			in.postWait(event{kind: evMessages}, inboxBytes/64, own())
		}
		var passed atomic.Int32
		var wg sync.WaitGroup
		reader := func(id piece.PeerID, weight int) {
			wg.Go(func() {
				if in.postWait(event{kind: evMessages, peer: id}, weight, own()) {
					passed.Add(1)
				}
			})
			synctest.Wait()
		}
		for id := range piece.PeerID(3) {
			reader(id, inboxBytes*2/3)
		}
		if passed.Load() != 0 {
			t.Fatal("a reader did not wait")
		}
		if !in.post(event{kind: evDisk}) {
			t.Fatal("post waits for nobody")
		}
		if n := len(in.take(nil)); n != 64+1 {
			t.Fatalf("%d events", n)
		}
		reader(3, 1) // there would be room for it
		for id := range piece.PeerID(3) {
			q := in.take(nil)
			if synctest.Wait(); q[0].peer != id || passed.Load() < int32(id)+1 {
				t.Fatalf("%d came in turn %d, %d have passed", q[0].peer, id, passed.Load())
			}
			if id == 2 && (len(q) != 2 || q[1].peer != 3) {
				t.Fatal("the small one did not come in with the last of the large ones")
			}
		}
		wg.Wait()
		if in.postWait(event{}, 2*inboxBytes, own()); len(in.take(nil)) != 1 {
			t.Fatal("what is too large for the inbox never comes in")
		}
		in.postWait(event{}, inboxBytes, own())
		reader(4, 1)
		in.close()
		wg.Wait()
		if in.post(event{}) || in.postWait(event{}, 1, own()) || passed.Load() != 4 {
			t.Fatal("closed inbox took an event")
		}
	})
}

// TestInboxBytes: it is bytes that count, whatever the messages are.
func TestInboxBytes(t *testing.T) {
	var pool block.Pool
	for _, m := range []wire.Message{{Kind: wire.Extended, Data: make([]byte, 128<<10)}, {Kind: wire.Piece, Block: pool.Get()}, {Kind: wire.Have}} {
		in, held, own := newInbox(), 0, make(chan bool, 1)
		batch := []wire.Message{m, m}
		for in.fits(weigh(batch)) {
			in.postWait(event{batch: batch}, weigh(batch), own)
			if held += 2 * len(m.Data); m.Block != nil {
				held += 2 * metainfo.BlockSize
			}
		}
		if n := len(in.take(nil)); held > inboxBytes || n > inboxBytes/(2*messageCost) || m.Kind != wire.Have && held < inboxBytes*9/10 {
			t.Errorf("message %d: %d events with %d bytes came in", m.Kind, n, held)
		}
	}
}
