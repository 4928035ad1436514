package tracker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
)

func TestUDPAnnounce(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		s := w.serve(w.them, them4, nil)
		defer s.conn.Close()
		a := request("udp://tracker.test:80/announce?passkey=" + strings.Repeat("x", 300))
		a.Uploaded, a.Downloaded = 3, 2
		for range 2 {
			r, err := w.c.Announce(w.t.Context(), a)
			if err != nil || fmt.Sprint(r.Peers) != "[198.51.100.7:6881]" || r.Interval != 30*time.Minute || r.Incomplete != 5 || r.Complete != 7 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		want := binary.BigEndian.AppendUint64(nil, 1)
		want = words(want, 1, binary.BigEndian.Uint32(s.last[12:]))
		want = append(append(want, testID.V1[:]...), a.PeerID[:]...)
		want = words(want, 0, 2, 0, 10, 0, 3, 2, 0, 0xBEEF, 80)
		want = binary.BigEndian.AppendUint16(want, 6881)
		all := "/announce?passkey=" + strings.Repeat("x", 300)
		want = append(append(want, 2, 255), all[:255]...)
		want = append(append(want, 2, byte(len(all)-255)), all[255:]...)
		if string(s.last) != string(want) {
			t.Errorf("sent % x\nwant % x", s.last, want)
		}
		if got := s.packets(); got != "connect 0s, announce 0s, announce 0s" {
			t.Errorf("the tracker saw %s", got)
		}
	})
}

// TestUDPFamilies: a tracker of both IP versions is told over both, and one that
// is silent on one of them costs two seconds at most.
func TestUDPFamilies(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		s4 := w.serve(w.them, them4, nil)
		defer s4.conn.Close()
		start := time.Now()
		r, err := w.c.Announce(w.t.Context(), request("udp://dual.test:80"))
		if err != nil || len(r.Peers) != 1 || time.Since(start) < secondFamily || time.Since(start) > secondFamily+time.Second {
			t.Errorf("IPv6 silent: %+v, %v after %v", r, err, time.Since(start))
		}
		s6 := w.serve(w.them, them6, nil)
		defer s6.conn.Close()
		start = time.Now()
		r, err = w.c.Announce(w.t.Context(), request("udp://dual.test:80"))
		if err != nil || len(r.Peers) != 2 || time.Since(start) > time.Second || r.Complete != 7 {
			t.Errorf("both: %+v, %v after %v", r, err, time.Since(start))
		}
		if r, err = w.c.Announce(w.t.Context(), request("udp://six.test:80")); err != nil || fmt.Sprint(r.Peers) != "[[2001:db8:7::7]:6881]" {
			t.Errorf("IPv6: %+v, %v", r, err)
		}
		if n := w.sockets(); n != 2 {
			t.Errorf("%d sockets", n)
		}
	})
	// A machine without IPv6 announces over IPv4 at once, and says so when that is all there is.
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1)
		w := &udpWorld{t: t, n: n, us: n.Host(us4, simnet.Link{}), them: n.Host(them4, simnet.Link{}, them6)}
		n.Name("dual.test", them6, them4)
		w.c = NewClient(w.us.Dial, Options{Lookup: w.us.Lookup, ListenPacket: w.listen})
		defer w.c.Close()
		s := w.serve(w.them, them4, nil)
		defer s.conn.Close()
		start := time.Now()
		if r, err := w.c.Announce(w.t.Context(), request("udp://dual.test:80")); err != nil || len(r.Peers) != 1 || time.Since(start) != 0 {
			t.Errorf("%+v, %v after %v", r, err, time.Since(start))
		}
		_, err := w.c.Announce(w.t.Context(), request("udp://[2001:db8::1]:80"))
		if err == nil || !strings.Contains(err.Error(), "unreachable") || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestUDPSocketLife: sockets open with the first announce, one a family, and close when idle.
func TestUDPSocketLife(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		s := w.serve(w.them, them4, nil)
		defer s.conn.Close()
		if w.sockets() != 0 {
			t.Error("a socket before the first announce")
		}
		for range 3 {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if _, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80")); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := w.sockets(); n != 1 {
				t.Errorf("%d sockets", n)
			}
			time.Sleep(2*socketIdle + time.Second)
			if n := w.sockets(); n != 0 {
				t.Errorf("%d sockets after a pause", n)
			}
		}
		if got := strings.Count(s.packets(), "connect"); got != 3 {
			t.Errorf("%d connection ids for 150 announces in three rounds", got)
		}
		if calls, points := w.kept(); calls != 0 || points != 0 {
			t.Errorf("%d calls and %d addresses are kept", calls, points)
		}
	})
}

