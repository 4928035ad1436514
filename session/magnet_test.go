package session

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/status"
	"shoal/swarm"
)

// real gives the simulation's torrent the info dictionary and the hash that belong to it.
func (w *sim) real(private bool) *sim {
	w.t.Helper()
	raw := fakepeer.InfoBytes(w.tor.Info)
	if private {
		raw = append(raw[:len(raw)-1], "7:privatei1ee"...)
	}
	info, id, err := metainfo.ParseInfo(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tor = &metainfo.Torrent{ID: id, Info: info, InfoBytes: raw, Trackers: w.tor.Trackers}
	return w
}

// magnet is a link to the simulation's torrent with these x.pe addresses.
func (w *sim) magnet(peers ...string) *metainfo.Magnet {
	return &metainfo.Magnet{ID: w.tor.ID, Name: "a name", Peers: peers}
}

// TestMagnet: a link with one peer becomes a download; its torrent is remembered, for a start without any peer too, and forgotten when it
// is removed.
func TestMagnet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 4<<20, 64<<10).real(false)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick)
		chosen := 0
		n.start(Add{Magnet: w.magnet(), Choose: func(tor *metainfo.Torrent) ([]uint8, error) {
			if chosen++; !bytes.Equal(tor.InfoBytes, w.tor.InfoBytes) {
				t.Error("wrong info dictionary")
			}
			return nil, nil
		}})
		time.Sleep(time.Hour)
		if st := n.status(); st.Phase != status.Metadata || st.Name != "a name" || st.ID != w.tor.ID || st.Added.IsZero() {
			t.Errorf("%+v", st)
		}
		ctx := t.Context()
		if err := n.s.SetPriorities(ctx, w.tor.ID, nil); !errors.Is(err, swarm.ErrNoMetadata) {
			t.Error(err)
		}
		if err := n.s.SetSequential(ctx, w.tor.ID, true); err != nil {
			t.Error(err)
		}
		if f, err := n.s.Files(ctx, w.tor.ID); f != nil || err != nil {
			t.Error(f, err)
		}
		if tor, err := n.s.Torrent(w.tor.ID); tor != nil || err != nil {
			t.Error(tor, err)
		}
		if err := n.s.Pause(ctx, w.tor.ID); err != nil || n.status().Phase != status.Paused {
			t.Error(err, n.status().Phase)
		}
		if err := n.s.Resume(ctx, w.tor.ID); err != nil || n.status().Phase != status.Metadata {
			t.Error(err, n.status().Phase)
		}
		if err := n.s.Flush(ctx); err != nil {
			t.Error(err)
		}
		n.stop()
		if chosen != 0 {
			t.Error("chosen before it was known")
		}

		n.start(Add{Magnet: w.magnet(seed.addr())})
		n.wait(time.Minute)
		if tor, err := n.s.Torrent(w.tor.ID); err != nil || !bytes.Equal(tor.InfoBytes, w.tor.InfoBytes) {
			t.Error(tor, err)
		}
		if st := n.status(); st.Name != "file.bin" || st.Phase != status.Seeding || st.DownTotal < 4<<20 || st.Dir == "" {
			t.Errorf("%+v", st)
		}
		n.stop()
		seed.stop()

		n.start(Add{Magnet: w.magnet()})
		n.wait(time.Second)
		if st := n.status(); st.DownTotal != 4<<20 {
			t.Errorf("%+v", st)
		}
		if err := n.s.Remove(ctx, w.tor.ID); err != nil {
			t.Fatal(err)
		}
		n.stop()
		n.start(Add{Magnet: w.magnet()})
		time.Sleep(time.Minute)
		if st := n.status(); st.Phase != status.Metadata {
			t.Errorf("remembered after Remove: %+v", st)
		}
	})
}

// TestMagnetKept: what an earlier run left is not believed blindly.
func TestMagnetKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10).real(false)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick)
		n.start(Add{Magnet: w.magnet(seed.addr())})
		n.wait(time.Minute)
		n.stop()
		name := fileName(w.tor.ID, n.disk.Path()) + torrentSuffix
		for what, b := range map[string][]byte{"damaged": []byte("d4:infod"), "of another": bytes.Replace(get(t, n.state, name), []byte("file.bin"), []byte("file.bim"), 1)} {
			put(t, n.state, name, b)
			n.start(Add{Magnet: w.magnet(seed.addr())})
			n.wait(time.Minute)
			n.stop()
			if got := get(t, n.state, name); !bytes.Contains(got, w.tor.InfoBytes) {
				t.Errorf("%s: it was not replaced", what)
			}
		}
	})
}

// TestMagnetByTracker: three that know the hash and a tracker find a seed that comes later, and one another.
func TestMagnetByTracker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		w.real(false)
		link := simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 10 * time.Millisecond}
		var all []*node
		for range 3 {
			n := w.node(link)
			m := w.magnet()
			m.Trackers = w.tor.Trackers[0]
			n.start(Add{Magnet: m})
			all = append(all, n)
		}
		time.Sleep(3 * time.Minute)
		for _, n := range all {
			if st := n.status(); st.Phase != status.Metadata || st.Peers != 2 || st.Asked != 2 {
				t.Errorf("%+v", st)
			}
		}
		w.node(link).seed()
		for _, n := range all {
			n.wait(10 * time.Minute)
		}
	})
}

