package session

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
	"shoal/session/state"
	"shoal/status"
)

// Add is one torrent to work on.
type Add struct {
	// Torrent must have a downloadable Info.
	Torrent *metainfo.Torrent
	// Magnet is given instead of a Torrent: its info dictionary is fetched from peers (BEP 9), unless an earlier run left it
	// in the state folder. Its trackers and peers are asked, its choice of files holds unless Choose makes another.
	Magnet *metainfo.Magnet
	// MetadataOnly ends with the info dictionary: Wait returns when it is there. Folder may then be nil, and is not written to.
	MetadataOnly bool
	// Choose, when set, is called once when the files are known, before anything is fetched, and returns what Priorities are; nil
	// leaves them. An error ends the torrent and comes out of Wait, or of Add if the files are known by then. It may not call the session.
	Choose func(*metainfo.Torrent) ([]uint8, error)
	// Folder is where the content belongs. The session closes it when the
	// torrent is removed or the session ends, also when Add fails.
	Folder fsys.FS
	// Peers are addresses that the user typed, host:port; see AddPeers.
	Peers []string
	// Overwrite allows files with other content to be replaced.
	Overwrite bool
	// Seed says that all data must be there: nothing is created or written, and
	// the torrent fails with ErrIncomplete when anything is missing or wrong.
	Seed bool
	// Trust takes the data as verified without hashing; used with Seed for
	// content that was hashed a moment ago.
	Trust bool
	// Preallocate reserves the disk space at once instead of growing sparse files.
	Preallocate bool
	// Priorities has one of Unwanted, Low, Normal and High for each file of the torrent, in the order
	// of Info.Files; nil is Normal for all. Sequential fetches from the beginning to the end.
	Priorities []uint8
	Sequential bool
	// NoSuperSeed switches super-seeding (BEP 16) off, which otherwise begins and ends by itself.
	NoSuperSeed bool
	// Names are other paths for files than the torrent's own, by index of Info.Files, as Names returned them of an earlier run; what
	// its resume record says goes before.
	Names map[int]string
	// Limits are those of this torrent alone; SetLimits changes them.
	Limits TorrentLimits
	// Stopped adds it as if it had been paused: it is opened and checked, but asks nobody for anything until Resume.
	Stopped bool
	// WaitForSpace lets a torrent that finds the disk full wait for space and then go on by itself:
	// its phase is Failed meanwhile, with the cause, but Wait waits. Otherwise Wait returns the error.
	WaitForSpace bool
	// Load lets the torrent fall asleep when it is complete and had no peer for some minutes, and is called when it wakes, as
	// Dormant.Load is. It returns what this Add is by then; of a magnet link that may still be the link.
	Load func() (Add, error)
}

// Add starts to work on a torrent. It returns when the torrent is visible in
// Torrents; hashing of what is there already goes on in the background, and what it finds (ErrExists,
// ErrIncomplete) comes out of Wait. ErrLocked, ErrDuplicate, ErrNoSpace, ErrStopped come at once, of a magnet link whose
// files are not known yet ErrNoSpace from Wait.
func (s *Session) Add(ctx context.Context, a Add) (id metainfo.ID, err error) {
	t := s.newTorrent(a)
	defer func() {
		if err != nil {
			t.release()
		}
	}()
	if err := ctx.Err(); err != nil {
		return t.id, err
	}
	if a.Magnet != nil {
		err = t.usable()
	} else {
		err = t.accept(a.Torrent)
	}
	if err != nil {
		return t.id, err
	}
	if s.reg.has(t.id.Wire()) {
		return t.id, fmt.Errorf("%s: %w", t.title(), ErrDuplicate)
	}
	if err := t.unlock(); err != nil {
		return t.id, err
	}
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	err = s.start(func() error { return s.reg.add(t) }, t.run)
	if err != nil {
		t.cancel()
		err = errors.Join(err, t.closeFiles())
	}
	return t.id, err
}

// unlock takes the lock and opens what is known.
func (t *torrent) unlock() error {
	if err := t.takeLock(); err != nil {
		return err
	}
	if t.add.Magnet != nil && t.remembers() {
		if tor := t.stored(); tor != nil {
			t.kept.Store(true)
			if err := t.accept(tor); err != nil {
				return err
			}
		}
	}
	if t.s.resumeMove(t); t.work != nil {
		t.ready = make(chan struct{})
		t.was = &status.Torrent{ID: t.id, Name: t.title(), Dir: t.add.Folder.Path(), ETA: -1}
		return nil
	}
	if t.info == nil {
		return nil
	}
	return t.openFiles()
}

