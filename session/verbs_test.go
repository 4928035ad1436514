package session

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/status"
)

// TestStoppedAdd: it is opened and checked, and asks nobody for anything until Resume.
func TestStoppedAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick)
		put(t, n.disk, "file.bin", w.data[:1<<20])
		n.start(Add{Stopped: true, Peers: []string{seed.addr()}})
		time.Sleep(time.Minute)
		if st := n.status(); st.Phase != status.Paused || st.PiecesHave != 16 || st.Dialing+st.Peers > 0 {
			t.Errorf("%+v", st)
		}
		if err := n.s.Resume(t.Context(), w.tor.ID); err != nil || n.status().Phase != status.Leeching {
			t.Error(err, n.status().Phase)
		}
		n.wait(time.Minute)
	})
}

// TestPauseWhileChecked: a torrent that is being checked takes it, and stands still after that; so do limits, order and choice.
func TestPauseWhileChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		files := w.folder(64<<10, 300_000, 600_000, 500_000)
		seed := w.node(quick)
		seed.putFolder(files)
		seed.start(Add{Seed: true})
		n := w.node(quick)
		if err := n.disk.MkdirAll("dir/sub", 0o777); err != nil {
			t.Fatal(err)
		}
		put(t, n.disk, files[0].Path, w.data[:300_000])
		n.reads = 100 * time.Millisecond
		n.start(Add{Peers: []string{seed.addr()}})
		ctx, id := t.Context(), w.tor.ID
		if st := n.status(); st.Phase != status.Checking {
			t.Fatalf("phase %v: the test comes too late", st.Phase)
		}
		for _, err := range []error{n.s.Pause(ctx, id), n.s.SetPriorities(ctx, id, []uint8{1, 0, 1}), n.s.SetSequential(ctx, id, true),
			n.s.SetLimits(ctx, id, TorrentLimits{Down: 100_000})} {
			if err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if st := n.status(); st.Phase != status.Paused || st.Wanted != 800_000 {
			t.Errorf("%+v", st)
		}
		begun := time.Now()
		if err := n.s.Resume(ctx, id); err != nil || n.status().Phase != status.Leeching {
			t.Error(err, n.status().Phase)
		}
		if err := n.s.Wait(ctx, id); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 4*time.Second {
			t.Errorf("the limit does not hold: %v", took)
		}
		if _, err := n.disk.Lstat(files[1].Path); err == nil {
			t.Error("the unwanted file appeared")
		}
	})
}

// TestLimitsLive: limits of a torrent and of all hold from the moment on at which they are set, and Exempt lifts the latter.
func TestLimitsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 24<<20, 64<<10)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}, Limits: TorrentLimits{Down: 100_000}})
		ctx, id := t.Context(), w.tor.ID
		rate := func(what string, least, most int64) {
			t.Helper()
			time.Sleep(3 * time.Second)
			before := n.status().DownTotal
			time.Sleep(5 * time.Second)
			if got := (n.status().DownTotal - before) / 5; got < least || got > most {
				t.Errorf("%s: %d bytes a second, not %d to %d", what, got, least, most)
			}
		}
		rate("own limit", 80_000, 120_000)
		if err := n.s.SetLimits(ctx, id, TorrentLimits{Down: 300_000}); err != nil {
			t.Fatal(err)
		}
		rate("a wider one", 250_000, 350_000)
		n.s.SetSessionLimits(budget.Limits{Down: 50_000}, 0)
		rate("that of all", 40_000, 60_000)
		if err := n.s.SetLimits(ctx, id, TorrentLimits{Down: 200_000, Exempt: true}); err != nil {
			t.Fatal(err)
		}
		rate("exempt", 160_000, 240_000)
		if err := seed.s.SetLimits(ctx, id, TorrentLimits{Up: 80_000}); err != nil {
			t.Fatal(err)
		}
		rate("the seed's", 60_000, 100_000)
		seed.s.SetSessionLimits(budget.Limits{}, 0)
		if err := errors.Join(seed.s.SetLimits(ctx, id, TorrentLimits{}), n.s.SetLimits(ctx, id, TorrentLimits{})); err != nil {
			t.Fatal(err)
		}
		n.s.SetSessionLimits(budget.Limits{}, 0)
		n.wait(10 * time.Second)
	})
}

