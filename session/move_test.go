package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/status"
)

// below is a folder of a tree in memory as an FS of its own; two of one tree are on one volume.
type below struct {
	fsys.FS
	dir string
}

func (b below) in(name string) string { return path.Join(b.dir, name) }
func (b below) Path() string          { return "/" + b.dir }
func (b below) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	return b.FS.OpenFile(b.in(name), flag, perm)
}
func (b below) MkdirAll(name string, perm fs.FileMode) error { return b.FS.MkdirAll(b.in(name), perm) }
func (b below) Lstat(name string) (fsys.Stat, error)         { return b.FS.Lstat(b.in(name)) }
func (b below) ReadDir(name string) ([]fs.DirEntry, error)   { return b.FS.ReadDir(b.in(name)) }
func (b below) Rename(from, to string) error                 { return b.FS.Rename(b.in(from), b.in(to)) }
func (b below) Remove(name string) error                     { return b.FS.Remove(b.in(name)) }
func (b below) SyncDir(name string) error                    { return b.FS.SyncDir(b.in(name)) }
func (b below) RenameTo(from string, to fsys.FS, name string) error {
	o, ok := to.(interface{ base() below })
	if !ok || o.base().FS != b.FS {
		return fsys.ErrElsewhere
	}
	return b.FS.Rename(b.in(from), o.base().in(name))
}
func (b below) base() below { return b }

// movers is a torrent with a selection, between two folders.
type movers struct {
	t      *testing.T
	w      *sim
	n      *node
	seed   *node
	files  []metainfo.File
	a, b   *fsys.Mem // one and the same for one volume
	picked []uint8
}

// newMovers downloads two of three files, so that some of the third lies apart.
func newMovers(t *testing.T, w *sim, oneVolume bool) *movers {
	t.Helper()
	m := &movers{t: t, w: w, files: w.folder(64<<10, 300_000, 600_000, 500_000), a: fsys.NewMem(), picked: []uint8{1, 0, 1}}
	if m.b = m.a; !oneVolume {
		m.b = fsys.NewMem()
	}
	for mem, dir := range map[*fsys.Mem]string{m.a: "old", m.b: "new"} {
		if err := errors.Join(m.a.MkdirAll("old", 0o777), mem.MkdirAll(dir, 0o777), mem.SyncDir(".")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(m.b.MkdirAll("new", 0o777), m.b.SyncDir("."), m.a.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	m.seed = w.node(quick)
	m.seed.putFolder(m.files)
	m.seed.start(Add{Seed: true})
	m.n = w.node(quick)
	m.n.cfg.OpenFolder = func(p string) (fsys.FS, error) { return m.folder(strings.TrimPrefix(p, "/")), nil }
	if err := m.begin("old", m.seed.addr()); err != nil {
		t.Fatal(err)
	}
	m.whole("the download")
	return m
}

// folder returns the folder "old" or "new" as the process sees it.
func (m *movers) folder(dir string) fsys.FS {
	mem := m.a
	if dir == "new" {
		mem = m.b
	}
	return below{m.n.mortal(mem), dir}
}

// begin starts a session with the torrent in a folder.
func (m *movers) begin(dir string, peers ...string) error {
	m.n.run()
	_, err := m.n.s.Add(m.t.Context(), Add{Torrent: m.w.tor, Folder: m.folder(dir), Peers: peers, Priorities: m.picked})
	return err
}

// whole waits until everything wanted is there.
func (m *movers) whole(when string) {
	m.t.Helper()
	ctx, cancel := ctxFor(m.t, time.Minute)
	defer cancel()
	if err := m.n.s.Wait(ctx, m.w.tor.ID); err != nil {
		m.t.Fatalf("after %s: %v; %+v", when, err, m.n.status())
	}
}

// holds reports whether a folder has all bytes of the wanted files.
func (m *movers) holds(dir string) bool {
	mem, rest := m.a, m.w.data
	if dir == "new" {
		mem = m.b
	}
	for i, f := range m.files {
		data := rest[:f.Length]
		rest = rest[f.Length:]
		if m.picked[i] == 0 {
			continue
		}
		if _, err := mem.Lstat(dir + "/" + f.Path); err != nil || !bytes.Equal(get(m.t, mem, dir+"/"+f.Path), data) {
			return false
		}
	}
	return true
}

// empty reports whether nothing is in a folder.
func (m *movers) empty(dir string) bool {
	mem := m.a
	if dir == "new" {
		mem = m.b
	}
	list, err := mem.ReadDir(dir)
	return err == nil && len(list) == 0
}

// rest waits until the torrent is in no phase of passage.
func (m *movers) rest() status.Torrent {
	for range 10_000 {
		if st := m.n.status(); st.Phase != status.Moving && st.Phase != status.Checking && st.Phase != status.Opening {
			return st
		}
		time.Sleep(time.Millisecond)
	}
	m.t.Fatalf("it does not come to rest: %+v", m.n.status())
	return status.Torrent{}
}

func bothVolumes(t *testing.T, f func(t *testing.T, w *sim, one bool)) {
	for _, one := range []bool{true, false} {
		t.Run(map[bool]string{true: "same volume", false: "other volume"}[one], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSim(t, 2<<20, 64<<10)
				defer w.close()
				f(t, w, one)
			})
		})
	}
}

