//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// What operations may be refused with: the files of a magnet link are not known yet, or a move or a check has them just now.
var (
	errSoakBusy    = errors.New("being moved or looked at")
	errSoakNoFiles = status.ErrNoMetadata
)

// soakOps are what may happen to a torrent in the list.
var soakOps = []struct {
	name string
	do   func(*soak, context.Context, *rand.Rand, *soaked)
}{
	{"wait", (*soak).wait}, {"wait", (*soak).wait}, {"look", (*soak).look}, {"stop", (*soak).stop}, {"start", (*soak).start}, {"start", (*soak).start},
	{"verify", (*soak).verify}, {"move", (*soak).move}, {"rename", (*soak).rename}, {"change", (*soak).change}, {"queue", (*soak).queue},
	{"announce", (*soak).announce}, {"again", (*soak).addAgain}, {"take", (*soak).take}, {"take", (*soak).take}, {"settings", (*soak).settings},
	{"remove", (*soak).remove}, {"remove with data", (*soak).removeData}, {"undo", (*soak).undo},
}

// add puts a torrent into the list: by its file, by a magnet link, or by its hash and what the tracker knows.
func (s *soak) add(ctx context.Context, rnd *rand.Rand, k *soaked) {
	a := status.NewTorrent{Stopped: rnd.IntN(8) == 0, First: rnd.IntN(4) == 0}
	if rnd.IntN(3) > 0 {
		a.Dir = s.dir(rnd.IntN(3))
	}
	if rnd.IntN(2) == 0 {
		a.Metainfo = k.raw
	} else {
		m := metainfo.Magnet{ID: k.tor.ID, Name: k.tor.Info.Name(), Peers: []string{s.peer}, Trackers: k.tor.Trackers[0]}
		a.Source = m.String()
	}
	k.note("add to %q, stopped %v, by file %v", a.Dir, a.Stopped, a.Metainfo != nil)
	_, added, err := s.client.Add(ctx, a)
	if err == nil && !added {
		err = errors.New("it is there already")
	}
	k.there = true
	s.did("add", err)
}

// wait gives a torrent time to get on.
func (s *soak) wait(ctx context.Context, rnd *rand.Rand, k *soaked) {
	for end := time.Now().Add(time.Duration(rnd.IntN(1000)) * time.Millisecond); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if e := s.entry(ctx, k); e.Phase == status.Seeding {
			return
		}
	}
}

// entry returns a torrent as the daemon lists it.
func (s *soak) entry(ctx context.Context, k *soaked) status.Entry {
	e, err := s.client.Entry(ctx, k.tor.ID)
	s.did("show", err)
	return e
}

// look asks all there is to ask.
func (s *soak) look(ctx context.Context, rnd *rand.Rand, k *soaked) {
	_, err := s.client.Details(ctx, k.tor.ID)
	s.did("details", err)
	_, err = s.client.Files(ctx, k.tor.ID)
	s.did("files", err, errSoakNoFiles)
	_, err = s.client.Peers(ctx, k.tor.ID)
	s.did("peers", err)
	_, err = s.client.Trackers(ctx, k.tor.ID)
	s.did("trackers", err)
	list, _, err := s.client.Entries(ctx, time.Time{})
	s.did("list", err)
	for _, e := range list {
		if e.Down < 0 || e.Up < 0 || e.Downloading < 0 || e.Seeding < 0 || e.Have > e.Size || e.ETA < -1 {
			s.t.Errorf("%+v", e)
		}
		if e.Err != "" {
			s.did("error of a torrent", errors.New(e.Err), errSoakBusy)
		}
	}
}

func (s *soak) stop(ctx context.Context, rnd *rand.Rand, k *soaked) {
	s.did("stop", s.client.Stop(ctx, k.tor.ID))
}

func (s *soak) start(ctx context.Context, rnd *rand.Rand, k *soaked) {
	s.did("start", s.client.Start(ctx, k.tor.ID, rnd.IntN(4) == 0))
}

func (s *soak) verify(ctx context.Context, rnd *rand.Rand, k *soaked) {
	s.did("verify", s.client.Verify(ctx, k.tor.ID), errSoakNoFiles)
}

func (s *soak) announce(ctx context.Context, rnd *rand.Rand, k *soaked) {
	s.did("announce", s.client.Announce(ctx, k.tor.ID), errors.New("start it first"))
}

func (s *soak) addAgain(ctx context.Context, rnd *rand.Rand, k *soaked) {
	_, added, err := s.client.Add(ctx, status.NewTorrent{Metainfo: k.raw})
	if err == nil && added {
		err = errors.New("it was there already")
	}
	s.did("add again", err)
}

func (s *soak) move(ctx context.Context, rnd *rand.Rand, k *soaked) {
	dir := s.dir(rnd.IntN(3))
	err := s.client.Move(ctx, k.tor.ID, dir, true)
	k.note("to %s: %v", dir, err)
	s.did("move", err, errSoakBusy)
}

