package dht

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/dht/guard"
	"shoal/internal/hostile"
)

// feed is a socket on which nothing but trouble arrives, one datagram in four milliseconds: mutated queries
// of anybody, and mutated replies to what the node really asked.
type feed struct {
	mu      sync.Mutex
	rnd     *rand.Rand
	node    *Node
	left    int
	asked   []sentQuery // queries of the node that have no answer yet
	any     [][]byte    // seeds of all kinds
	answers [][]byte
	pending []datagram // to be read before all else
	replies chan []byte
	empty   chan struct{} // closed when left is used up
	more    chan struct{}
	closed  chan struct{}
	once    sync.Once
}

type sentQuery struct {
	to netip.AddrPort
	t  []byte
}

func newFeed(seed uint64, n int) *feed {
	return &feed{any: hostile.Seeds(), answers: hostile.Replies(), rnd: rand.New(rand.NewPCG(seed, 1)), left: n, replies: make(chan []byte, 1),
		empty: make(chan struct{}), more: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (f *feed) ReadFrom(b []byte) (int, net.Addr, error) {
	time.Sleep(4 * time.Millisecond)
	for {
		f.mu.Lock()
		if len(f.pending) > 0 {
			d := f.pending[0]
			f.pending = f.pending[1:]
			f.mu.Unlock()
			return copy(b, d.data), d.from, nil
		}
		if f.left > 0 {
			if f.left--; f.left == 0 {
				close(f.empty)
			}
			data, from := f.trouble()
			f.mu.Unlock()
			return copy(b, data), net.UDPAddrFromAddrPort(from), nil
		}
		f.mu.Unlock()
		select {
		case <-f.more:
		case <-f.closed:
			return 0, nil, net.ErrClosed
		}
	}
}

// trouble makes one datagram.
func (f *feed) trouble() ([]byte, netip.AddrPort) {
	stranger := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + f.rnd.IntN(60)), byte(f.rnd.Uint32()), byte(f.rnd.Uint32()), 1}), 6881)
	if len(f.asked) == 0 || f.rnd.IntN(3) == 0 {
		if f.rnd.IntN(4) == 0 {
			return hostile.Mutate(f.rnd, f.any), stranger
		}
		seeds := hostile.Queries()
		token := fmt.Appendf(nil, "5:token6:%s", f.node.tokens.at(time.Now(), stranger.Addr()))
		for i := range seeds {
			seeds[i] = bytes.Replace(seeds[i], []byte("5:token8:aoeusnth"), token, 1)
			seeds[i] = bytes.Replace(seeds[i], []byte("mnopqrstuvwxyz123456"), fmt.Appendf(nil, "mnopqrstuvwxyz12%04d", f.rnd.IntN(5000)), 1)
		}
		return hostile.Mutate(f.rnd, seeds), stranger
	}
	q := f.asked[0]
	f.asked = f.asked[1:]
	var seeds [][]byte
	for _, r := range f.answers {
		seeds = append(seeds, bytes.Replace(r, []byte("1:t2:aa"), fmt.Appendf(nil, "1:t%d:%s", len(q.t), q.t), 1))
	}
	return hostile.Mutate(f.rnd, seeds), q.to
}

func (f *feed) WriteTo(b []byte, to net.Addr) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := bytes.LastIndex(b, []byte("1:t")); i > 0 && bytes.HasSuffix(b, []byte("1:y1:qe")) {
		length, t, _ := bytes.Cut(b[i+3:len(b)-len("1:y1:qe")], []byte(":"))
		if n, err := strconv.Atoi(string(length)); err == nil && n == len(t) {
			if len(f.asked) < 1024 {
				f.asked = append(f.asked, sentQuery{to.(*net.UDPAddr).AddrPort(), bytes.Clone(t)})
			}
		}
	} else if bytes.Contains(b, []byte("1:t9:last-ping")) {
		select {
		case f.replies <- bytes.Clone(b):
		default:
		}
	}
	return len(b), nil
}