// newTorrent makes the torrent of an Add.
func (s *Session) newTorrent(a Add) *torrent {
	t := &torrent{s: s, add: a, added: s.cfg.Wall(), ended: make(chan struct{}), lineage: lineage{given: make(chan struct{})}, outcome: outcome{news: make(chan struct{})}}
	t.met, t.up, t.released = make(chan *metainfo.Torrent, 1), make(chan struct{}), make(chan struct{})
	t.orders = newOrders(&a)
	if a.Magnet == nil {
		t.id = a.Torrent.ID
		return t
	}
	t.id = a.Magnet.ID
	return t
}

// accept takes the info dictionary, and decides which files are wanted.
func (t *torrent) accept(tor *metainfo.Torrent) error {
	if tor.Info == nil {
		return fmt.Errorf("%v: %w: no info dictionary", t.id, metainfo.ErrInvalid)
	}
	if err := tor.Info.Downloadable(); err != nil {
		return err
	}
	files, err := t.choice(tor)
	if err == nil {
		err = checkPriorities(tor.Info, files)
	}
	if err != nil {
		return err
	}
	t.orders.update(func(w *wishes) { w.priorities = files })
	t.bare, t.tor, t.info = tor, tor, tor.Info
	t.private.Store(t.info.Private())
	return nil
}

// choice returns the priorities of the files.
func (t *torrent) choice(tor *metainfo.Torrent) ([]uint8, error) {
	if t.add.Choose != nil {
		if files, err := t.add.Choose(tor); files != nil || err != nil {
			return files, err
		}
	}
	files := t.orders.get().priorities
	if t.add.Magnet != nil && files == nil {
		return Selected(tor.Info, t.add.Magnet.Select)
	}
	return files, nil
}

// openFiles looks at what is in the folder. After it others may look at info, store and record.
func (t *torrent) openFiles() error {
	if !t.add.MetadataOnly {
		rec := t.load()
		t.useNames(rec)
		if err := t.finishRename(rec); err != nil {
			return err
		}
		t.store = piece.NewStore(t.add.Folder, t.info, t.s.files)
		if err := t.open(rec); err != nil {
			return errors.Join(err, t.closeFiles())
		}
	}
	t.known.Store(true)
	return nil
}

func (t *torrent) closeFiles() error {
	if t.store == nil {
		return nil
	}
	return t.store.Close()
}

// Suffixes of a torrent's files in the state folder.
const (
	recordSuffix  = ".resume"
	lockSuffix    = ".lock"
	torrentSuffix = ".torrent" // of a magnet link
)

// fileName is how a torrent's files in the state folder begin: one torrent may be
// at work in several folders.
func fileName(id metainfo.ID, dir string) string {
	sum := sha1.Sum([]byte(dir))
	return id.String() + "-" + hex.EncodeToString(sum[:6])
}

// takeLock claims the torrent in its folder for this process.
func (t *torrent) takeLock() error {
	if t.add.Folder == nil { // see Add.MetadataOnly
		return nil
	}
	t.name = fileName(t.id, t.add.Folder.Path())
	if t.s.cfg.State == nil {
		return nil
	}
	l, err := t.s.cfg.State.Lock(t.name + lockSuffix)
	if errors.Is(err, fsys.ErrLocked) {
		return fmt.Errorf("%s in %s: %w; stop the other one first", t.title(), t.add.Folder.Path(), ErrLocked)
	}
	if err != nil {
		// A state folder that cannot be written costs memory, not the download.
		t.s.log.Warn("cannot lock; nothing will be remembered of this torrent", "torrent", t.id, "err", err)
		return nil
	}
	t.lock = l
	return nil
}

// remembers reports whether the torrent has a record on disk: only who holds the lock
// may write it.
func (t *torrent) remembers() bool { return t.lock != nil }

// opening is what was found when a torrent was added.
type opening struct {
	state.Decision
	files   []state.File // as they were then
	foreign bool         // files are there without a record of ours
	first   string       // the first of them
	// unsynced are pieces that are on disk and may not be durable.
	unsynced metainfo.Bitfield
}

// open looks at the files and decides with the record, nil for none, what to trust and what
// to hash.
func (t *torrent) open(rec *state.Record) error {
	if rec != nil && t.fresh {
		nothing := metainfo.NewBitfield(t.info.NumPieces())
		rec.Have, rec.Synced, rec.Clean = nothing, nothing, false
	}
	t.record = newRecorder(t, rec)
	if !t.add.Seed {
		if rec == nil || t.away {
			t.lookForOthers()
		}
		files := t.orders.get().priorities
		if err := t.selectFiles(files); err != nil {
			// Tried again before the start, which says why if it fails.
			t.s.log.Warn("files that were chosen are not complete yet", "torrent", t.id, "err", err)
		}
		t.chosen = files
		if err := t.store.Fits(isWanted(files)); err != nil {
			return err
		}
	}
	files, err := recordFiles(t.store.Stat(), t.add.Folder.Path())
	if err != nil {
		return err
	}
	t.opened.files = files
	if t.add.Seed {
		return t.openSeed(rec, files)
	}
	t.opened.Decision = state.Decide(rec, t.s.cfg.BootID, t.info, files, t.mayHold(files))
	return t.checkSpace()
}

