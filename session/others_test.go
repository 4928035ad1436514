package session

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
)

// TestRemoveDataShared: a file that another torrent has too, awake or asleep, stays until that one is removed with its data.
func TestRemoveDataShared(t *testing.T) {
	for _, asleep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			n := w.node(quick).seed()
			other := *w.tor
			other.ID = metainfo.ID{V1: metainfo.Hash{'t', 'w', 'o'}}
			var err error
			if asleep {
				_, err = n.s.AddDormant(t.Context(), Dormant{
					ID: other.ID, Name: other.Info.Name(), Dir: n.disk.Path(), Size: 1 << 20, PieceLength: 64 << 10, Pieces: 16, Files: 1,
					Load: func() (Add, error) { return Add{Torrent: &other, Folder: n.disk, Seed: true}, nil },
				})
			} else {
				_, err = n.s.Add(t.Context(), Add{Torrent: &other, Folder: n.disk, Seed: true, Trust: true})
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if err := n.s.RemoveData(t.Context(), w.tor.ID); err != nil {
				t.Error(err)
			}
			if _, err := n.disk.Lstat("file.bin"); err != nil {
				t.Fatalf("asleep %v: the file that another torrent seeds is gone: %v", asleep, err)
			}
			time.Sleep(3 * time.Second)
			if st := n.status(); st.Phase != status.Seeding {
				t.Errorf("asleep %v: the other one: %+v", asleep, st)
			}
			if err := n.s.RemoveData(t.Context(), other.ID); err != nil {
				t.Error(err)
			}
			if _, err := n.disk.Lstat("file.bin"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("asleep %v: nobody has the file any more, and it is there: %v", asleep, err)
			}
		})
	}
}

// TestStrangersAreLeft: files that were there and are not the torrent's neither move nor get another name with it.
func TestStrangersAreLeft(t *testing.T) {
	for _, verb := range []string{"move", "rename"} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			n := w.node(quick)
			put(t, n.disk, "file.bin", bytes.Repeat([]byte("dear"), 1<<18))
			n.start(Add{})
			if err := n.fails(time.Minute); !errors.Is(err, ErrExists) {
				t.Fatal(err)
			}
			ctx, to := t.Context(), fsys.NewMem()
			var err error
			if verb == "move" {
				err = n.s.Move(ctx, w.tor.ID, elsewhere{to}, true)
			} else {
				err = n.s.Rename(ctx, w.tor.ID, "file.bin", "mine.bin")
			}
			time.Sleep(5 * time.Second)
			if got := get(t, n.disk, "file.bin"); string(got[:4]) != "dear" {
				t.Errorf("%s took what is somebody else's", verb)
			}
			if st := n.status(); err != nil || st.Phase != status.Leeching {
				t.Errorf("%s: %v; the torrent has another place: %+v", verb, err, st)
			}
		})
	}
}

// elsewhere is a folder under another name.
type elsewhere struct{ fsys.FS }

func (elsewhere) Path() string { return "/elsewhere" }

// begun is a torrent whose move from old to new was noted when the process was killed.
func begun(t *testing.T, w *sim, one bool) *movers {
	m := newMovers(t, w, one)
	m.n.stop()
	err := state.SaveMove(m.n.state, &state.Move{ID: w.tor.ID, From: "/old", To: "/new"})
	if err = errors.Join(err, m.b.MkdirAll("new/"+path.Dir(m.files[0].Path), 0o777)); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestS08SomebodyElses: a move that goes on does not take a file in the new folder for the copy of the one in the old.
func TestS08SomebodyElses(t *testing.T) {
	bothVolumes(t, func(t *testing.T, w *sim, one bool) {
		m := begun(t, w, one)
		name := "new/" + m.files[0].Path
		put(t, m.b, name, []byte("somebody else's"))
		if err := m.begin("old"); err != nil {
			t.Fatal(err)
		}
		if st := m.rest(); st.Phase != status.Failed || !m.holds("old") || string(get(t, m.b, name)) != "somebody else's" {
			t.Errorf("old is whole: %v; %+v", m.holds("old"), st)
		}
	})
}

// TestS08ChangedMeanwhile: a file that had arrived before the kill and was changed after it is hashed.
func TestS08ChangedMeanwhile(t *testing.T) {
	bothVolumes(t, func(t *testing.T, w *sim, one bool) {
		m := begun(t, w, one)
		name := m.files[0].Path
		data := get(t, m.a, "old/"+name)
		err := m.a.Rename("old/"+name, "new/"+name)
		if !one {
			put(t, m.b, "new/"+name, data)
			err = m.a.Remove("old/" + name)
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		data[70_000] ^= 1
		put(t, m.b, "new/"+name, data)
		if err := m.begin("old"); err != nil {
			t.Fatal(err)
		}
		if st := m.rest(); st.Dir != "/new" || st.Phase != status.Leeching {
			t.Errorf("a piece that was changed is claimed: %+v", st)
		}
	})
}

// TestStopWhileCopying: a large copy that is being made durable does not keep the session from ending, and the next one finishes it.
func TestStopWhileCopying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		m := newMovers(t, w, false)
		if err := m.n.s.Move(t.Context(), w.tor.ID, slowDisk{FS: m.folder("new"), sync: 10 * time.Minute}, true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		begun := time.Now()
		m.n.stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("the end took %v", took)
		}
		if err := m.begin("old"); err != nil {
			t.Fatal(err)
		}
		if st := m.rest(); st.Dir != "/new" || !m.holds("new") {
			t.Errorf("%+v", st)
		}
		time.Sleep(10 * time.Minute) // what nobody waits for ends
	})
}

