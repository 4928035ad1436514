package session

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/peer"
	"shoal/peer/wire"
	"shoal/status"
)

// counting is a folder that counts how often it was opened and is open still, and the files in it.
type counting struct {
	fsys.FS
	open *atomic.Int32
}

func (f counting) Close() error { f.open.Add(-1); return nil } // the disk is opened again

func (f counting) OpenFile(name string, flag int, perm os.FileMode) (fsys.File, error) {
	h, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	f.open.Add(1)
	return countedFile{h, f.open}, nil
}

type countedFile struct {
	fsys.File
	open *atomic.Int32
}

func (f countedFile) Close() error { f.open.Add(-1); return f.File.Close() }

// sleeping is a node whose torrent sleeps.
type sleeping struct {
	*node
	open  atomic.Int32 // handles
	loads atomic.Int32
	lain  atomic.Int32          // how often it fell asleep
	fail  atomic.Pointer[error] // what Load says
	slow  time.Duration         // how long it takes
	add   Add                   // but for Torrent and Folder
}

func (w *sim) sleeping() *sleeping {
	n := &sleeping{node: w.node(quick)}
	put(w.t, n.disk, "file.bin", w.data)
	n.add.Trust, n.add.Seed = true, true
	return n
}

func (n *sleeping) load() (Add, error) {
	n.loads.Add(1)
	time.Sleep(n.slow)
	if err := n.fail.Load(); err != nil {
		return Add{}, *err
	}
	n.open.Add(1)
	a := n.add
	a.Torrent, a.Folder = n.w.tor, counting{n.disk, &n.open}
	return a, nil
}

func (n *sleeping) dormant() Dormant {
	info := n.w.tor.Info
	return Dormant{
		ID: n.w.tor.ID, Name: info.Name(), Dir: n.disk.Path(), Size: info.Payload(), PieceLength: int(info.PieceLength()),
		Pieces: info.NumPieces(), Files: len(info.Files()), Trackers: n.w.tor.Trackers, UpTotal: 7 << 30, DownTotal: 5 << 30,
		Added: time.Unix(1e9, 0), Finished: time.Unix(1e9+60, 0), Load: n.load,
	}
}

// lay runs the session and adds the torrent asleep.
func (n *sleeping) lay() *sleeping {
	n.w.t.Helper()
	n.run()
	if _, err := n.s.AddDormant(n.w.t.Context(), n.dormant()); err != nil {
		n.w.t.Fatal(err)
	}
	return n
}

// asleep compares whether the torrent is asleep with what was expected; a sleeper has nothing open and no lock.
func (n *sleeping) asleep(want bool, when string) {
	n.w.t.Helper()
	st, err := n.s.Stats(n.w.t.Context())
	if err != nil || st.Torrents != 1 || (st.Asleep == 1) != want {
		n.w.t.Fatalf("%s: %d of %d torrents sleep: %v; %+v", when, st.Asleep, st.Torrents, err, n.status())
	}
	if !want {
		return
	}
	if open := n.open.Load(); open != 0 {
		n.w.t.Errorf("%s: asleep with %d handles", when, open)
	}
	l, err := n.state.Lock(fileName(n.w.tor.ID, n.disk.Path()) + lockSuffix)
	if err != nil {
		n.w.t.Fatalf("%s: asleep and %v", when, err)
	}
	l.Close()
}