// TestConnectionsLive: fewer connections are allowed, and the surplus ends within a second.
func TestConnectionsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.node(quick).seed()
		n.s.SetSessionLimits(budget.Limits{Up: 1000}, 0)
		for range 6 {
			w.node(quick).start(Add{Peers: []string{n.addr()}})
		}
		time.Sleep(5 * time.Second)
		if st := n.status(); st.Peers != 6 || st.From.Incoming != 6 {
			t.Fatalf("%d peers, %+v", st.Peers, st.From)
		}
		if err := n.s.SetLimits(t.Context(), w.tor.ID, TorrentLimits{MaxPeers: 4}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if st := n.status(); st.Peers != 4 {
			t.Errorf("%d peers where 4 are allowed", st.Peers)
		}
		n.s.SetSessionLimits(budget.Limits{Up: 1000}, 2)
		time.Sleep(2 * time.Second)
		if st := n.status(); st.Peers != 2 {
			t.Errorf("%d peers where 2 are allowed", st.Peers)
		}
	})
}

// TestVerify: everything is hashed anew, whatever the torrent did before, and who stood still does so again.
func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		n := w.node(quick)
		put(t, n.disk, "file.bin", w.data)
		n.reads = 10 * time.Millisecond
		n.start(Add{})
		n.wait(time.Minute)
		ctx, id := t.Context(), w.tor.ID
		spoil := func(at int64) {
			t.Helper()
			st, err := n.disk.Lstat("file.bin")
			f, err2 := n.disk.OpenFile("file.bin", os.O_RDWR, 0)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{^w.data[at]}, at); err != nil || st.Size != int64(len(w.data)) {
				t.Fatal(err)
			}
			f.Close()
		}
		verify := func(want status.Phase, pieces int) {
			t.Helper()
			if err := n.s.Verify(ctx, id); err != nil {
				t.Fatal(err)
			}
			if st := n.status(); st.Phase != status.Checking {
				t.Errorf("it is %v", st.Phase)
			}
			time.Sleep(10 * time.Second)
			if st := n.status(); st.Phase != want || st.PiecesHave != pieces {
				t.Errorf("it is %v with %d pieces, not %v with %d: %s", st.Phase, st.PiecesHave, want, pieces, st.Err)
			}
		}
		verify(status.Seeding, 32)
		if err := n.s.Pause(ctx, id); err != nil {
			t.Fatal(err)
		}
		spoil(100)
		verify(status.Paused, 31)
		if err := n.s.Resume(ctx, id); err != nil || n.status().Phase != status.Leeching {
			t.Error(err, n.status().Phase)
		}
		put(t, n.disk, "file.bin", w.data)
		verify(status.Seeding, 32)
	})
}

// TestVerifyFailed: a torrent that could not start is looked at again, and one that failed stands still after that.
func TestVerifyFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.node(quick)
		put(t, n.disk, "file.bin", make([]byte, 1<<20))
		n.start(Add{})
		if err := n.fails(time.Minute); !errors.Is(err, ErrExists) {
			t.Fatal(err)
		}
		ctx, id := t.Context(), w.tor.ID
		if err := n.s.Verify(ctx, id); err != nil {
			t.Fatal(err)
		}
		if err := n.fails(time.Minute); !errors.Is(err, ErrExists) {
			t.Fatal(err)
		}
		put(t, n.disk, "file.bin", w.data)
		if err := n.s.Verify(ctx, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if st := n.status(); st.Phase != status.Paused || st.PiecesHave != st.Pieces {
			t.Errorf("%+v", st)
		}
		if err := n.s.Resume(ctx, id); err != nil || n.status().Phase != status.Seeding {
			t.Error(err, n.status().Phase)
		}
	})
}

