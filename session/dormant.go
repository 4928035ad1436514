package session

import (
	"context"
	"fmt"
	"io"
	"time"
	"unique"

	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/status"
	"shoal/swarm"
)

// Dormant is a complete torrent that nobody asks for just now: all that a session needs to announce and show it.
type Dormant struct {
	ID   metainfo.ID // with a v1 hash
	Name string      // foreign text: clean before showing
	// Dir is the Path of the folder that Load opens; the lock and the resume record are named after it.
	Dir  string
	Size int64 // of all files, pad files left out
	// PieceLength is in bytes; Pieces and Files are numbers of them.
	PieceLength, Pieces, Files int
	Private                    bool
	Trackers                   [][]string // URLs by tier
	DownTotal, UpTotal         int64      // payload bytes of earlier runs
	Added, Finished            time.Time
	Limits                     TorrentLimits
	// Stopped torrents are neither announced nor served until Resume.
	Stopped bool
	// Load returns the Add of this torrent: it reads the .torrent and opens the folder, which the session closes. It is called when the
	// torrent wakes, on a goroutine of its own, a few at a time, and may wait for the disk. It may not call the session.
	Load func() (Add, error)
}

// AddDormant takes a torrent into the session without touching any file: it is announced and shown, and costs a record of about
// a kilobyte, no goroutine, no file handle, no lock and no piece hashes. It wakes, as if it were added with what Load returns, when a peer
// shakes hands for it or a command needs its files, and falls asleep again after some minutes without peers. What is wrong with its files
// shows then, as the phase Failed; Resume tries again. ErrDuplicate and ErrStopped come at once.
func (s *Session) AddDormant(ctx context.Context, d Dormant) (metainfo.ID, error) {
	if err := ctx.Err(); err != nil {
		return d.ID, err
	}
	switch {
	case !d.ID.HasV1():
		return d.ID, fmt.Errorf("%v: %w", d.ID, metainfo.ErrUnsupportedV2)
	case d.Load == nil:
		return d.ID, fmt.Errorf("%w: %v has no way to wake (Dormant.Load)", metainfo.ErrInvalid, d.ID)
	}
	p := newSleeper(d)
	k, err := s.reg.addAsleep(p)
	if err == nil && !p.Stopped {
		s.announceAsleep(k, p, false)
	}
	return d.ID, err
}

// sleeper is a torrent that sleeps. It never changes: another one takes its place.
type sleeper struct {
	Dormant
	failure *mishap // of the last try to wake it; nil: none
}

// mishap is why a torrent does not wake.
type mishap struct {
	err   error
	again time.Time // no handshake wakes it before; zero for never
}

// newSleeper keeps d, with one copy of each text that torrents share.
func newSleeper(d Dormant) *sleeper {
	d.Dir, d.Trackers = unique.Make(d.Dir).Value(), sharedTiers(d.Trackers)
	return &sleeper{Dormant: d}
}

// sharedTiers returns a copy of tiers whose texts are those that other torrents have.
func sharedTiers(of [][]string) [][]string {
	tiers := make([][]string, 0, len(of))
	for _, t := range of {
		tier := make([]string, len(t))
		for i, u := range t {
			tier[i] = unique.Make(u).Value()
		}
		tiers = append(tiers, tier)
	}
	return tiers
}

// snapshot returns the summary of a torrent that sleeps.
func (p *sleeper) snapshot() status.Torrent {
	out := status.Torrent{
		ID: p.ID, Name: p.Name, Dir: p.Dir, Phase: status.Seeding, Size: p.Size, Wanted: p.Size, Have: p.Size,
		Pieces: p.Pieces, PiecesHave: p.Pieces, PieceLength: p.PieceLength, Private: p.Private,
		DownTotal: p.DownTotal, UpTotal: p.UpTotal, ETA: -1, Added: p.Added, Finished: p.Finished,
	}
	switch {
	case p.failure != nil:
		out.Phase, out.Err = status.Failed, p.failure.err.Error()
	case p.Stopped:
		out.Phase = status.Paused
	}
	return out
}

// err is why it does not wake, nil if nothing is known against it.
func (p *sleeper) err() error {
	if p.failure == nil {
		return nil
	}
	return p.failure.err
}

// announceAsleep begins to tell others of a torrent that sleeps: soon, or in its turn.
func (s *Session) announceAsleep(k budget.Key, p *sleeper, soon bool) {
	s.announce.addAsleep(k, &p.Dormant, soon)
	if p.Private {
		return
	}
	if s.near.lsd != nil {
		s.near.lsd.AddLater(p.ID.Wire())
	}
	s.overlay.seekAsleep(k, len(p.Trackers) > 0 && !s.cfg.NoTrackers)
}

// pauseAsleep stops a torrent that sleeps, resumeAsleep lets it go on. They report whether it was asleep.
func (s *Session) pauseAsleep(h metainfo.Hash) bool {
	s.hush.Lock()
	k, p := s.reg.change(h, func(p *sleeper) { p.Stopped = true })
	var words []owed
	if p != nil {
		words = s.announce.drop(k, h)
	}
	s.hush.Unlock()
	s.announce.sayGoodbye(words)
	return p != nil
}

