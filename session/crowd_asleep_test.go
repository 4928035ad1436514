package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
)

// crowd makes the records of many torrents, as somebody would who has read them from files: no text is shared.
func crowd(n int, tracker string, load func(metainfo.ID) (Add, error)) []Dormant {
	list := make([]Dormant, n)
	for i := range list {
		var id metainfo.ID
		binary.BigEndian.PutUint64(id.V1[:], uint64(i+1))
		list[i] = Dormant{
			ID: id, Name: fmt.Sprintf("a torrent with a name of usual length, %d.iso", i), Dir: strings.Clone("/srv/downloads/complete"),
			Size: 4 << 30, PieceLength: 1 << 20, Pieces: 4096, Files: 12, UpTotal: 1, DownTotal: 4 << 30,
			Added: time.Unix(1e9, 0), Finished: time.Unix(1e9, 0), Load: func() (Add, error) { return load(id) },
		}
		if tracker != "" {
			list[i].Trackers = [][]string{{strings.Clone(tracker)}}
		}
	}
	return list
}

func noLoad(id metainfo.ID) (Add, error) { return Add{}, fmt.Errorf("%v is not to wake", id) }

// heap returns what is in use, and how many goroutines there are.
func heap() (bytes int64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine()
}

// TestY04SleepCost: a torrent that sleeps costs less than 2 KiB, what is announced of it in the DHT and the local network
// included, and no goroutine.
func TestY04SleepCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 20_000 / fewer
		w := newSim(t, 64<<10, 64<<10)
		defer w.close()
		n := w.node(quick)
		n.cfg.DHT, n.cfg.NoLSD = &DHT{}, false
		n.run()
		time.Sleep(time.Second)
		synctest.Wait()
		before, goroutines := heap()
		begun := time.Now()
		for _, d := range crowd(many, "http://10.9.9.9:80/announce", noLoad) {
			if _, err := n.s.AddDormant(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("adding waits: %v", took)
		}
		synctest.Wait()
		after, now := heap()
		each := float64(after-before) / many
		t.Logf("%.0f bytes a torrent, %d goroutines for all", each, now-goroutines)
		if each > 2<<10 || now-goroutines > maxLookups+10 {
			t.Errorf("%.0f bytes a torrent, %d goroutines more", each, now-goroutines)
		}
		if st, err := n.s.Stats(t.Context()); err != nil || st.Asleep != many || st.UpTotal != many || st.DownTotal != many*4<<30 {
			t.Errorf("%+v %v", st, err)
		}
		runtime.KeepAlive(n)
	})
}

