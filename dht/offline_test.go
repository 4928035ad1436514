package dht

import (
	"context"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
)

// TestD10Offline: a day without network costs no goroutine and little traffic, and then the node
// works again within a minute. It remembers the others by itself: nothing was saved, and the router is dead by then.
func TestD10Offline(t *testing.T) {
	inBubble(t, 10, simnet.Link{Latency: 25 * time.Millisecond}, func(w *world) {
		w.grow(8, time.Minute)
		calls := 0
		m := w.place(nil, func(c *Config) {
			c.Starting = func(context.Context) []netip.AddrPort {
				if calls++; calls == 1 {
					return []netip.AddrPort{w.nodes[0].addr}
				}
				return []netip.AddrPort{netip.MustParseAddrPort("66.6.6.6:6881")}
			}
		})
		m.start(w.ctx)
		ih := infoHash(10)
		if _, err := w.nodes[5].Lookup(w.ctx, ih, 7000, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if peers, _, _, err := m.find(w.ctx, ih); len(peers) != 1 {
			t.Fatalf("before: %v, %v", peers, err)
		}
		goroutines, sent := atRest(), m.guard.Counts().Sent
		calls = 1
		m.host.Down()
		for range 24 / fewer {
			time.Sleep(time.Hour)
			if _, _, _, err := m.find(w.ctx, ih); err == nil {
				t.Error("a look-up without network succeeded")
			}
		}
		now := atRest()
		if now > goroutines { // one of the runtime, for a while? What leaks is still there later
			now = atRest()
		}
		if now > goroutines {
			t.Errorf("%d goroutines before, %d after a day offline", goroutines, now)
		}
		packets := m.guard.Counts().Sent - sent
		t.Logf("a day offline: %d datagrams, Starting called %d times", packets, calls)
		if packets > 24*60*60/15*8+2000 || calls > 24*6+10 {
			t.Errorf("%d datagrams, Starting called %d times", packets, calls)
		}
		w.nodes[5].Lookup(w.ctx, ih, 7000, nil) // what was announced a day ago is gone
		m.host.Up()
		back, found := time.Now(), false
		for !found && time.Since(back) < time.Minute {
			peers, _, _, _ := m.find(w.ctx, ih)
			found = len(peers) == 1
			time.Sleep(time.Second)
		}
		t.Logf("works again: %t, after %v", found, time.Since(back))
		if !found {
			t.Error("not back within a minute")
		}
	})
}

// TestD10SavedNodes: all routers are dead, but nodes of the last run are alive.
func TestD10SavedNodes(t *testing.T) {
	inBubble(t, 11, simnet.Link{Latency: 25 * time.Millisecond}, func(w *world) {
		w.grow(30, time.Minute)
		saved := w.nodes[9].Save()
		m := w.place(nil, func(c *Config) {
			c.Saved = saved
			c.Starting = func(context.Context) []netip.AddrPort {
				time.Sleep(20 * time.Second) // the resolver is dead, too
				return []netip.AddrPort{netip.MustParseAddrPort("66.6.6.6:6881")}
			}
		})
		w.nodes[9].kill()
		w.nodes[5].Lookup(w.ctx, infoHash(1), 7000, nil)
		m.start(w.ctx)
		begin := time.Now()
		peers, _, _, err := m.find(w.ctx, infoHash(1))
		t.Logf("found after %v from the start", time.Since(begin))
		if len(peers) != 1 || time.Since(begin) > 10*time.Second {
			t.Errorf("%v, %v", peers, err)
		}
	})
}

// TestColdStart: a look-up that is called before the first node is known waits for it.
func TestColdStart(t *testing.T) {
	inBubble(t, 12, simnet.Link{Latency: 25 * time.Millisecond}, func(w *world) {
		w.grow(30, time.Minute)
		w.nodes[5].Lookup(w.ctx, infoHash(1), 7000, nil)
		m := w.place(nil, func(c *Config) {
			c.Starting = func(context.Context) []netip.AddrPort {
				time.Sleep(2 * time.Second)
				return []netip.AddrPort{w.nodes[0].addr}
			}
		})
		m.start(w.ctx)
		peers, first, _, err := m.find(w.ctx, infoHash(1))
		t.Logf("first peer after %v", first)
		if len(peers) != 1 || first > 4*time.Second {
			t.Errorf("%v after %v, %v", peers, first, err)
		}
		alone := w.place(nil)
		alone.start(w.ctx)
		begin := time.Now()
		if _, err := alone.Lookup(w.ctx, infoHash(1), 0, nil); err != ErrNoNodes || time.Since(begin) > 20*time.Second {
			t.Errorf("without any node: %v after %v", err, time.Since(begin))
		}
		alone.Add(w.nodes[2].addr)
		time.Sleep(15 * time.Second)
		if peers, _, _, err := alone.find(w.ctx, infoHash(1)); len(peers) != 1 {
			t.Errorf("after Add: %v, %v", peers, err)
		}
		alone.kill()
		if _, err := alone.Lookup(w.ctx, infoHash(1), 0, nil); err != ErrClosed {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestExternalID: as soon as ten networks agree on our address, the id fits it, and look-ups go on.
func TestExternalID(t *testing.T) {
	inBubble(t, 13, simnet.Link{Latency: 25 * time.Millisecond}, func(w *world) {
		w.grow(30, time.Minute)
		var misfit [20]byte
		m := w.place(nil, func(c *Config) {
			c.Saved = writeSaved(misfitting(misfit), false, []contact{w.contactOf(1), w.contactOf(2)})
		})
		before := m.Stats().ID
		m.start(w.ctx)
		time.Sleep(2 * time.Minute)
		s := m.Stats()
		if s.External != m.addr.Addr() || s.ID == before || !fitting(contact{s.ID, m.addr}) || s.Good < 10 {
			t.Errorf("%+v", s)
		}
		w.nodes[5].Lookup(w.ctx, infoHash(1), 7000, nil)
		if peers, _, _, err := m.find(w.ctx, infoHash(1)); len(peers) != 1 {
			t.Errorf("%v, %v", peers, err)
		}
		if id, _ := readSaved(m.Save(), false); id != s.ID {
			t.Error("the new id is not saved")
		}
	})
}

func misfitting(id [20]byte) [20]byte {
	id[0], id[19] = 0xaa, 1
	return id
}

// TestReadOnly: a read-only node finds, answers nobody, and nobody keeps it (BEP 43).
func TestReadOnly(t *testing.T) {
	inBubble(t, 14, simnet.Link{Latency: 25 * time.Millisecond}, func(w *world) {
		w.grow(20, time.Minute)
		w.nodes[5].Lookup(w.ctx, infoHash(1), 7000, nil)
		m := w.place([]contact{w.contactOf(1)}, func(c *Config) { c.ReadOnly = true })
		m.start(w.ctx)
		time.Sleep(time.Minute)
		if peers, _, _, err := m.find(w.ctx, infoHash(1)); len(peers) != 1 {
			t.Errorf("%v, %v", peers, err)
		}
		for i, o := range w.nodes[:20] {
			for _, k := range o.Nodes() {
				if k.Addr == m.addr {
					t.Errorf("node %d keeps it", i)
				}
			}
		}
	})
}

// TestScrape: who announced is counted (BEP 33).
func TestScrape(t *testing.T) {
	inBubble(t, 15, simnet.Link{Latency: 25 * time.Millisecond}, func(w *world) {
		w.grow(40, time.Minute)
		for i := range 20 {
			w.nodes[i].Lookup(w.ctx, infoHash(1), 7000, nil)
			time.Sleep(time.Second)
		}
		seeds, peers, err := w.nodes[33].Scrape(w.ctx, infoHash(1))
		if err != nil || seeds != 0 || peers < 18 || peers > 22 {
			t.Errorf("%d seeds, %d peers, %v", seeds, peers, err)
		}
	})
}

// atRest returns the number of goroutines while no query is under way.
func atRest() int {
	least := 1 << 30
	for range 30 {
		time.Sleep(time.Second)
		synctest.Wait()
		least = min(least, runtime.NumGoroutine())
	}
	return least
}