// TestMove: everything goes along, nothing is hashed or fetched again, and the next start finds it from either folder.
func TestMove(t *testing.T) {
	bothVolumes(t, func(t *testing.T, w *sim, one bool) {
		m := newMovers(t, w, one)
		down, ctx := m.n.status().DownTotal, t.Context()
		to := intruded{below{m.b, "new"}, func(string) { time.Sleep(time.Second) }}
		if err := m.n.s.Move(ctx, w.tor.ID, to, true); err != nil {
			t.Fatal(err)
		}
		if st := m.n.status(); st.Phase != status.Moving || st.DownTotal != down || st.Dir != "/old" {
			t.Errorf("it moves: %+v", st)
		}
		st := m.rest()
		if st.Phase != status.Partial || st.Dir != "/new" || st.Err != "" || st.DownTotal != down {
			t.Errorf("it has moved: %+v", st)
		}
		m.whole("the move")
		if !m.holds("new") || !m.empty("old") {
			t.Error("the files are not where they belong")
		}
		if err := m.n.s.SetPriorities(ctx, w.tor.ID, []uint8{1, 1, 1}); err != nil { // what lay apart moved too
			t.Fatal(err)
		}
		m.picked = nil
		for _, dir := range []string{"old", "new", "new"} {
			m.n.stop()
			if err := m.begin(dir); err != nil {
				t.Fatal(err)
			}
			if st := m.rest(); st.Dir != "/new" {
				t.Errorf("started with %s it is in %s", dir, st.Dir)
			}
		}
		if st := m.n.status(); st.DownTotal != down {
			t.Errorf("%d bytes were fetched again", st.DownTotal-down)
		}
	})
}

// TestMoveWithoutData: the files are looked for in the other folder, and others' are not overwritten.
func TestMoveWithoutData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		m := newMovers(t, w, false)
		if err := m.b.MkdirAll("new/dir/sub", 0o777); err != nil {
			t.Fatal(err)
		}
		put(t, m.b, "new/"+m.files[0].Path, []byte("somebody else's"))
		if err := m.n.s.Move(t.Context(), w.tor.ID, m.folder("new"), true); !errors.Is(err, ErrExists) {
			t.Errorf("moved onto others: %v", err)
		}
		if err := m.n.s.Move(t.Context(), w.tor.ID, m.folder("new"), false); err != nil {
			t.Fatal(err)
		}
		if st := m.rest(); st.Phase != status.Failed || st.Dir != "/new" || string(get(t, m.b, "new/"+m.files[0].Path)) != "somebody else's" {
			t.Errorf("%+v", st)
		}
		put(t, m.b, "new/"+m.files[0].Path, w.data[:300_000])
		if err := m.n.s.Resume(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		if st := m.rest(); st.Phase != status.Leeching || st.Have < 200_000 {
			t.Errorf("%+v", st)
		}
		if !m.holds("old") {
			t.Error("the old folder has lost something")
		}
	})
}

// TestS08NoSpace: a move that finds no room leaves everything where it was, and says so.
func TestS08NoSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		m := newMovers(t, w, false)
		for _, room := range []int64{0, 100 << 10, 400 << 10, 800 << 10} {
			m.b.SetFree(room)
			if err := m.n.s.Move(t.Context(), w.tor.ID, m.folder("new"), true); err != nil {
				t.Fatal(err)
			}
			st := m.rest()
			if st.Phase != status.Failed || st.Dir != "/old" || !strings.Contains(st.Err, syscall.ENOSPC.Error()) {
				t.Errorf("with %d bytes of room: %+v", room, st)
			}
			if !m.holds("old") || !m.empty("new") {
				t.Errorf("with %d bytes of room: old is whole: %v, new is empty: %v", room, m.holds("old"), m.empty("new"))
			}
			if err := m.n.s.Resume(t.Context(), w.tor.ID); err != nil || m.rest().Phase != status.Partial {
				t.Errorf("resumed: %v, %+v", err, m.n.status())
			}
		}
	})
}

