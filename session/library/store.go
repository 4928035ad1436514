package library

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
)

// Names in the state folder. An entry has two names, of which the older generation is written over, in place: at every moment the
// other one is whole.
const (
	torrentsDir   = "torrents"
	torrentSuffix = ".torrent"
	entrySuffix   = ".entry"
	altSuffix     = ".entry2"
)

func fileName(id metainfo.ID, suffix string) string { return torrentsDir + "/" + id.String() + suffix }

// When what could not be written is tried again, and how often that is said.
const (
	retryAfter = 5 * time.Second
	warnEvery  = time.Minute
)

// store writes entries, settings and totals. Library.mu guards it; run alone writes.
type store struct {
	dir     fsys.FS
	log     *slog.Logger
	wake    chan struct{} // holds one token when something is to be written
	pending []*item
	files   []*document   // others that are to be written
	round   chan struct{} // closed when what is pending now has been written, or could not be
	serial  int64         // of the last entry written
	ready   bool          // the folder of the entries is there, for certain; run alone looks at it
	failing time.Time     // monotonic: since when; zero: it works
	warned  time.Time
}

func newStore(dir fsys.FS, log *slog.Logger) *store {
	return &store{dir: dir, log: log, wake: make(chan struct{}, 1), round: make(chan struct{})}
}

// keep has items written, and returns what is closed when that was done or could not be.
func (s *store) keep(items ...*item) <-chan struct{} {
	for _, it := range items {
		s.enqueue(it)
	}
	s.poke()
	return s.round
}

func (s *store) enqueue(it *item) {
	if !it.saved.queued {
		it.saved.queued = true
		s.pending = append(s.pending, it)
	}
}

// keepFile does the same with a document.
func (s *store) keepFile(d *document, body []byte) <-chan struct{} {
	d.serial++
	d.next = state.Seal(d.magic, append(binary.BigEndian.AppendUint64(nil, uint64(d.serial)), body...))
	if !slices.Contains(s.files, d) {
		s.files = append(s.files, d)
	}
	s.poke()
	return s.round
}

func (s *store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// job is one item's share of a round, taken under the mutex and written without it.
type job struct {
	it      *item
	name    metainfo.ID
	erase   bool
	torrent []byte
	entry   []byte
	alt     bool // write under the second name
	err     error
}

// runStore writes what is to be written until ctx ends, and then what is left.
func (l *Library) runStore(ctx context.Context) {
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			l.writeRound()
			return
		case <-l.store.wake:
		case <-retry.C:
		}
		if !l.writeRound() {
			retry.Reset(retryAfter)
		}
	}
}

// writeRound writes all that is pending: each file is synced by itself, the folder once. It reports whether all of it succeeded.
func (l *Library) writeRound() bool {
	s := l.store
	l.mu.Lock()
	jobs := make([]*job, 0, len(s.pending))
	for _, it := range s.pending {
		jobs = append(jobs, l.job(it))
	}
	files, bodies := s.files, make([][]byte, 0, len(s.files))
	for _, d := range files {
		bodies = append(bodies, d.next)
	}
	round := s.round
	s.pending, s.files, s.round = nil, nil, make(chan struct{})
	l.mu.Unlock()

	s.writeJobs(jobs)
	var errs []error
	for i, d := range files {
		errs = append(errs, d.write(s.dir, bodies[i]))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range jobs {
		if j.err != nil {
			errs = append(errs, j.err)
			s.enqueue(j.it)
		} else if !j.erase && j.entry != nil {
			j.it.saved.alt, j.it.saved.there = j.alt, true
			if j.torrent != nil {
				j.it.saved.torrent = nil
			}
		}
	}
	for i, d := range files {
		if errs[i] != nil && !slices.Contains(s.files, d) {
			s.files = append(s.files, d)
		}
	}
	err := errors.Join(errs...)
	l.complain(err)
	close(round)
	return err == nil
}

// writeJobs carries out all jobs of a round.
func (s *store) writeJobs(jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	if !s.ready {
		err := s.makeFolder()
		if s.ready = err == nil; !s.ready {
			for _, j := range jobs {
				j.err = errors.Join(j.err, err)
			}
			return
		}
	}
	for _, j := range jobs {
		if j.err == nil {
			j.err = s.write(j)
		}
	}
	if err := s.dir.SyncDir(torrentsDir); err != nil {
		for _, j := range jobs {
			j.err = errors.Join(j.err, err)
		}
	}
	for _, j := range jobs { // the mark that it was removed goes when it is certain that nothing else is left
		if j.erase && j.err == nil {
			j.err = remove(s.dir, fileName(j.name, j.suffix()))
		}
	}
}

// job takes an item's state. Library.mu is held.
func (l *Library) job(it *item) *job {
	it.saved.queued = false
	j := &job{it: it, name: it.id, alt: it.saved.alt}
	switch {
	case it.saved.erase:
		j.erase = l.find(it.id) == nil // else it was added anew meanwhile, and its entries are newer
		return j
	case it.gone && !it.flags.has(removed):
		return j
	}
	l.store.serial++
	it.serial = l.store.serial
	j.torrent = it.saved.torrent
	j.alt = it.saved.there && !it.saved.alt
	j.entry, j.err = it.encode()
	return j
}

// suffix is that of the entry's newest generation.
func (j *job) suffix() string {
	if j.alt {
		return altSuffix
	}
	return entrySuffix
}

// write carries out a job. Of an entry that is to be erased it leaves the mark that it was removed.
func (s *store) write(j *job) error {
	if j.erase {
		for _, suffix := range []string{torrentSuffix, altSuffix, entrySuffix} {
			if suffix == j.suffix() {
				continue
			}
			if err := remove(s.dir, fileName(j.name, suffix)); err != nil {
				return err
			}
		}
		return nil
	}
	if j.torrent != nil {
		if err := state.WriteFile(s.dir, fileName(j.name, torrentSuffix), j.torrent); err != nil {
			return err
		}
	}
	if j.entry == nil {
		return nil
	}
	return writeOver(s.dir, fileName(j.name, j.suffix()), j.entry)
}

func remove(dir fsys.FS, name string) error {
	if err := dir.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeFolder makes the folder of the entries.
func (s *store) makeFolder() error {
	err := s.dir.MkdirAll(torrentsDir, 0o777)
	if err == nil {
		err = s.dir.SyncDir(".")
	}
	if err != nil {
		return fmt.Errorf("make the folder of the torrents in %s: %w", s.dir.Path(), err)
	}
	return nil
}

// writeOver makes b the content of a file and syncs it.
func writeOver(dir fsys.FS, name string, b []byte) (err error) {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Sync()
}

// complain says once a minute what is not remembered. Library.mu is held.
func (l *Library) complain(err error) {
	s, now := l.store, time.Now()
	if err == nil {
		if !s.failing.IsZero() {
			s.log.Info("the state folder can be written again; nothing was lost")
		}
		s.failing = time.Time{}
		return
	}
	if s.failing.IsZero() {
		s.failing = now
	}
	if s.warned.IsZero() || now.Sub(s.warned) >= warnEvery {
		s.warned = now
		s.log.Warn("the state folder cannot be written: what changes now is lost if the daemon ends before it can",
			"folder", s.dir.Path(), "changes", len(s.pending)+len(s.files), "since", now.Sub(s.failing).Round(time.Second), "err", err)
	}
}