// TestY01SleepWake: a peer that shakes hands, plainly or encrypted, for a torrent that sleeps is served within 100 ms, though nothing of
// it was open; after some minutes without peers it sleeps again, and its totals are kept over all of that.
func TestY01SleepWake(t *testing.T) {
	for _, how := range []peer.Encryption{peer.NoEncryption, peer.RequireEncryption} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 4<<20, 64<<10)
			defer w.close()
			n := w.sleeping()
			n.slow = 20 * time.Millisecond
			n.lay()
			time.Sleep(time.Hour)
			n.asleep(true, "after an hour")
			sent := int64(7 << 30)
			for round := range 3 {
				leech := w.node(quick)
				leech.cfg.Encryption = how
				begun := time.Now()
				leech.start(Add{Peers: []string{n.addr()}})
				for leech.status().Down == 0 && leech.status().Have == 0 {
					if time.Since(begun) > time.Minute {
						t.Fatalf("%v: not served: %+v", how, leech.status())
					}
					time.Sleep(time.Millisecond)
				}
				// Dialling and the handshake take some round trips of 4 ms, and the snapshot is as old as that.
				if took := time.Since(begun); round > 0 && took > 2*time.Second {
					t.Errorf("%v: the first byte came after %v", how, took)
				}
				leech.wait(time.Minute)
				n.asleep(false, "serving")
				leech.stop()
				time.Sleep(time.Second)
				st := n.status()
				if sent += 4 << 20; st.UpTotal < sent || st.UpTotal > sent+4<<20 || st.DownTotal != 5<<30 || !st.Added.Equal(time.Unix(1e9, 0)) {
					t.Errorf("%v, round %d: %+v", how, round, st)
				}
				sent = st.UpTotal
				time.Sleep(sleepAfter - 5*time.Second)
				n.asleep(false, "before its time")
				time.Sleep(10 * time.Second)
				n.asleep(true, "after its time")
				if st := n.status(); st.UpTotal != sent || st.Phase != status.Seeding || st.PiecesHave != st.Pieces || st.Dir != n.disk.Path() {
					t.Errorf("%v, asleep again: %+v", how, st)
				}
			}
			if loads := n.loads.Load(); loads != 3 {
				t.Errorf("%v: loaded %d times", how, loads)
			}
		})
	}
}

// TestY01SleepServedAtOnce: from the first byte of a plain handshake to the first block no more than 100 ms pass.
func TestY01SleepServedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.sleeping()
		n.slow = 10 * time.Millisecond // of the disk
		n.lay()
		time.Sleep(time.Hour)
		begun := time.Now()
		if err := n.block(w.host(quick)); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		t.Logf("a block %v after the dial", took)
		if took > 100*time.Millisecond {
			t.Errorf("the first block came after %v", took)
		}
	})
}

// block dials n, asks for one block and gets it.
func (n *sleeping) block(from *simnet.Host) error {
	ctx, cancel := context.WithTimeout(n.w.t.Context(), time.Minute)
	defer cancel()
	nc, err := from.Dial(ctx, "tcp", n.addr())
	if err != nil {
		return err
	}
	p := fakepeer.New(nc)
	defer p.Close()
	if err := p.Dial(fakepeer.Hello{InfoHash: n.w.tor.ID.Wire(), PeerID: [20]byte{1}}); err != nil {
		return err
	}
	if err := p.Send(wire.Message{Kind: wire.Interested}); err != nil {
		return err
	}
	if _, err := p.Expect(wire.Unchoke, time.Minute); err != nil {
		return err
	}
	if err := p.Send(wire.Message{Kind: wire.Request, Length: 16 << 10}); err != nil {
		return err
	}
	m, err := p.Expect(wire.Piece, time.Minute)
	if err == nil {
		m.Block.Release()
	}
	return err
}

// TestY02SleepFilesGone: what waking finds wrong is shown, the torrent is not announced any more, handshakes do not try again at
// once, and Resume does.
func TestY02SleepFilesGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		n := w.sleeping().lay()
		n.add.Seed = false
		time.Sleep(time.Minute)
		if st, err := n.s.Trackers(t.Context(), w.tor.ID); err != nil || len(st) != 1 || !st[0].Working {
			t.Errorf("asleep it is not announced: %+v %v", st, err)
		}
		if err := n.disk.Remove("file.bin"); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := n.block(w.host(quick)); err == nil {
				t.Fatal("a block of a file that is gone")
			}
		}
		time.Sleep(time.Second)
		n.asleep(true, "without its file")
		if st := n.status(); st.Phase != status.Failed || st.Err == "" || n.loads.Load() != 1 {
			t.Errorf("loaded %d times, %+v", n.loads.Load(), st)
		}
		if err := n.s.Wait(t.Context(), w.tor.ID); !errors.Is(err, ErrIncomplete) {
			t.Errorf("Wait: %v", err)
		}
		if st, err := n.s.Trackers(t.Context(), w.tor.ID); err != nil || len(st) != 1 || !st[0].Next.IsZero() {
			t.Errorf("it is still announced: %+v %v", st, err)
		}
		put(t, n.disk, "file.bin", w.data)
		if err := n.s.Resume(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // it is hashed
		n.asleep(false, "resumed")
		if err := n.block(w.host(quick)); err != nil {
			t.Error(err)
		}
	})
}