// TestSetTrackers: those that go hear "stopped", those that come hear of us, and those that stay are left in peace.
func TestSetTrackers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		first := w.tor.Trackers
		w.tracker(time.Minute)
		second := w.tor.Trackers
		w.tor.Trackers = first
		n := w.node(quick).seed()
		time.Sleep(5 * time.Second)
		ctx, id := t.Context(), w.tor.ID
		list := func() []status.Tracker {
			t.Helper()
			l, err := n.s.Trackers(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		last := list()[0].Last
		if last.IsZero() || !list()[0].Working {
			t.Fatalf("%+v", list())
		}
		if err := n.s.SetTrackers(ctx, id, slices.Concat(first, second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if l := list(); len(l) != 2 || l[0].Last != last {
			t.Errorf("%+v", l)
		}
		if err := n.s.SetTrackers(ctx, id, second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if l := list(); len(l) != 1 || !l[0].Working || l[0].URL != second[0][0] {
			t.Errorf("%+v", l)
		}
		// The first one does not know us any more: who asks it finds nobody.
		for tiers, found := range map[*[][]string]bool{&first: false, &second: true} {
			other := w.node(quick)
			w.tor.Trackers = *tiers
			other.start(Add{})
			time.Sleep(10 * time.Second)
			if got := other.status().PiecesHave; (got > 0) != found {
				t.Errorf("%v: it got %d pieces, found: %v", *tiers, got, found)
			}
			other.stop()
		}
		for _, bad := range []string{"", "ftp://x/announce", "http://", "wss://x", "http://" + string(make([]byte, 3000))} {
			if err := n.s.SetTrackers(ctx, id, [][]string{{bad}}); !errors.Is(err, metainfo.ErrInvalid) {
				t.Errorf("%.20q: %v", bad, err)
			}
		}
		if err := errors.Join(n.s.Pause(ctx, id), n.s.SetTrackers(ctx, id, nil)); err != nil || len(list()) != 0 {
			t.Error(err, list())
		}
		if err := errors.Join(n.s.Resume(ctx, id), n.s.SetTrackers(ctx, id, second), n.s.Reannounce(ctx, id)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if l := list(); len(l) != 1 || !l[0].Working {
			t.Errorf("%+v", l)
		}
	})
}

// TestBlocked: who is on the list is neither dialled nor let in, and loses the connection that there is.
func TestBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 8<<20, 64<<10)
		defer w.close()
		slow := simnet.Link{Up: 100 << 10, Down: 1 << 20, Latency: time.Millisecond}
		seed := w.node(slow).seed()
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		time.Sleep(5 * time.Second)
		if st := n.status(); st.Peers != 1 || st.From.User != 1 {
			t.Fatalf("%d peers, %+v", st.Peers, st.From)
		}
		theirs := seed.host.Addr()
		n.s.SetBlocked(func(a netip.Addr) bool { return a == theirs })
		time.Sleep(time.Second)
		for range 10 {
			if st := n.status(); st.Peers != 0 {
				t.Fatalf("%d peers", st.Peers)
			}
			time.Sleep(time.Minute)
		}
		ours := n.host.Addr()
		seed.s.SetBlocked(func(a netip.Addr) bool { return a == ours })
		n.s.SetBlocked(nil)
		time.Sleep(10 * time.Minute)
		if st := n.status(); st.Peers != 0 {
			t.Fatalf("%d peers: the other side let us in", st.Peers)
		}
		seed.s.SetBlocked(nil)
		n.wait(time.Hour)
	})
}