func (f *feed) Close() error                     { f.once.Do(func() { close(f.closed) }); return nil }
func (f *feed) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(20, 0, 7, 9), Port: 6881} }
func (f *feed) SetDeadline(time.Time) error      { return nil }
func (f *feed) SetReadDeadline(time.Time) error  { return nil }
func (f *feed) SetWriteDeadline(time.Time) error { return nil }

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTorture: a live node under mutated datagrams, with the rates that are shipped and without. It must not
// die, not grow, and answer afterwards. TEST_DATAGRAMS says how many; by default 100000 of each.
func TestTorture(t *testing.T) {
	count := 100_000 / fewer / fewer
	if s := os.Getenv("TEST_DATAGRAMS"); s != "" {
		var err error
		if count, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, off := range []bool{false, true} {
		t.Run(fmt.Sprintf("rates off=%t", off), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { torture(t, count, off) })
		})
	}
}

func torture(t *testing.T, count int, off bool) {
	f := newFeed(1, count)
	n, err := New(Config{
		Conn: f, Seed: 1, Rates: guard.Rates{Off: off},
		Starting: func(context.Context) []netip.AddrPort {
			return []netip.AddrPort{netip.MustParseAddrPort("21.1.1.1:6881"), netip.MustParseAddrPort("22.1.1.1:6881")}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.node = n
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { n.Run(ctx) })
	for i := range 4 {
		all.Go(func() {
			for j := 0; ctx.Err() == nil; j++ {
				n.Lookup(ctx, infoHash(1000*i+j), 7000, func([]netip.AddrPort, netip.Addr) {})
				n.Add(netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(30 + i), byte(j >> 8), byte(j), 1}), 6881))
				time.Sleep(time.Second)
			}
		})
	}
	time.Sleep(100 * time.Second) // tables and pools reach their size
	before := heap()
	<-f.empty
	grown := heap() - before
	f.mu.Lock()
	f.pending = append(f.pending, datagram{[]byte("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t9:last-ping1:y1:qe"),
		&net.UDPAddr{IP: net.IPv4(90, 1, 2, 3), Port: 6881}})
	f.mu.Unlock()
	f.more <- struct{}{}
	select {
	case <-f.replies:
	case <-time.After(10 * time.Second):
		t.Error("the node does not answer any more")
	}
	s := n.Stats()
	t.Logf("%d datagrams: %d reached the library, %d dropped; %d sent; heap grew by %d KiB; %d nodes, %d hashes, %d peers",
		count, s.Guard.Passed, s.Guard.AllDropped(), s.Guard.Sent, grown>>10, s.Nodes, s.Hashes, s.Peers)
	if grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if s.Guard.Passed < uint64(count/4) {
		t.Errorf("only %d of %d reached the library", s.Guard.Passed, count)
	}
	cancel()
	all.Wait()
}

// TestD01D02D03KillersOverUDP: the packets that end the library when it reads them itself, over a real
// socket. The node lives and answers.
func TestD01D02D03KillersOverUDP(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Config{Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- n.Run(ctx) }()
	other, err := net.Dial("udp4", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for round, packet := range hostile.Killers() {
		if len(packet) < 60000 {
			other.Write(packet)
		}
		fmt.Fprintf(other, "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:%02d1:y1:qe", round)
		other.SetReadDeadline(time.Now().Add(10 * time.Second))
		for buf := make([]byte, 2048); ; {
			size, err := other.Read(buf)
			if err != nil {
				t.Fatalf("no answer after %.40q: %v", packet, err)
			}
			if bytes.HasSuffix(buf[:size], fmt.Appendf(nil, "1:t2:%02d1:y1:re", round)) {
				break
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the end: %v", err)
	}
	if _, err := conn.WriteTo(nil, conn.LocalAddr()); err == nil {
		t.Error("the connection is not closed")
	}
}
