package session

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/status"
	"shoal/swarm"
)

// putFolder writes the files of a folder torrent to a node's disk.
func (n *node) putFolder(files []metainfo.File) {
	n.w.t.Helper()
	if err := n.disk.MkdirAll("dir/sub", 0o777); err != nil {
		n.w.t.Fatal(err)
	}
	rest := n.w.data
	for _, f := range files {
		put(n.w.t, n.disk, f.Path, rest[:f.Length])
		rest = rest[f.Length:]
	}
}

// TestPriorities: only what is wanted is fetched and waited for; wanting more later goes on.
func TestPriorities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		files := w.folder(64<<10, 300_000, 600_000, 500_000)
		seed := w.node(quick)
		seed.putFolder(files)
		seed.start(Add{Seed: true})
		synctest.Wait()
		n := w.node(quick)
		if _, err := n.s.addTo(w, n, Add{Priorities: []uint8{1}}); err == nil {
			t.Error("one priority for three files was accepted")
		}
		n.start(Add{Peers: []string{seed.addr()}, Priorities: []uint8{High, Unwanted, Low}})
		id := w.tor.ID
		if err := n.s.Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := n.disk.Lstat(files[1].Path); err == nil {
			t.Error("the unwanted file appeared")
		}
		st := n.status()
		fs, err := n.s.Files(t.Context(), id)
		if err != nil || len(fs) != 3 || fs[0].Have != fs[0].Length || fs[2].Have != fs[2].Length || fs[1].Wanted || fs[1].Have > 3*64<<10 {
			t.Errorf("files %+v, %v", fs, err)
		}
		if st.Phase != status.Partial || st.Wanted != 800_000 || st.DownTotal > 1_000_000 {
			t.Errorf("phase %v, wanted %d, %d received", st.Phase, st.Wanted, st.DownTotal)
		}
		if err := n.s.SetPriorities(t.Context(), id, nil); err != nil {
			t.Fatal(err)
		}
		if complete, _, _ := n.s.reg.find(id.Wire()).look(); complete {
			t.Error("it is complete although a file is missing")
		}
		if err := n.s.Wait(t.Context(), id); err != nil || n.status().Phase != status.Seeding {
			t.Errorf("%v, phase %v", err, n.status().Phase)
		}
		// What is there needs no waiting.
		if err := n.s.SetPriorities(t.Context(), id, []uint8{1, 1, 0}); err != nil {
			t.Fatal(err)
		}
		if complete, _, _ := n.s.reg.find(id.Wire()).look(); !complete {
			t.Error("all that is wanted is there")
		}
		n.stop()
		n.start(Add{Priorities: []uint8{1, 0, 1}, Sequential: true})
		if err := n.s.Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	})
}

// addTo tries to add a torrent to a session of its own.
func (*Session) addTo(w *sim, n *node, a Add) (metainfo.ID, error) {
	s, err := New(n.cfg)
	if err != nil {
		return metainfo.ID{}, err
	}
	defer s.closeDoors()
	a.Torrent, a.Folder = w.tor, n.disk
	return s.Add(w.t.Context(), a)
}

// TestOwnLimits: the limits of one torrent hold without those of the session, and beside them.
func TestOwnLimits(t *testing.T) {
	for _, global := range []int64{0, 300_000} {
		for _, up := range []bool{true, false} {
			bubble(t, func(t *testing.T, w *sim, seed *node) {
				from, to := w.node(quick), w.node(quick)
				put(t, from.disk, "file.bin", w.data)
				const limit = 100_000
				give, take := Add{Seed: true, Trust: true, NoSuperSeed: true}, Add{}
				if up {
					give.Limits.Up, from.cfg.Limits = limit, budget.Limits{Up: global}
				} else {
					take.Limits.Down, to.cfg.Limits = limit, budget.Limits{Down: global}
				}
				from.start(give)
				take.Peers = []string{from.addr()}
				to.start(take)
				took := to.wait(10 * time.Minute)
				rate := float64(len(w.data)) / took.Seconds()
				if rate > 1.1*limit || rate < 0.85*limit {
					t.Errorf("own limit %d beside %d (up: %v): %.0f bytes a second", limit, global, up, rate)
				}
			})
		}
	}
}