// TestRemoveDataMovingAgain: a move that goes on after a kill and is cut by RemoveData leaves no file in either folder; where the
// other folder cannot be opened that is said.
func TestRemoveDataMovingAgain(t *testing.T) {
	bothVolumes(t, func(t *testing.T, w *sim, one bool) {
		m := begun(t, w, one)
		m.n.cfg.OpenFolder = func(string) (fsys.FS, error) {
			return intruded{below{m.b, "new"}, func(string) { time.Sleep(time.Second) }}, nil
		}
		if err := m.begin("old"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		if st := m.n.status(); st.Phase != status.Moving {
			t.Fatalf("%+v", st)
		}
		if err := m.n.s.RemoveData(t.Context(), w.tor.ID); err != nil || !m.empty("old") || !m.empty("new") {
			t.Errorf("%v; old is empty: %v, new: %v", err, m.empty("old"), m.empty("new"))
		}
	})
	bothVolumes(t, func(t *testing.T, w *sim, one bool) {
		m := begun(t, w, one)
		m.n.cfg.OpenFolder = func(string) (fsys.FS, error) { return nil, fs.ErrPermission }
		if err := m.begin("old"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := m.n.s.RemoveData(t.Context(), w.tor.ID); !errors.Is(err, fs.ErrPermission) || !m.holds("old") {
			t.Errorf("%v; old is whole: %v", err, m.holds("old"))
		}
	})
}

// TestSecondVerb: of two verbs that begin at once the second one is told to try again.
func TestSecondVerb(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		old := seed.s.reg.find(w.tor.ID.Wire())
		if err := seed.s.Verify(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := seed.s.succeed(old, status.Checking, func(*torrent) {}); !errors.Is(err, errBusy) {
			t.Error(err)
		}
	})
}

// TestSleepFailed: a torrent that fails while it falls asleep is shown as failed, and Resume is told why.
func TestSleepFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.sleeping().lay()
		tor, err := n.s.awake(t.Context(), w.tor.ID)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		x, ok := n.s.reg.lieDown(tor, time.Now())
		if !ok {
			t.Fatal("it does not lie down")
		}
		tor.running().Fail(fs.ErrPermission) // seen in the same second
		time.Sleep(time.Millisecond)
		n.s.wg.Go(func() { n.s.fallAsleep(x, tor) })
		time.Sleep(10 * time.Second)
		if st := n.status(); st.Phase != status.Failed || st.Err != fs.ErrPermission.Error() {
			t.Errorf("%+v", st)
		}
		if err := n.s.Resume(t.Context(), w.tor.ID); err != nil || n.status().Phase != status.Seeding {
			t.Errorf("%v, %+v", err, n.status())
		}
	})
}

// TestTrackersGone: the DHT takes a torrent whose last tracker was taken away for one that has none.
func TestTrackersGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		n := w.node(quick).seed()
		time.Sleep(time.Second)
		key := n.s.reg.find(w.tor.ID.Wire()).key
		n.s.overlay.mu.Lock()
		n.s.overlay.sched.add(time.Now(), key)
		n.s.overlay.mu.Unlock()
		for _, tiers := range [][][]string{nil, w.tor.Trackers} {
			if err := n.s.SetTrackers(t.Context(), w.tor.ID, tiers); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			n.s.overlay.mu.Lock()
			if e := n.s.overlay.sched.byKey[key]; e.tracked != (tiers != nil) {
				t.Errorf("trackers %v, tracked %v", tiers, e.tracked)
			}
			n.s.overlay.mu.Unlock()
		}
	})
}
