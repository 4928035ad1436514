package session

import (
	"context"
	"errors"
	"fmt"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
	"shoal/session/state"
	"shoal/status"
)

// Wait returns nil when everything wanted of the torrent is verified and
// written, and an error when the torrent failed, was removed, or ctx or the session ended first.
func (s *Session) Wait(ctx context.Context, id metainfo.ID) error {
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	for {
		complete, err, news := t.look()
		if err != nil {
			return err
		}
		if complete {
			return nil
		}
		select {
		case <-news:
		case <-t.ctx.Done():
			if t.removed.Load() {
				return fmt.Errorf("%s was removed: %w", t.title(), ErrUnknown)
			}
			return fmt.Errorf("%s: %w", t.title(), ErrStopped)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Torrents implements status.Backend: sorted by the time they were added.
func (s *Session) Torrents(ctx context.Context) ([]status.Torrent, error) {
	var out []status.Torrent
	for _, t := range s.reg.all() {
		out = append(out, t.snapshot())
	}
	return out, ctx.Err()
}

// Summary returns one of Torrents: it costs the same however many there are.
func (s *Session) Summary(ctx context.Context, id metainfo.ID) (status.Torrent, error) {
	t, err := s.reg.get(id)
	if err != nil {
		return status.Torrent{}, err
	}
	return t.snapshot(), ctx.Err()
}

// snapshot returns the summary of a torrent in every phase of its life.
func (t *torrent) snapshot() status.Torrent {
	out := status.Torrent{ID: t.id, Name: t.title(), Phase: status.Metadata, ETA: -1}
	sw := t.running()
	if sw != nil {
		out = *sw.Snapshot()
	}
	out.Added = t.added
	if t.known.Load() && t.record != nil {
		rec := t.record.get()
		if sw == nil || out.Phase == status.Metadata { // the swarm does not have it yet
			out = t.checking(out.Peers, &rec)
		}
		out.Added, out.Finished = rec.Added, rec.Finished
	}
	if err := t.stopped(); err != nil {
		out.Phase, out.Err = status.Failed, err.Error()
	}
	if t.add.Folder != nil {
		out.Dir = t.add.Folder.Path()
	}
	return out
}

// checking returns the summary of a torrent whose files are being looked at.
func (t *torrent) checking(peers int, rec *state.Record) status.Torrent {
	out := status.Torrent{
		ID: t.id, Name: t.info.Name(), Phase: status.Checking, Peers: peers,
		Size: t.info.Payload(), Wanted: t.info.Payload(), Private: t.info.Private(),
		Pieces: t.info.NumPieces(), PieceLength: int(t.info.PieceLength()),
		DownTotal: rec.DownTotal, UpTotal: rec.UpTotal, ETA: -1,
	}
	for i := range t.info.NumPieces() {
		if t.opened.Trust.Has(i) {
			out.PiecesHave++
			out.Have += int64(t.info.PieceSize(i))
		}
	}
	out.Have = min(out.Have, out.Size) // pieces also hold padding
	if n := t.opened.Check.Count(); n > 0 {
		out.Checked = float64(t.checked.Load()) / float64(n)
	}
	return out
}

// Files implements status.Backend.
func (s *Session) Files(ctx context.Context, id metainfo.ID) ([]status.File, error) {
	t, err := s.reg.get(id)
	if err != nil {
		return nil, err
	}
	if !t.known.Load() {
		return nil, ctx.Err()
	}
	if sw := t.running(); sw != nil && t.begun.Load() {
		return sw.Files(ctx)
	}
	have := &t.opened.Trust
	var out []status.File
	for k, f := range t.info.Files() {
		if f.Pad {
			continue
		}
		sf := status.File{Path: f.Path, Length: f.Length, Priority: Normal}
		if t.add.Priorities != nil {
			sf.Priority = t.add.Priorities[k]
		}
		sf.Wanted = sf.Priority != Unwanted
		for off, end := f.Offset, f.Offset+f.Length; off < end; {
			i := int(off / t.info.PieceLength())
			next := min(t.info.PieceOffset(i)+int64(t.info.PieceSize(i)), end)
			if have.Has(i) {
				sf.Have += next - off
			}
			off = next
		}
		out = append(out, sf)
	}
	return out, ctx.Err()
}

// Peers implements status.Backend.
func (s *Session) Peers(ctx context.Context, id metainfo.ID) ([]status.Peer, error) {
	t, err := s.reg.get(id)
	if err != nil {
		return nil, err
	}
	sw := t.running()
	if sw == nil {
		return nil, nil
	}
	return sw.Peers(ctx)
}

// Trackers implements status.Backend.
func (s *Session) Trackers(ctx context.Context, id metainfo.ID) ([]status.Tracker, error) {
	t, err := s.reg.get(id)
	if err != nil {
		return nil, err
	}
	return s.announce.states(t), ctx.Err()
}

// Stats implements status.Backend.
func (s *Session) Stats(ctx context.Context) (status.Stats, error) {
	out := status.Stats{Listen: s.Addrs(), PieceMemory: s.deal.memoryUsed(), Reach: s.Reach(), DHT: s.overlay.states()}
	if known := s.external.known(); len(known) > 0 {
		out.External = known[0]
	}
	for _, t := range s.reg.all() {
		snap := t.snapshot()
		out.Torrents++
		out.Down += snap.Down
		out.Up += snap.Up
		out.DownTotal += snap.DownTotal
		out.UpTotal += snap.UpTotal
		out.Peers += snap.Peers
	}
	return out, ctx.Err()
}

// Pause implements status.Backend.
func (s *Session) Pause(ctx context.Context, id metainfo.ID) error {
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	sw := t.running()
	if sw == nil {
		return fmt.Errorf("%s is being checked and cannot be paused yet", t.title())
	}
	t.paused.Store(true)
	if err := sw.Pause(ctx); err != nil {
		return err
	}
	s.announce.goodbyes(s.announce.remove(t))
	return nil
}

// Resume implements status.Backend. It also starts a torrent again that failed.
func (s *Session) Resume(ctx context.Context, id metainfo.ID) error {
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	t.paused.Store(false)
	return s.goOn(ctx, t)
}

// filesChanged reports whether a torrent failed because somebody else was at
// its files, so that nothing in them can be taken for granted.
func filesChanged(err error) bool {
	for _, cause := range []error{piece.ErrDeleted, piece.ErrReplaced, piece.ErrCut, piece.ErrChanged, fsys.ErrMoved} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// Remove implements status.Backend. Files stay; the resume record goes.
func (s *Session) Remove(ctx context.Context, id metainfo.ID) error {
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	t.removed.Store(true)
	s.reg.remove(t)
	owed := s.announce.remove(t)
	if s.start(func() error { return nil }, func() { s.announce.goodbyes(owed) }) != nil {
		defer s.announce.goodbyes(owed)
	}
	t.cancel()
	select {
	case <-t.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// forget deletes the record if the torrent was removed; its lock is still held.
func (t *torrent) forget() {
	if !t.remembers() || !t.removed.Load() {
		return
	}
	for _, suffix := range []string{recordSuffix, torrentSuffix} {
		if err := state.Remove(t.s.cfg.State, t.name+suffix); err != nil {
			t.s.log.Warn("resume record not removed", "torrent", t.id, "err", err)
		}
	}
}

// BootID returns a name for this start of the machine for Config.BootID, ""
// where the system has none.
func BootID() string { return bootID() }
