package tracker

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"shoal/internal/simnet"
)

const fullPatience = 3 * time.Hour

// TestU01ForeignPackets: what does not answer the request is ignored, wherever it comes from.
func TestU01ForeignPackets(t *testing.T) {
	bad := map[string]func(good []byte) [][]byte{
		"wrong transaction id": func(g []byte) [][]byte { g[7]++; return [][]byte{g} },
		"short":                func(g []byte) [][]byte { return [][]byte{{}, g[:1], g[:7], g[:8], g[:15]} },
		"wrong action": func(g []byte) [][]byte {
			var all [][]byte
			for _, a := range []byte{actConnect, actAnnounce, actScrape, 4, 255} {
				if a != g[3] {
					c := append([]byte(nil), g...)
					c[3] = a
					all = append(all, append(c, make([]byte, 40)...))
				}
			}
			return all
		},
		"noise": func(g []byte) [][]byte {
			return [][]byte{[]byte("d1:y1:qe"), make([]byte, 3000), append([]byte{0, 0, 0, actError}, "nonsense"...)}
		},
	}
	for name, spoil := range bad {
		t.Run("U01 "+name, func(t *testing.T) {
			inUDPWorld(t, 0, func(w *udpWorld) {
				s := w.serve(w.them, them4, func(s *udpServer, b []byte) [][]byte {
					var all [][]byte
					for _, g := range s.honest(b) {
						all = append(append(all, spoil(append([]byte(nil), g...))...), g)
					}
					return all
				})
				defer s.conn.Close()
				start := time.Now()
				r, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80"))
				if err != nil || len(r.Peers) != 1 || time.Since(start) > time.Second {
					t.Errorf("%+v, %v after %v", r, err, time.Since(start))
				}
				// Alone such packets count as silence.
				s.answer = func(s *udpServer, b []byte) (all [][]byte) {
					for _, g := range s.honest(b) {
						all = append(all, spoil(g)...)
					}
					return all
				}
				if _, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80")); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("answered by %v", err)
				}
			})
		})
	}
	t.Run("U01 another address", func(t *testing.T) {
		inUDPWorld(t, 0, func(w *udpWorld) {
			liar := w.n.Host(liar4, simnet.Link{})
			for _, port := range []uint16{80, 81} {
				// From another machine, and from another port of the right one.
				h, ip := liar, liar4
				if port == 81 {
					h, ip = w.them, them4
				}
				conn, err := h.ListenPacket(w.t.Context(), "udp4", netip.AddrPortFrom(ip, port).String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				lies := 0
				s := w.serve(w.them, them4, func(s *udpServer, b []byte) [][]byte {
					for _, g := range s.honest(b) {
						// The client's only socket has the first dynamic port.
						conn.WriteTo(g, net.UDPAddrFromAddrPort(netip.AddrPortFrom(us4, 49152)))
						lies++
					}
					return nil
				})
				_, err = w.c.Announce(w.t.Context(), request("udp://tracker.test:80"))
				s.conn.Close()
				if !errors.Is(err, context.DeadlineExceeded) || lies < 3 {
					t.Errorf("port %d: answered by %v after %d lies", port, err, lies)
				}
			}
		})
	})
}

// TestU02Loss: with everything lost, requests go out with the pauses of BEP 15, and other
// trackers are not delayed.
func TestU02Loss(t *testing.T) {
	inUDPWorld(t, fullPatience, func(w *udpWorld) {
		dead := w.serve(w.them, them4, func(*udpServer, []byte) [][]byte { return nil })
		defer dead.conn.Close()
		alive := w.serve(w.them, them6, nil)
		defer alive.conn.Close()
		start := time.Now()
		var all sync.WaitGroup
		for range 20 { // torrents of one dead tracker: it hears no more than of one
			all.Go(func() {
				_, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80"))
				if !errors.Is(err, errSilent) || !strings.Contains(err.Error(), "no answer to 9 requests") || time.Since(start) != 7665*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
		for range 20 {
			time.Sleep(13 * time.Second)
			at := time.Now()
			if _, err := w.c.Announce(w.t.Context(), request("udp://six.test:80")); err != nil || time.Since(at) > time.Second {
				t.Errorf("the other tracker: %v after %v", err, time.Since(at))
			}
		}
		all.Wait()
		want := "connect 0s, connect 15s, connect 45s, connect 1m45s, connect 3m45s, connect 7m45s, connect 15m45s, connect 31m45s, connect 1h3m45s"
		if got := dead.packets(); got != want {
			t.Errorf("the dead tracker saw %s", got)
		}
	})
	// The context ends it at any moment, and by default it takes a minute.
	inUDPWorld(t, 0, func(w *udpWorld) {
		ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := w.c.Announce(ctx, request("udp://tracker.test:80")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		start = time.Now()
		if _, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != udpPatience {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestU02LostAnnounce: the timeline of BEP 15 for a tracker that answers connects only.
func TestU02LostAnnounce(t *testing.T) {
	inUDPWorld(t, 230*time.Second, func(w *udpWorld) {
		s := w.serve(w.them, them4, func(s *udpServer, b []byte) [][]byte {
			if b[11] == actConnect {
				if s.ids == 1 { // the second one is lost, as in the example
					return nil
				}
				return s.honest(b)
			}
			return nil
		})
		defer s.conn.Close()
		w.c.Announce(w.t.Context(), request("udp://tracker.test:80"))
		if got := s.packets(); got != "connect 0s, announce 0s, announce 15s, announce 45s, connect 1m45s, connect 3m45s" {
			t.Errorf("the tracker saw %s", got)
		}
	})
}

// TestU02ConnectionID: an id is used for a minute and no longer, and an id the tracker no
// longer knows is replaced at once.
func TestU02ConnectionID(t *testing.T) {
	inUDPWorld(t, 0, func(w *udpWorld) {
		s := w.serve(w.them, them4, nil)
		defer s.conn.Close()
		announce := func() {
			t.Helper()
			if _, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80")); err != nil {
				t.Error(err)
			}
		}
		announce()
		time.Sleep(30 * time.Second)
		announce()
		time.Sleep(29 * time.Second)
		announce()
		time.Sleep(2 * time.Second)
		announce()
		s.ids += 100 // restarted
		announce()
		want := "connect 0s, announce 0s, announce 30s, announce 59s, connect 1m1s, announce 1m1s, announce 1m1s, connect 1m1s, announce 1m1s"
		if got := s.packets(); got != want {
			t.Errorf("the tracker saw %s", got)
		}
	})
}

func TestU02ErrorPacket(t *testing.T) {
	for _, action := range []byte{actConnect, actAnnounce} {
		inUDPWorld(t, 0, func(w *udpWorld) {
			s := w.serve(w.them, them4, func(s *udpServer, b []byte) [][]byte {
				if b[11] == action {
					return [][]byte{append(head(actError, b), "not here\x1b[2J"...)}
				}
				return s.honest(b)
			})
			defer s.conn.Close()
			start := time.Now()
			_, err := w.c.Announce(w.t.Context(), request("udp://tracker.test:80"))
			f, ok := errors.AsType[*Failure](err)
			if !ok || f.Reason != "not here\x1b[2J" || time.Since(start) > time.Second ||
				!strings.HasSuffix(err.Error(), "tracker refused: not here␛[2J") {
				t.Errorf("action %d: %v after %v", action, err, time.Since(start))
			}
		})
	}
}