func (s *Session) resumeAsleep(h metainfo.Hash) bool {
	s.hush.Lock()
	defer s.hush.Unlock()
	k, p := s.reg.change(h, func(p *sleeper) {
		if p.failure == nil {
			p.Stopped = false
		}
	})
	if p == nil || p.failure != nil {
		return false
	}
	s.announceAsleep(k, p, true)
	return true
}

// trackersAsleep gives a torrent that sleeps other trackers, which hear of it in its turn. It reports whether it was asleep.
func (s *Session) trackersAsleep(h metainfo.Hash, tiers [][]string) bool {
	s.hush.Lock()
	k, p := s.reg.change(h, func(p *sleeper) { p.Trackers = sharedTiers(tiers) })
	var words []owed
	if p != nil && !p.Stopped && p.failure == nil {
		var known bool
		if words, known = s.announce.exchange(k, p.Trackers); !known {
			s.announce.addAsleep(k, &p.Dormant, false)
		}
		s.overlay.tracked(k, len(tiers) > 0 && !s.cfg.NoTrackers)
		poke(s.announce.wake)
	}
	s.hush.Unlock()
	s.announce.sayGoodbye(words)
	return p != nil
}

// buryAsleep deletes what is remembered of a torrent that slept and was removed, and with data its files, under its lock.
func (s *Session) buryAsleep(ctx context.Context, p *sleeper, data bool) (err error) {
	t := &torrent{s: s, id: p.ID, name: fileName(p.ID, p.Dir)}
	if s.cfg.State != nil {
		if t.lock, err = s.cfg.State.Lock(t.name + lockSuffix); err != nil {
			return fmt.Errorf("%s is out of the list, but what is remembered of it stays: %w", p.Name, err)
		}
		defer t.lock.Close() // the process's end would do the same
	}
	if data {
		err = s.eraseAsleep(ctx, p, t.lock)
	}
	t.removed.Store(true)
	t.forget()
	return err
}

// eraseAsleep deletes the files of a torrent that sleeps.
func (s *Session) eraseAsleep(ctx context.Context, p *sleeper, lock io.Closer) error {
	t, err := s.peek(ctx, p, lock)
	if err != nil {
		return fmt.Errorf("the files of %s are left: %w", p.Name, err)
	}
	defer t.add.close()
	if err := eraseFiles(t.add.Folder, s.unshared(p.ID, t.add.Folder.Path(), t.fileNames())); err != nil {
		return fmt.Errorf("delete the files of %s in %s: %w", p.Name, p.Dir, err)
	}
	return nil
}

// load calls Load and looks whether it is the right torrent. A disk that hangs does not keep it: what comes too late is closed.
func (s *Session) load(ctx context.Context, p *sleeper) (Add, error) {
	type loaded struct {
		a   Add
		err error
	}
	done := make(chan loaded, 1)
	go func() {
		a, err := p.Load()
		done <- loaded{a, err}
	}()
	select {
	case l := <-done:
		if l.err == nil && !l.a.is(p.ID) {
			l.err = fmt.Errorf("what is kept of %s is of another torrent: %w", p.Name, metainfo.ErrInvalid)
			l.a.close()
		}
		if l.err != nil {
			return Add{}, fmt.Errorf("%s cannot wake: %w", p.Name, l.err)
		}
		return l.a, nil
	case <-ctx.Done():
		go func() {
			if l := <-done; l.err == nil {
				l.a.close()
			}
		}()
		return Add{}, ctx.Err()
	}
}

// is reports whether an Add is of a torrent.
func (a *Add) is(id metainfo.ID) bool {
	switch {
	case a.Torrent != nil:
		return a.Torrent.ID.Wire() == id.Wire() && a.Folder != nil
	case a.Magnet != nil:
		return a.Magnet.ID.Wire() == id.Wire() && a.Folder != nil
	}
	return false
}

func (a *Add) close() {
	if a.Folder != nil {
		_ = a.Folder.Close() // it was only read
	}
}

// peek makes a torrent of one that sleeps, for a look at what it holds: nothing of it runs, and its Add is to be closed. Without the lock,
// which may be nil, files that were renamed have the names that Load tells.
func (s *Session) peek(ctx context.Context, p *sleeper, lock io.Closer) (*torrent, error) {
	a, err := s.load(ctx, p)
	if err != nil {
		return nil, err
	}
	t := s.newTorrent(a)
	t.name, t.lock = fileName(t.id, a.Folder.Path()), lock
	tor := a.Torrent
	if tor == nil {
		if tor = t.stored(); tor == nil {
			a.close()
			return nil, fmt.Errorf("%s: %w", p.Name, swarm.ErrNoMetadata)
		}
	}
	if err := t.accept(tor); err != nil {
		a.close()
		return nil, err
	}
	t.useNames(t.load())
	return t, nil
}

// lookAsleep calls f with a torrent that sleeps, see peek.
func (s *Session) lookAsleep(ctx context.Context, p *sleeper, f func(*torrent)) error {
	t, err := s.peek(ctx, p, nil)
	if err != nil {
		return err
	}
	f(t)
	t.add.close()
	return ctx.Err()
}

// everything is all pieces of a torrent.
func (t *torrent) everything() metainfo.Bitfield {
	all := metainfo.NewBitfield(t.info.NumPieces())
	all.SetAll()
	return all
}