// TestY02SleepLocked: a torrent that another process holds when it is to wake says so, and tries again by itself until that is gone.
func TestY02SleepLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.sleeping().lay()
		other, err := n.state.Lock(fileName(w.tor.ID, n.disk.Path()) + lockSuffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.block(w.host(quick)); err == nil {
			t.Error("served though it is another's")
		}
		time.Sleep(time.Second)
		if st := n.status(); st.Phase != status.Failed || n.open.Load() != 0 {
			t.Errorf("%d handles, %+v", n.open.Load(), st)
		}
		if err := n.s.Resume(t.Context(), w.tor.ID); !errors.Is(err, ErrLocked) {
			t.Errorf("Resume: %v", err)
		}
		other.Close()
		time.Sleep(wakeAgain + 5*time.Second)
		if st := n.status(); st.Phase != status.Seeding {
			t.Errorf("when the other has gone: %+v", st)
		}
		n.asleep(false, "when the other has gone")
	})
}

// TestY05SleepCommands: a torrent that sleeps answers questions and takes commands, most of them in its sleep.
func TestY05SleepCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		tr := w.heard(time.Minute)
		n := w.sleeping().lay()
		id := w.tor.ID
		time.Sleep(10 * time.Second)
		if err := n.s.Wait(t.Context(), id); err != nil {
			t.Errorf("Wait: %v", err)
		}
		files, err := n.s.Files(t.Context(), id)
		if err != nil || len(files) != 1 || files[0].Have != 1<<20 || !files[0].Wanted {
			t.Errorf("Files: %+v %v", files, err)
		}
		if tor, err := n.s.Torrent(id); err != nil || tor != w.tor {
			t.Errorf("Torrent: %v %v", tor, err)
		}
		if peers, err := n.s.Peers(t.Context(), id); err != nil || len(peers) != 0 {
			t.Errorf("Peers: %v %v", peers, err)
		}
		if _, err := n.s.AddDormant(t.Context(), n.dormant()); !errors.Is(err, ErrDuplicate) {
			t.Errorf("added twice: %v", err)
		}
		if _, err := n.s.Add(t.Context(), Add{Torrent: w.tor, Folder: fsys.NewMem()}); !errors.Is(err, ErrDuplicate) {
			t.Errorf("added twice: %v", err)
		}
		if err := n.s.Pause(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		n.asleep(true, "paused")
		time.Sleep(time.Second) // the tracker is told that it stops
		at := time.Now()
		time.Sleep(time.Hour)
		if asked, _ := tr.since(n.host.Addr(), at); asked != 0 {
			t.Errorf("a stopped torrent was announced %d times", asked)
		}
		if err := n.block(w.host(quick)); err == nil || n.status().Phase != status.Paused {
			t.Errorf("served while stopped, as %v: %v", n.status().Phase, err)
		}
		n.asleep(true, "after a handshake while stopped")
		if at = time.Now(); n.s.Resume(t.Context(), id) != nil {
			t.Fatal("cannot be resumed")
		}
		n.asleep(true, "resumed")
		time.Sleep(5 * time.Second)
		if asked, first := tr.since(n.host.Addr(), at); asked != 1 || first > time.Second {
			t.Errorf("a resumed torrent was announced %d times, first after %v", asked, first)
		}
		if err := n.block(w.host(quick)); err != nil {
			t.Error(err)
		}
		n.asleep(false, "asked for")
		if err := n.s.Pause(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(sleepAfter + 5*time.Second)
		n.asleep(true, "stopped for a while")
		if st := n.status(); st.Phase != status.Paused {
			t.Errorf("asleep it is %v", st.Phase)
		}
		if err := n.s.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if left, err := n.state.ReadDir("."); err != nil || len(left) != 0 {
			t.Errorf("Remove leaves %v %v", left, err)
		}
		if _, err := n.s.Add(t.Context(), Add{Torrent: w.tor, Folder: n.disk}); err != nil {
			t.Errorf("added again: %v", err)
		}
	})
}