// TestPrivate: a private torrent takes peers from its tracker and its user only (BEP 27).
func TestPrivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		info, err := metainfo.NewInfo("p", 64<<10, make([]byte, 20), []metainfo.File{{Path: "p", Raw: []string{"p"}, Length: 10}}, false, true)
		if err != nil {
			t.Fatal(err)
		}
		w.tor.Info = info
		n := w.node(quick)
		n.start(Add{})
		synctest.Wait()
		tor := n.s.reg.find(w.tor.ID.Wire())
		for kind := swarm.FromUser; kind <= swarm.FromPeer; kind++ {
			want := kind == swarm.FromUser || kind == swarm.FromTracker
			if got := tor.mayUse(netip.MustParseAddrPort("203.0.113.9:5000"), swarm.Source{Kind: kind}); got != want {
				t.Errorf("source %d: %v", kind, got)
			}
		}
	})
}

// TestSlotsAreShared: with --upload-slots 2 two torrents of a session never have more than two peers unchoked
// together, and both get their turn.
func TestSlotsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 16<<20, 64<<10)
		defer w.close()
		link := simnet.Link{Up: 256 << 10, Down: 256 << 10}
		seed := w.node(link)
		seed.cfg.Limits.Slots = 2
		seed.seed()
		other := *w.tor
		other.ID.V1[0] = 'x'
		if _, err := seed.s.Add(t.Context(), Add{Torrent: &other, Folder: seed.disk, Seed: true, Trust: true}); err != nil {
			t.Fatal(err)
		}
		first := *w.tor
		for i := range 8 {
			n := w.node(link)
			if w.tor = &first; i%2 == 0 {
				w.tor = &other
			}
			n.start(Add{Peers: []string{seed.addr()}})
		}
		time.Sleep(5 * time.Second)
		both := [2]int{}
		for range 30 {
			time.Sleep(time.Second)
			ts, _ := seed.s.Torrents(t.Context())
			sum := 0
			for i := range ts {
				sum += ts[i].PeersReceiving
				both[i] += ts[i].PeersReceiving
			}
			if sum > 2 {
				t.Errorf("%d peers are unchoked, two slots are allowed", sum)
			}
		}
		if both[0] == 0 || both[1] == 0 {
			t.Errorf("slots over time: %v", both)
		}
		w.tor = &first
	})
}

// TestCompletedOnce: the tracker hears "completed" once, when everything is there, and not for a part.
func TestCompletedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		var events []string
		var mu sync.Mutex
		h := w.host(simnet.Link{})
		l, err := h.Listen(t.Context(), "tcp4", "0.0.0.0:8000")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if e := r.URL.Query().Get("event"); e != "" {
				mu.Lock()
				events = append(events, e)
				mu.Unlock()
			}
			fmt.Fprint(rw, "d8:intervali60e5:peers0:e")
		})}
		go srv.Serve(l)
		defer srv.Close()
		files := w.folder(64<<10, 300_000, 600_000, 500_000)
		seed := w.node(quick)
		seed.putFolder(files)
		seed.start(Add{Seed: true})
		synctest.Wait() // the seed announces nothing
		w.tor.Trackers = [][]string{{"http://" + h.Addr().String() + ":8000/announce"}}
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}, Priorities: []uint8{1, 0, 1}})
		time.Sleep(5 * time.Minute)
		for _, files := range [][]uint8{{1, 1, 1}, {1, 0, 1}, {1, 1, 1}} {
			if err := n.s.SetPriorities(t.Context(), w.tor.ID, files); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
		}
		n.stop()
		mu.Lock()
		defer mu.Unlock()
		if fmt.Sprint(events) != "[started completed stopped]" {
			t.Errorf("the tracker heard %v", events)
		}
	})
}