// TestDetails: pieces and how many peers have them, as long as the torrent runs.
func TestDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		w.tor.WebSeeds = []string{"http://web/seed"}
		slow := simnet.Link{Up: 50 << 10, Down: 1 << 20, Latency: time.Millisecond}
		seed := w.node(slow).seed()
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		time.Sleep(10 * time.Second)
		ctx, id := t.Context(), w.tor.ID
		d, err := n.s.Details(ctx, id)
		st := n.status()
		if err != nil || d.Have.Count() == 0 || d.Have.Len() != 32 || len(d.Availability) != 32 || d.Availability[31] != 1 || len(d.WebSeeds) != 1 {
			t.Errorf("%+v, %v", d, err)
		}
		if st.Available != st.Wanted-st.Have || st.Available == 0 || time.Since(st.Active) > 2*time.Second {
			t.Errorf("available %d of %d, active %v", st.Available, st.Wanted-st.Have, st.Active)
		}
		if p, err := n.s.Peers(ctx, id); err != nil || len(p) != 1 || p[0].Source != "user" || p[0].PeerID != seed.s.PeerID() {
			t.Errorf("%+v, %v", p, err)
		}
		if err := n.s.Pause(ctx, id); err != nil {
			t.Fatal(err)
		}
		if d, err := n.s.Details(ctx, id); err != nil || d.Have.Count() == 0 || d.Availability != nil {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

// TestRemoveData: what is the torrent's goes, with folders that are empty then, and nothing else; whatever phase it is in.
func TestRemoveData(t *testing.T) {
	for _, phase := range []string{"seeding", "stopped", "checking", "failed", "verified", "foreign"} {
		t.Run(phase, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSim(t, 2<<20, 64<<10)
				defer w.close()
				files := w.folder(64<<10, 300_000, 600_000, 500_000)
				n := w.node(quick)
				n.putFolder(files)
				put(t, n.disk, "dir/theirs", []byte("x"))
				if phase == "foreign" {
					for _, f := range files {
						put(t, n.disk, f.Path, make([]byte, f.Length))
					}
				}
				ctx, id := t.Context(), w.tor.ID
				n.reads = 10 * time.Millisecond
				n.start(Add{Stopped: phase == "stopped"})
				if phase != "checking" {
					time.Sleep(time.Minute)
				}
				switch phase {
				case "failed":
					if err := n.disk.Remove(files[0].Path); err != nil {
						t.Fatal(err)
					}
					n.s.reg.find(id.Wire()).running().Fail(os.ErrInvalid)
					time.Sleep(time.Second)
				case "verified":
					if err := n.s.Verify(ctx, id); err != nil {
						t.Fatal(err)
					}
				}
				if err := n.s.RemoveData(ctx, id); err != nil {
					t.Fatal(err)
				}
				gone := phase != "foreign" && phase != "checking" // nobody knows then whose they are
				for _, f := range files {
					if _, err := n.disk.Lstat(f.Path); err == nil == gone {
						t.Errorf("%s: %v", f.Path, err)
					}
				}
				if _, err := n.disk.Lstat("dir/sub"); err == nil == gone {
					t.Errorf("the folder: %v", err)
				}
				if string(get(t, n.disk, "dir/theirs")) != "x" {
					t.Error("another file is gone")
				}
				if list, _ := n.state.ReadDir("."); len(list) != 0 {
					t.Errorf("the state folder has %v", list)
				}
				if _, err := n.s.Summary(ctx, id); !errors.Is(err, ErrUnknown) {
					t.Error(err)
				}
			})
		})
	}
}

// TestRemoveDataLinks: no link is followed out of the torrent's folder, nor removed.
func TestRemoveDataLinks(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, f := range []string{filepath.Join(other, "a.bin"), filepath.Join(dir, "real")} {
		if err := os.WriteFile(f, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(other, filepath.Join(dir, "sub")), os.Symlink("real", filepath.Join(dir, "link"))); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	root, err := fsys.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := eraseFiles(root, []string{"sub/a.bin", "link", "gone/b"}); err != nil {
		t.Error(err)
	}
	for _, f := range []string{filepath.Join(other, "a.bin"), filepath.Join(dir, "real"), filepath.Join(dir, "link"), filepath.Join(dir, "sub")} {
		if _, err := os.Lstat(f); err != nil {
			t.Error(err)
		}
	}
}

// TestVerbsUnknown: a torrent that is not there is no surprise to any verb.
func TestVerbsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.node(quick).run()
		ctx, id := context.Background(), w.tor.ID
		_, details := n.s.Details(ctx, id)
		_, names := n.s.Names(id)
		for i, err := range []error{details, names, n.s.SetLimits(ctx, id, TorrentLimits{}), n.s.SetPriorities(ctx, id, nil), n.s.SetSequential(ctx, id, true),
			n.s.SetTrackers(ctx, id, nil), n.s.Verify(ctx, id), n.s.Reannounce(ctx, id), n.s.Move(ctx, id, fsys.NewMem(), true),
			n.s.Rename(ctx, id, "a", "b"), n.s.RemoveData(ctx, id), n.s.Pause(ctx, id), n.s.Resume(ctx, id)} {
			if !errors.Is(err, ErrUnknown) {
				t.Errorf("verb %d: %v", i, err)
			}
		}
	})
}