// TestMetadataOnly: without a folder, and it ends with the info dictionary.
func TestMetadataOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10).real(false)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick)
		n.start(Add{Magnet: w.magnet(seed.addr()), MetadataOnly: true})
		if st := n.status(); st.ID != w.tor.ID || st.Name == "" || st.Phase != status.Metadata {
			t.Errorf("at once: %+v", st)
		}
		if err := n.s.Wait(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		tor, err := n.s.Torrent(w.tor.ID)
		if err != nil || !bytes.Equal(tor.InfoBytes, w.tor.InfoBytes) {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if st := n.status(); st.DownTotal != 0 || st.MetadataHave != 1 || st.Metadata != 1 {
			t.Errorf("%+v", st)
		}
		if err := n.s.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestMagnetCannotBegin: what a torrent is refused for is found when its files are known; the search has ended then.
func TestMagnetCannotBegin(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(n *node)
		add     func(*Add)
		want    error
	}{
		"exists":   {prepare: func(n *node) { put(n.w.t, n.disk, "file.bin", make([]byte, 1<<20)) }, want: ErrExists},
		"no space": {prepare: func(n *node) { n.disk.SetFree(1000) }, want: ErrNoSpace},
		"choice":   {add: func(a *Add) { a.Choose = func(*metainfo.Torrent) ([]uint8, error) { return nil, os.ErrInvalid } }, want: os.ErrInvalid},
		"so":       {add: func(a *Add) { a.Magnet.Select = []metainfo.Range{{First: 1, Last: 9}} }, want: metainfo.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSim(t, 1<<20, 64<<10).real(false)
				defer w.close()
				seed := w.node(quick).seed()
				n := w.node(quick)
				a := Add{Magnet: w.magnet(seed.addr())}
				if tt.prepare != nil {
					tt.prepare(n)
				}
				if tt.add != nil {
					tt.add(&a)
				}
				n.start(a)
				if err := n.fails(time.Minute); !errors.Is(err, tt.want) {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				if st := n.status(); st.Phase != status.Failed || st.Err == "" {
					t.Errorf("%+v", st)
				}
				if peers, err := seed.s.Peers(t.Context(), w.tor.ID); len(peers) != 0 || err != nil {
					t.Errorf("still connected: %v, %v", peers, err)
				}
				if err := n.s.Resume(t.Context(), w.tor.ID); err != nil { // it is tried again, from the beginning
					t.Errorf("resumed: %v", err)
				}
				if err := n.fails(time.Minute); !errors.Is(err, tt.want) {
					t.Error(err)
				}
				if err := n.s.Remove(t.Context(), w.tor.ID); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestG06PrivateMagnet: from the moment at which a magnet is known to be private only trackers and the user name its peers, and the log says so.
func TestG06PrivateMagnet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10).real(true)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick)
		var said bytes.Buffer
		n.cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
		n.start(Add{Magnet: w.magnet()})
		tor, err := n.s.reg.get(w.tor.ID)
		if err != nil {
			t.Fatal(err)
		}
		kinds := []swarm.SourceKind{swarm.FromUser, swarm.FromTracker, swarm.FromLocal, swarm.FromDHT, swarm.FromPeer}
		for _, k := range kinds {
			if !tor.allows(k) {
				t.Errorf("source %d is not allowed before anything is known", k)
			}
		}
		synctest.Wait()
		tor.addTyped(t.Context(), []string{seed.addr()})
		n.wait(time.Minute)
		for _, k := range kinds {
			if tor.allows(k) != k.Trusted() {
				t.Errorf("source %d: allowed %v", k, tor.allows(k))
			}
		}
		n.stop()
		if !strings.Contains(said.String(), "the torrent is private") {
			t.Errorf("the log says %s", &said)
		}
		n.cfg.Log = nil
		n.start(Add{Magnet: w.magnet()})
		if tor, _ := n.s.reg.get(w.tor.ID); tor.allows(swarm.FromDHT) {
			t.Error("allowed after a restart")
		}
	})
}

func TestSelected(t *testing.T) {
	w := newSim(t, 1000, 64<<10)
	w.folder(64<<10, 300, 300, 400)
	for _, tt := range []struct {
		in   []metainfo.Range
		want []uint8
		fail bool
	}{
		{nil, nil, false},
		{[]metainfo.Range{{First: 1, Last: 1}}, []uint8{0, Normal, 0}, false},
		{[]metainfo.Range{{First: 0, Last: 0}, {First: 2, Last: 900_000}}, []uint8{Normal, 0, Normal}, false},
		{[]metainfo.Range{{First: 3, Last: 5}}, nil, true},
	} {
		got, err := Selected(w.tor.Info, tt.in)
		if !bytes.Equal(got, tt.want) || (err != nil) != tt.fail {
			t.Errorf("%v: %v, %v", tt.in, got, err)
		}
	}
}

// TestReachable: who listens on one address is found there; who listens on all of them at the machine's own.
func TestReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1000, 64<<10)
		defer w.close()
		n := w.node(quick)
		n.cfg.Listen = n.host.Addr().String() + ":7001"
		n.start(Add{})
		if got := n.s.Reachable(); len(got) != 1 || got[0].String() != n.host.Addr().String()+":7001" {
			t.Errorf("%v", got)
		}
		r := w.node(quick)
		r.cfg.Net = &roaming{host: r.host}
		r.start(Add{})
		if got := r.s.Reachable(); len(got) != 1 || got[0].String() != r.host.Addr().String()+":6881" {
			t.Errorf("%v", got)
		}
	})
}