// rename gives the torrent, or one of its files, another name, or its first one back.
func (s *soak) rename(ctx context.Context, rnd *rand.Rand, k *soaked) {
	files, err := s.client.Files(ctx, k.tor.ID)
	s.did("files", err, errSoakNoFiles)
	if len(files) == 0 {
		return
	}
	path, name := files[rnd.IntN(len(files))].Path, ""
	if root, _, many := strings.Cut(path, "/"); !many || rnd.IntN(2) == 0 {
		path, name = root, k.tor.Info.Name()+[]string{"", "-a", "-b"}[rnd.IntN(3)]
	} else {
		name = fmt.Sprint("file-", rnd.IntN(1000))
	}
	err = s.client.Rename(ctx, k.tor.ID, path, name)
	k.note("%s to %s: %v", path, name, err)
	s.did("rename", err, errSoakBusy)
}

// change alters options of a torrent.
func (s *soak) change(ctx context.Context, rnd *rand.Rand, k *soaked) {
	labels, limit, yes, prio := []string{fmt.Sprint("label-", rnd.IntN(5))}, int64(rnd.IntN(3))<<20, rnd.IntN(2) == 0, int8(rnd.IntN(3)-1)
	c := status.Change{Labels: &labels, UpLimit: &limit, Sequential: &yes, Priority: &prio}
	if rnd.IntN(3) == 0 {
		c.Files = map[int]uint8{0: uint8(rnd.IntN(4))}
	}
	err := s.client.Change(ctx, k.tor.ID, c)
	k.note("files %v: %v", c.Files, err)
	s.did("change", err, errSoakNoFiles, errSoakBusy)
}

func (s *soak) queue(ctx context.Context, rnd *rand.Rand, k *soaked) {
	s.did("queue", s.client.Queue(ctx, []metainfo.ID{k.tor.ID}, status.QueueMove(rnd.IntN(4))))
}

// settings changes limits of the whole daemon.
func (s *soak) settings(ctx context.Context, rnd *rand.Rand, k *soaked) {
	set, err := s.client.Settings(ctx)
	s.did("settings", err)
	if err == nil {
		set.UpLimit, set.QueueDownloads = int64(rnd.IntN(2))*(20<<20), 20+rnd.IntN(50)
		s.did("set", s.client.Set(ctx, set))
	}
}

// take lets somebody else download a torrent from the daemon.
func (s *soak) take(ctx context.Context, rnd *rand.Rand, k *soaked) {
	e := s.entry(ctx, k)
	if e.Phase != status.Seeding {
		return
	}
	stats, err := s.lib.Stats(ctx)
	if err != nil || len(stats.Listen) == 0 {
		s.t.Errorf("%+v %v", stats, err)
		return
	}
	dir, err := fsys.CreateDir(filepath.Join(s.base, "taken"))
	if err != nil {
		s.t.Error(err)
		return
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := s.taker.Add(limited, session.Add{Torrent: k.tor, Folder: dir, Peers: []string{stats.Listen[0].String()}}); err != nil {
		s.did("take", err)
		return
	}
	if s.taker.Wait(limited, k.tor.ID) == nil {
		s.taken.Add(k.tor.Info.Size())
	}
	s.did("take", s.taker.RemoveData(ctx, k.tor.ID))
}

// remove takes a torrent out of the list and leaves its files, which are then deleted here: where they were a moment ago or, after a move that
// had yet to begin again, in another of the folders.
func (s *soak) remove(ctx context.Context, rnd *rand.Rand, k *soaked) {
	e := s.entry(ctx, k)
	files, err := s.client.Files(ctx, k.tor.ID)
	s.did("files", err, errSoakNoFiles)
	if e.Phase == status.Moving || len(files) == 0 {
		s.removeData(ctx, rnd, k)
		return
	}
	s.did("remove", s.client.Remove(ctx, k.tor.ID, status.Removal{}))
	k.there = false
	root, _, _ := strings.Cut(files[0].Path, "/")
	k.note("delete %s in %s", root, e.Dir)
	if s.delete(k, e.Dir, root) {
		return
	}
	for i := range 3 {
		for _, end := range []string{"", "-a", "-b"} {
			s.delete(k, s.dir(i), k.tor.Info.Name()+end)
		}
	}
}

// delete deletes a torrent's files in a folder, and what was kept apart. It reports whether there were files.
func (s *soak) delete(k *soaked, dir, root string) bool {
	if err := os.Remove(filepath.Join(dir, "."+k.tor.ID.String()+".parts")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Error(err)
	}
	path := filepath.Join(dir, root)
	_, err := os.Lstat(path)
	if err := os.RemoveAll(path); err != nil {
		s.t.Error(err)
	}
	return err == nil
}

func (s *soak) removeData(ctx context.Context, rnd *rand.Rand, k *soaked) {
	s.did("remove with data", s.client.Remove(ctx, k.tor.ID, status.Removal{Data: true}))
	k.there = false
}

// undo removes a torrent so that it can come back, which every other does.
func (s *soak) undo(ctx context.Context, rnd *rand.Rand, k *soaked) {
	const hold = 3 * time.Second
	begun := time.Now()
	err := s.client.Remove(ctx, k.tor.ID, status.Removal{Data: true, Undo: hold})
	if s.did("remove for a while", err); err != nil {
		return
	}
	if rnd.IntN(2) == 0 {
		err := s.client.Restore(ctx, k.tor.ID)
		if err == nil || time.Since(begun) < hold {
			s.did("undo", err)
			return
		}
		s.did("undo too late", err, errors.New("was not removed a moment ago")) // on a slow machine
	}
	k.there, k.gone = false, time.Now().Add(hold+5*time.Second)
}