// TestUDPManyTrackers: what is kept of trackers does not grow without end.
func TestUDPManyTrackers(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		for i := range 3 * maxPoints {
			ctx, cancel := context.WithTimeout(w.t.Context(), time.Millisecond)
			w.c.Announce(ctx, request(fmt.Sprintf("udp://10.0.%d.%d:80", i/256, i%256)))
			cancel()
		}
		if calls, points := w.kept(); calls != 0 || points > maxPoints {
			t.Errorf("%d calls and %d addresses are kept", calls, points)
		}
	})
}

func TestH05UDPAddresses(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		w.n.Name("meta.test", metadata4)
		w.n.Name("group.test", netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("ff02::1"), netip.MustParseAddr("255.255.255.255"))
		for host, want := range map[string]error{
			"meta.test:80": ErrRefused, "169.254.169.254:80": ErrRefused, "[::ffff:169.254.169.254]:80": ErrRefused, "group.test:80": ErrRefused,
			"tracker.test:0": ErrUnsupported, "tracker.test": ErrUnsupported, "tracker.test:70000": ErrUnsupported,
		} {
			if _, err := w.c.Announce(w.t.Context(), request("udp://"+host+"/announce")); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", host, err, want)
			}
		}
		if w.sockets() != 0 || w.us.Sent() != 0 {
			t.Error("a packet was sent")
		}
	})
}

func TestUDPCloseEndsAnnounces(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		start := time.Now()
		ended := make(chan error)
		go func() {
			_, err := w.c.Announce(w.t.Context(), request("udp://dual.test:80"))
			ended <- err
		}()
		time.Sleep(2 * time.Second)
		w.c.Close()
		if err := <-ended; err == nil || time.Since(start) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := w.c.Announce(w.t.Context(), request("udp://dual.test:80")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// failing is a socket whose reads fail.
type failing struct{ net.PacketConn }

func (f failing) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, errors.New("out of order") }

// TestUDPBrokenSocket: a socket that stops working is replaced by the next announce.
func TestUDPBrokenSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1)
		w := &udpWorld{t: t, n: n, us: n.Host(us4, simnet.Link{}), them: n.Host(them4, simnet.Link{})}
		s := w.serve(w.them, them4, nil)
		defer s.conn.Close()
		opened := 0
		w.c = NewClient(w.us.Dial, Options{ListenPacket: func(ctx context.Context, network, address string) (net.PacketConn, error) {
			conn, err := w.listen(ctx, network, address)
			if opened++; opened == 1 {
				return failing{conn}, err
			}
			return conn, err
		}})
		defer w.c.Close()
		if _, err := w.c.Announce(w.t.Context(), request("udp://203.0.113.1:80")); !errors.Is(err, errSocket) {
			t.Errorf("broken: %v", err)
		}
		if _, err := w.c.Announce(w.t.Context(), request("udp://203.0.113.1:80")); err != nil || opened != 2 || w.sockets() != 1 {
			t.Errorf("again: %v with %d sockets opened", err, opened)
		}
		if _, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80")); !errors.Is(err, ErrUnsupported) {
			t.Errorf("a name without Lookup: %v", err)
		}
	})
}

func TestUDPScrape(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		s := w.serve(w.them, them4, nil)
		defer s.conn.Close()
		ids := make([]metainfo.ID, 100)
		for i := range ids {
			ids[i].V1[0] = byte(i + 1)
		}
		got, err := w.c.Scrape(w.t.Context(), "udp://tracker.test:80/announce", ids)
		if err != nil || len(got) != 100 || got[3] != (Counts{3, 7, 103}) || got[99] != (Counts{25, 7, 125}) {
			t.Errorf("%v, %v", got, err)
		}
		if got := s.packets(); got != "connect 0s, scrape 0s, scrape 0s" {
			t.Errorf("the tracker saw %s", got)
		}
		if got, err := w.c.Scrape(w.t.Context(), "udp://dual.test:80", ids[:1]); err != nil || got[0] != (Counts{0, 7, 100}) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