// TestY05SleepTrackers: a torrent that sleeps is given other trackers without being woken: the new ones hear of it, the old ones that it goes, and
// it has them when it wakes. One that is stopped tells nobody.
func TestY05SleepTrackers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		old := w.heard(time.Minute)
		first := w.tor.Trackers
		fresh := w.heard(time.Minute)
		second := w.tor.Trackers
		w.tor.Trackers = nil
		n := w.sleeping().lay()
		ctx, id := t.Context(), w.tor.ID
		set := func(tiers [][]string, to, from *heard) {
			t.Helper()
			at := time.Now()
			if err := n.s.SetTrackers(ctx, id, tiers); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			if asked, _ := to.since(n.host.Addr(), at); asked != 1 {
				t.Errorf("the new tracker was asked %d times", asked)
			}
			time.Sleep(10 * time.Minute)
			if asked, _ := from.since(n.host.Addr(), at); from != to && asked > 1 {
				t.Errorf("the old one was asked %d times", asked)
			}
			n.asleep(true, "with other trackers")
			if n.loads.Load() != 0 {
				t.Error("it was woken")
			}
		}
		set(first, old, old)
		set(second, fresh, old)
		if err := n.block(w.host(quick)); err != nil {
			t.Error(err)
		}
		n.asleep(false, "asked for")
		if l, err := n.s.Trackers(ctx, id); err != nil || len(l) != 1 || l[0].URL != second[0][0] {
			t.Errorf("awake it has %+v, %v", l, err)
		}
		time.Sleep(sleepAfter + time.Minute)
		n.asleep(true, "again")
		if err := n.s.Pause(ctx, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		at := time.Now()
		if err := n.s.SetTrackers(ctx, id, first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if asked, _ := old.since(n.host.Addr(), at); asked != 0 {
			t.Errorf("a stopped torrent was announced %d times", asked)
		}
		if err := n.s.SetTrackers(ctx, id, [][]string{{"ftp://x/announce"}}); !errors.Is(err, metainfo.ErrInvalid) {
			t.Error(err)
		}
	})
}

// TestY03SleepLoadHangs: a disk that hangs while a torrent wakes holds a handshake for seconds, and the end of the session not at all.
func TestY03SleepLoadHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.sleeping()
		n.slow = time.Hour
		n.lay()
		begun := time.Now()
		if err := n.block(w.host(quick)); err == nil {
			t.Error("served from a disk that hangs")
		}
		if took := time.Since(begun); took > wakeWait+time.Second {
			t.Errorf("the handshake was held for %v", took)
		}
		begun = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.s.Resume(ctx, w.tor.ID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Resume: %v", err)
		}
		n.stop()
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("the end took %v", took)
		}
		time.Sleep(2 * time.Hour)
		if open := n.open.Load(); open != 0 {
			t.Errorf("%d handles are left", open)
		}
	})
}

// TestSleepLoadFails: an error of Load, and an Add of another torrent, are shown; nothing stays open.
func TestSleepLoadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.sleeping().lay()
		broken := errors.New("the disk is broken")
		n.fail.Store(&broken)
		if err := n.s.SetSequential(t.Context(), w.tor.ID, true); !errors.Is(err, broken) {
			t.Errorf("a command says %v", err)
		}
		if st := n.status(); st.Phase != status.Failed {
			t.Errorf("%+v", st)
		}
		n.fail.Store(nil)
		right := w.tor
		wrong := *right
		wrong.ID = metainfo.ID{V1: metainfo.Hash{9}}
		w.tor = &wrong
		if err := n.s.Resume(t.Context(), right.ID); !errors.Is(err, metainfo.ErrInvalid) {
			t.Errorf("another torrent: %v", err)
		}
		w.tor = right
		if n.open.Load() != 0 {
			t.Errorf("%d handles are left", n.open.Load())
		}
		if err := n.s.Resume(t.Context(), right.ID); err != nil || n.status().Phase != status.Seeding {
			t.Errorf("%v, %v", n.status().Phase, err)
		}
	})
}

// TestSleepMagnet: a magnet link that was completed sleeps, and wakes from the info dictionary in the state folder.
func TestSleepMagnet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10).real(false)
		defer w.close()
		seed := w.node(quick).seed()
		n := &sleeping{node: w.node(quick)}
		link := w.magnet(seed.addr())
		a := Add{Magnet: link, Folder: n.disk, Load: func() (Add, error) { return Add{Magnet: link, Folder: n.disk}, nil }}
		n.run()
		if _, err := n.s.Add(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		n.wait(time.Minute)
		seed.stop()
		time.Sleep(sleepAfter + time.Minute)
		n.asleep(true, "complete")
		if tor, err := n.s.Torrent(w.tor.ID); err != nil || tor.Info.Name() != w.tor.Info.Name() {
			t.Errorf("%v %v", tor, err)
		}
		n.asleep(true, "looked at")
		if err := n.block(w.host(quick)); err != nil {
			t.Error(err)
		}
		n.asleep(false, "asked for")
	})
}