// TestS08EveryCall: one call fails, whichever it is; a whole copy is in one of the folders, and the torrent knows in which.
func TestS08EveryCall(t *testing.T) {
	bothVolumes(t, func(t *testing.T, w *sim, one bool) {
		m := newMovers(t, w, one)
		here, failed := "old", 0
		for call := 1; ; call++ {
			there := map[string]string{"old": "new", "new": "old"}[here]
			if err := eraseFiles(m.folder(there), m.n.s.reg.find(w.tor.ID.Wire()).fileNames()); err != nil { // what could not be deleted after the last
				t.Fatal(err)
			}
			disks := []*fsys.Mem{m.a, m.b, m.n.state}
			disk := disks[call%len(disks)]
			disk.FailAt(call/len(disks)+1, syscall.EIO)
			if err := m.n.s.Move(t.Context(), w.tor.ID, m.folder(there), true); err != nil {
				t.Fatalf("call %d: %v", call, err)
			}
			st := m.rest()
			disk.FailAt(0, nil)
			if st.Phase == status.Failed {
				failed++
				if err := m.n.s.Resume(t.Context(), w.tor.ID); err != nil {
					t.Fatalf("call %d: %v", call, err)
				}
				st = m.rest()
			}
			here = strings.TrimPrefix(st.Dir, "/")
			if !m.holds(here) || st.Phase != status.Partial && st.Phase != status.Leeching {
				t.Fatalf("call %d: %s is not whole: %+v", call, here, st)
			}
			m.whole(fmt.Sprintf("call %d", call))
			if call > 150 {
				break
			}
		}
		if failed < 10 {
			t.Errorf("only %d moves failed", failed)
		}
	})
}

// TestS08Kill: killed in any call of a move, with or without a power cut, one folder or both together have everything, and the
// next start finishes the move, whichever folder it is given. Nobody has to be asked for anything.
func TestS08Kill(t *testing.T) {
	for _, power := range []bool{false, true} {
		bothVolumes(t, func(t *testing.T, w *sim, one bool) {
			if power && one {
				return // a rename between folders is one step of a journal, which the tree in memory has not
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			m := newMovers(t, w, one)
			down := m.n.status().DownTotal
			here, kills := "old", 0
			for calls := 1; ; calls++ {
				there := map[string]string{"old": "new", "new": "old"}[here]
				m.n.stop()
				m.n.life = newLife(calls)
				err := m.begin(here)
				if err == nil {
					m.rest()
					err = m.n.s.Move(t.Context(), w.tor.ID, m.folder(there), true)
				}
				if err == nil {
					m.rest()
				}
				killed := m.n.life.dead() != nil
				if err != nil && !killed {
					t.Fatalf("%d calls: %v", calls, err)
				}
				m.n.stop()
				m.n.life = nil
				if power {
					m.a, m.b, m.n.state = m.a.Crash(rnd), m.b.Crash(rnd), m.n.state.Crash(rnd)
					m.n.cfg.BootID += "'"
				}
				if killed {
					kills++
				}
				if err := m.begin([]string{here, there}[calls%2]); err != nil && !killed {
					t.Fatalf("%d calls: %v", calls, err)
				}
				st := m.rest()
				if st.Dir == "/"+here && m.holds(here) || st.Dir == "/"+there && m.holds(there) {
					here = strings.TrimPrefix(st.Dir, "/")
				} else if calls%2 == 1 && m.holds(here) { // the move had not begun: the other folder was nothing yet
					m.n.stop()
					if err := m.begin(here); err != nil {
						t.Fatal(err)
					}
					m.rest()
				} else {
					t.Fatalf("%d calls: in %s nothing is whole: %+v", calls, st.Dir, st)
				}
				m.whole(fmt.Sprintf("%d calls", calls))
				if got := m.n.status().DownTotal; got != down {
					t.Fatalf("%d calls: %d bytes were fetched again", calls, got-down)
				}
				if !killed {
					break
				}
			}
			t.Logf("%d kills", kills)
			if kills < 40 {
				t.Errorf("only %d kills", kills)
			}
		})
	}
}

func ctxFor(t *testing.T, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), limit)
}