// TestY04SleepCrowdAnnounced: ten thousand torrents are announced to one tracker a few at a time, within six minutes; one that a person adds
// meanwhile is announced at once, and at the end of the session they do not keep it.
func TestY04SleepCrowdAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 10_000 / fewer
		w := newSim(t, 64<<10, 64<<10)
		defer w.close()
		h := w.host(simnet.Link{Latency: 5 * time.Millisecond})
		l, err := h.Listen(t.Context(), "tcp4", "0.0.0.0:8000")
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		came := map[string]time.Time{}
		var seconds []int64
		begun := time.Now()
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if q := r.URL.Query(); q.Get("event") == "started" {
				came[q.Get("info_hash")] = time.Now()
				seconds = append(seconds, int64(time.Since(begun)/time.Second))
				if q.Get("left") != "0" || q.Get("numwant") != "0" && q.Get("info_hash")[19] == 0 {
					t.Errorf("announced: %v", q)
				}
			}
			fmt.Fprint(rw, "d8:intervali1800e5:peers0:e")
		})}
		go srv.Serve(l)
		defer srv.Close()
		url := "http://" + h.Addr().String() + ":8000/announce"
		n := w.node(quick).run()
		for _, d := range crowd(many, url, noLoad) {
			if _, err := n.s.AddDormant(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		put(t, n.disk, "file.bin", w.data)
		w.tor.ID = metainfo.ID{V1: metainfo.Hash{19: 1}}
		w.tor.Trackers = [][]string{{url}}
		at := time.Now()
		if _, err := n.s.Add(t.Context(), Add{Torrent: w.tor, Folder: n.disk, Seed: true, Trust: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		mu.Lock()
		if first := came[string(w.tor.ID.V1[:])]; first.IsZero() || first.Sub(at) > time.Second {
			t.Errorf("what a person added was announced at %v", first)
		}
		mu.Unlock()
		time.Sleep(6 * time.Minute)
		mu.Lock()
		if len(came) != many+1 {
			t.Errorf("%d of %d torrents were announced in six minutes", len(came), many+1)
		}
		most, run := 0, 0
		slices.Sort(seconds)
		for i, s := range seconds {
			if run++; i > 0 && s != seconds[i-1] {
				run = 1
			}
			most = max(most, run)
		}
		t.Logf("at most %d announces in a second", most)
		if most > int(time.Second/crowdPause)+5 {
			t.Errorf("%d announces in one second", most)
		}
		mu.Unlock()
		begun = time.Now()
		n.stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

// TestY05SleepRaces: whatever is done to torrents that are falling asleep, sleeping and waking, in any order and by several
// at a time, nothing is left of those that were removed: no goroutine, no handle, no lock, no record.
func TestY05SleepRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 64<<10, 64<<10)
		defer w.close()
		n := &sleeping{node: w.node(quick)}
		put(t, n.disk, "file.bin", w.data)
		n.run()
		load := func(id metainfo.ID) (Add, error) {
			time.Sleep(10 * time.Millisecond)
			n.open.Add(1)
			tor := *w.tor
			tor.ID = id
			return Add{Torrent: &tor, Folder: counting{n.disk, &n.open}, Seed: true, Trust: true}, nil
		}
		list := crowd(8, "", load)
		for i := range list {
			list[i].Dir = n.disk.Path()
		}
		synctest.Wait()
		_, goroutines := heap()
		rnd := n.s.reg.random()
		var all sync.WaitGroup
		for range 6 {
			seed := rnd.Uint64()
			all.Go(func() { n.tease(t.Context(), list, seed) })
		}
		all.Wait()
		if lain := n.lain.Load(); lain < 20 {
			t.Errorf("only %d fell asleep", lain)
		}
		for _, d := range list {
			_ = n.s.Remove(context.Background(), d.ID) // may be gone already
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st, err := n.s.Stats(context.Background()); err != nil || st.Torrents != 0 || st.Asleep != 0 || st.UpTotal != 0 || st.DownTotal != 0 {
			t.Errorf("%+v %v", st, err)
		}
		if open := n.open.Load(); open != 0 {
			t.Errorf("%d handles are left", open)
		}
		if left, err := n.state.ReadDir("."); err != nil || len(left) != 0 {
			t.Errorf("in the state folder: %v %v", left, err)
		}
		if _, now := heap(); now > goroutines {
			t.Errorf("%d goroutines, %d before", now, goroutines)
		}
	})
}

// tease does a thousand things to any of the torrents.
func (n *sleeping) tease(ctx context.Context, list []Dormant, seed uint64) {
	i := seed
	for range 1000 / fewer {
		i = i*6364136223846793005 + 1442695040888963407
		d := list[i>>33%uint64(len(list))]
		switch i >> 40 % 16 {
		case 0, 1:
			_, _ = n.s.AddDormant(ctx, d)
		case 2:
			_ = n.s.Remove(ctx, d.ID)
		case 3:
			_ = n.s.Pause(ctx, d.ID)
		case 4:
			_ = n.s.Resume(ctx, d.ID)
		case 5:
			_ = n.s.knock(d.ID.Wire())
		case 6:
			_ = n.s.SetSequential(ctx, d.ID, true)
		case 7:
			_, _ = n.s.Files(ctx, d.ID)
		case 8:
			_, _ = n.s.Torrents(ctx)
		case 9:
			_ = n.s.Flush(ctx)
		case 10:
			a, err := d.Load()
			if err == nil {
				a.Load = d.Load
				_, _ = n.s.Add(ctx, a)
			}
		case 11:
			_ = n.s.Verify(ctx, d.ID)
		case 12:
			_ = n.s.SetLimits(ctx, d.ID, TorrentLimits{MaxPeers: 7})
		case 13:
			_ = n.s.SetTrackers(ctx, d.ID, nil)
			_ = n.s.Reannounce(ctx, d.ID)
		case 14:
			_, _ = n.s.Details(ctx, d.ID)
		case 15: // its time has come
			if t := n.s.reg.find(d.ID.Wire()); t != nil && t.mayRest() {
				if x, ok := n.s.reg.lieDown(t, time.Now()); ok {
					n.lain.Add(1)
					n.s.fallAsleep(x, t)
				}
			}
		}
		time.Sleep(time.Duration(i >> 20 % uint64(20*time.Millisecond)))
	}
}

// BenchmarkAddDormant is a start with 100,000 torrents.
func BenchmarkAddDormant(b *testing.B) {
	list := crowd(100_000, "http://10.9.9.9:80/announce", noLoad)
	h := simnet.New(1).Host(netip.AddrFrom4([4]byte{10, 0, 0, 1}), quick)
	for b.Loop() {
		s, err := New(Config{Net: h, State: fsys.NewMem(), DHT: &DHT{}, NoPortMap: true})
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range list {
			if _, err := s.AddDormant(b.Context(), d); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		s.Run(ctx)
		b.StartTimer()
	}
}