// lookForOthers finds out whether files are there that no record knows: before any that were kept apart by an earlier run of ours get their
// own names, which must not look like somebody else's, neither now nor after a kill.
func (t *torrent) lookForOthers() {
	for i, st := range t.store.Stat() {
		if f := &t.info.Files()[i]; st.Stored && st.Exists && st.Size > 0 && f.Length > 0 {
			t.opened.foreign, t.opened.first = true, f.Path
			return
		}
	}
	if _, err := t.add.Folder.Lstat(t.partsName()); err != nil {
		return
	}
	if err := t.s.keep.write(t); err != nil {
		t.s.keep.warning(t, err)
	}
}

// whole demands every file in its full size.
func (t *torrent) whole(files []state.File) error {
	for i, f := range t.info.Files() {
		if f.Pad || f.Symlink {
			continue
		}
		if files[i].Exists && files[i].Size == f.Length {
			continue
		}
		if more := files[i].Size - f.Length; more > 0 {
			return fmt.Errorf("%s in %s is %d bytes longer than the torrent says: %w", f.Path, t.add.Folder.Path(), more, ErrIncomplete)
		}
		return fmt.Errorf("%s in %s is not there in full (%d of %d bytes): %w",
			f.Path, t.add.Folder.Path(), files[i].Size, f.Length, ErrIncomplete)
	}
	return nil
}

// openSeed demands that everything is there; what the record does not vouch
// for is hashed.
func (t *torrent) openSeed(rec *state.Record, files []state.File) error {
	if err := t.whole(files); err != nil {
		return err
	}
	d := state.Decide(rec, t.s.cfg.BootID, t.info, files, func(int) bool { return false })
	d.Check = metainfo.NewBitfield(t.info.NumPieces())
	for i := range t.info.NumPieces() {
		if t.add.Trust {
			d.Trust.Set(i)
		} else if !d.Trust.Has(i) {
			d.Check.Set(i)
		}
	}
	t.opened.Decision = d
	return nil
}

// mayHold returns the question whether piece i may be on disk: some byte of it
// is stored, or it lies in a hole and consists of zeros. The files are looked at when it is first asked.
func (t *torrent) mayHold(files []state.File) func(i int) bool {
	var stored metainfo.Bitfield
	var zeros metainfo.Hash // of a full piece
	var spans []metainfo.Span
	return func(i int) bool {
		if stored.Len() == 0 {
			stored = t.store.Stored()
		}
		if stored.Has(i) {
			return true
		}
		spans = t.info.AppendSpans(spans[:0], t.info.PieceOffset(i), int64(t.info.PieceSize(i)))
		for _, s := range spans {
			if !t.info.Files()[s.File].Pad && s.Offset+s.Length > files[s.File].Size {
				return false
			}
		}
		if zeros == (metainfo.Hash{}) {
			zeros = zeroHash(t.info.PieceLength())
		}
		return t.info.PieceHash(i) == zeros
	}
}

func zeroHash(n int64) metainfo.Hash {
	h := sha1.New()
	buf := make([]byte, 64<<10)
	for ; n > 0; n -= int64(len(buf)) {
		h.Write(buf[:min(n, int64(len(buf)))])
	}
	return metainfo.Hash(h.Sum(nil))
}

// checkSpace compares what is missing with what is free.
func (t *torrent) checkSpace() error {
	there := t.opened.Trust.Clone()
	for i := range there.Len() {
		if t.opened.Check.Has(i) {
			there.Set(i)
		}
	}
	need := t.store.Needs(&there)
	free, err := t.add.Folder.Free()
	if err != nil {
		t.s.log.Debug("free space is unknown", "dir", t.add.Folder.Path(), "err", err)
		return nil
	}
	if need > free {
		return fmt.Errorf("%s needs %d bytes more in %s, but %d are free: %w",
			t.info.Name(), need, t.add.Folder.Path(), free, ErrNoSpace)
	}
	return nil
}

// recordFiles turns what the store saw into what a record holds.
func recordFiles(stats []piece.FileStat, dir string) ([]state.File, error) {
	files := make([]state.File, len(stats))
	for i, st := range stats {
		if st.Err != nil {
			return nil, fmt.Errorf("look at the files in %s: %w", dir, st.Err)
		}
		if st.Stored && st.Exists {
			files[i] = state.File{Exists: true, Size: st.Size, MTime: st.MTime, CTime: st.CTime, Inode: st.Inode}
		}
	}
	return files, nil
}