// TestRemoveWhileMoving: a move that is cut by a removal leaves nothing in the new folder, and the files where they were.
func TestRemoveWhileMoving(t *testing.T) {
	for _, data := range []bool{false, true} {
		bothVolumes(t, func(t *testing.T, w *sim, one bool) {
			m := newMovers(t, w, one)
			to := intruded{below{m.b, "new"}, func(string) { time.Sleep(time.Second) }}
			if err := m.n.s.Move(t.Context(), w.tor.ID, to, true); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{m.n.s.Move(t.Context(), w.tor.ID, m.folder("new"), true), m.n.s.Verify(t.Context(), w.tor.ID)} {
				if !errors.Is(err, errBusy) {
					t.Errorf("a verb while it moves: %v", err)
				}
			}
			if err := m.n.s.Pause(t.Context(), w.tor.ID); err != nil {
				t.Error(err)
			}
			var err error
			if data {
				err = m.n.s.RemoveData(t.Context(), w.tor.ID)
			} else {
				err = m.n.s.Remove(t.Context(), w.tor.ID)
			}
			if err != nil {
				t.Error(err)
			}
			if old, fresh := m.empty("old"), m.empty("new"); data && !(old && fresh) || !data && old == fresh {
				t.Errorf("old is empty: %v, new is: %v", old, fresh)
			}
			if !data && !m.holds("old") && !m.holds("new") {
				t.Error("nothing is whole")
			}
			if list, _ := m.n.state.ReadDir("."); len(list) != 0 {
				t.Errorf("the state folder has %v", list)
			}
		})
	}
}

// TestRemoveBeforeMoving: a removal that comes before a move has begun gives the new folder back.
func TestRemoveBeforeMoving(t *testing.T) {
	bothVolumes(t, func(t *testing.T, w *sim, one bool) {
		m := newMovers(t, w, one)
		to := &closing{below: below{m.b, "new"}}
		if err := m.n.s.Move(t.Context(), w.tor.ID, to, true); err != nil {
			t.Fatal(err)
		}
		if err := m.n.s.Remove(t.Context(), w.tor.ID); err != nil {
			t.Error(err)
		}
		if !m.holds("old") || !m.empty("new") {
			t.Error("it was moved")
		}
		if !to.closed {
			t.Error("the new folder is held")
		}
		l, err := m.n.state.Lock(fileName(w.tor.ID, to.Path()) + lockSuffix)
		if err != nil {
			t.Fatalf("the new folder is locked: %v", err)
		}
		l.Close()
	})
}

// closing is a folder that knows whether it was closed.
type closing struct {
	below
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// TestMoveOnDisk: the same with real folders, by renaming.
func TestMoveOnDisk(t *testing.T) {
	info, data := fakepeer.Content("file.bin", 1<<20, 64<<10, 1)
	tor := &metainfo.Torrent{ID: metainfo.ID{V1: metainfo.Hash{'d'}}, Info: info}
	from, to := t.TempDir(), t.TempDir()
	open := func(dir string) fsys.FS {
		d, err := fsys.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	put(t, open(from), "file.bin", data)
	state := open(t.TempDir())
	s := running(t, Config{Listen: "127.0.0.1:0", State: state, NoLSD: true, NoPortMap: true})
	if _, err := s.Add(t.Context(), Add{Torrent: tor, Folder: open(from)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), tor.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Move(t.Context(), tor.ID, open(to), true); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), tor.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(t.Context(), tor.ID, "file.bin", "other.bin"); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), tor.ID); err != nil {
		t.Fatal(err)
	}
	if b := get(t, open(to), "other.bin"); !bytes.Equal(b, data) {
		t.Error("the file differs")
	}
	if st, err := s.Summary(t.Context(), tor.ID); err != nil || st.PiecesHave != st.Pieces || st.Dir != to {
		t.Errorf("%+v, %v", st, err)
	}
	if err := s.RemoveData(t.Context(), tor.ID); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{from, to} {
		if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
			t.Errorf("%s: %v, %v", dir, list, err)
		}
	}
}

// intruded is a folder in which somebody else is at work when folders are made.
type intruded struct {
	below
	do func(dir string)
}

func (f intruded) MkdirAll(dir string, perm fs.FileMode) error {
	f.do(dir)
	return f.below.MkdirAll(dir, perm)
}

// TestMoveOntoAnother: a file that somebody puts into the new folder while the move begins is neither overwritten, nor taken for ours, nor
// deleted when the move is undone.
func TestMoveOntoAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		m := newMovers(t, w, false)
		to := intruded{below{m.b, "new"}, func(dir string) {
			if err := m.b.MkdirAll("new/"+dir, 0o777); err != nil {
				t.Error(err)
			}
			put(t, m.b, "new/"+m.files[2].Path, []byte("somebody else's"))
		}}
		if err := m.n.s.Move(t.Context(), w.tor.ID, to, true); err != nil {
			t.Fatal(err)
		}
		if st := m.rest(); st.Phase != status.Failed || st.Dir != "/old" || !m.holds("old") {
			t.Errorf("%+v", st)
		}
		if got := string(get(t, m.b, "new/"+m.files[2].Path)); got != "somebody else's" {
			t.Errorf("%q", got)
		}
		if _, err := m.b.Lstat("new/" + m.files[0].Path); err == nil {
			t.Error("a copy is left")
		}
	})
}
