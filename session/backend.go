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
	"shoal/swarm"
)

// Wait returns nil when everything wanted of the torrent is verified and
// written, and an error when the torrent failed, was removed, or ctx or the session ended first.
func (s *Session) Wait(ctx context.Context, id metainfo.ID) error {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		return p.err()
	}
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
			if n := t.next.Load(); n != nil {
				t = n
				continue
			}
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
	s.reg.everyone(func(t *torrent) { out = append(out, t.snapshot()) }, func(p *sleeper) { out = append(out, p.snapshot()) })
	return out, ctx.Err()
}

// Summary returns one of Torrents: it costs the same however many there are.
func (s *Session) Summary(ctx context.Context, id metainfo.ID) (status.Torrent, error) {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		return p.snapshot(), ctx.Err()
	}
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
	} else if t.was != nil {
		out, out.Phase = *t.was, t.doing
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
	if (t.was == nil || t.known.Load()) && t.add.Folder != nil { // see lineage.work
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
func (s *Session) Files(ctx context.Context, id metainfo.ID) (list []status.File, err error) {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		err = s.lookAsleep(ctx, p, func(t *torrent) {
			all := t.everything()
			list = fileList(t.info, t.orders.get().priorities, &all)
		})
		return list, err
	}
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
	return fileList(t.info, t.orders.get().priorities, &t.opened.Trust), ctx.Err()
}

// fileList returns one entry a file, padding left out, of a torrent of which have is there.
func fileList(info *metainfo.Info, priorities []uint8, have *metainfo.Bitfield) (out []status.File) {
	for k, f := range info.Files() {
		if f.Pad {
			continue
		}
		sf := status.File{Path: f.Path, Offset: f.Offset, Length: f.Length, Priority: Normal}
		if priorities != nil {
			sf.Priority = priorities[k]
		}
		sf.Wanted = sf.Priority != Unwanted
		for off, end := f.Offset, f.Offset+f.Length; off < end; {
			i := int(off / info.PieceLength())
			next := min(info.PieceOffset(i)+int64(info.PieceSize(i)), end)
			if have.Has(i) {
				sf.Have += next - off
			}
			off = next
		}
		out = append(out, sf)
	}
	return out
}

// Peers implements status.Backend.
func (s *Session) Peers(ctx context.Context, id metainfo.ID) ([]status.Peer, error) {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		return nil, ctx.Err()
	}
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
	if k, p := s.reg.sleeping(id.Wire()); p != nil {
		return s.announce.states(k, p.Trackers), ctx.Err()
	}
	t, err := s.reg.get(id)
	if err != nil {
		return nil, err
	}
	return s.announce.states(t.key, t.orders.get().trackers), ctx.Err()
}

// Stats implements status.Backend.
func (s *Session) Stats(ctx context.Context) (status.Stats, error) {
	out := status.Stats{Listen: s.Addrs(), PieceMemory: s.deal.memoryUsed(), Reach: s.Reach(), DHT: s.overlay.states()}
	if known := s.external.known(); len(known) > 0 {
		out.External = known[0]
	}
	all, awake, rest := s.reg.count()
	out.Torrents, out.Asleep = all, all-len(awake)
	out.DownTotal, out.UpTotal, out.DHTEvery = rest.down, rest.up, s.overlay.every()
	for _, t := range awake {
		snap := t.snapshot()
		out.Down += snap.Down
		out.Up += snap.Up
		out.DownTotal += snap.DownTotal
		out.UpTotal += snap.UpTotal
		out.Peers += snap.Peers
	}
	return out, ctx.Err()
}

// Pause implements status.Backend. A torrent that is being checked or moved stands still after that.
func (s *Session) Pause(ctx context.Context, id metainfo.ID) error {
	if s.pauseAsleep(id.Wire()) {
		return ctx.Err()
	}
	done, err := s.steer(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	t, err := s.wish(ctx, id, func(w *wishes) { w.paused = true })
	if err != nil {
		return err
	}
	if sw := t.running(); sw != nil {
		if err := t.unlessReplaced(sw.Pause(ctx)); err != nil {
			return err
		}
	}
	s.announce.sayGoodbye(s.announce.remove(t))
	return nil
}

// steer waits for its turn to pause or resume a torrent, which it wakes if it sleeps; done ends that.
func (s *Session) steer(ctx context.Context, id metainfo.ID) (done func(), err error) {
	t, err := s.awake(ctx, id)
	if err != nil {
		return nil, err
	}
	select {
	case t.orders.steering <- struct{}{}:
		return func() { <-t.orders.steering }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// wish changes what the user wants of a torrent, and returns the run whose swarm has to hear of it; where there is no swarm yet it
// begins with that. A torrent that sleeps wakes. A session that is ending takes no more wishes: nobody would keep them.
func (s *Session) wish(ctx context.Context, id metainfo.ID, f func(*wishes)) (*torrent, error) {
	t, err := s.awake(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.reg.ending() {
		return nil, fmt.Errorf("%s: %w", t.title(), ErrStopped)
	}
	t.orders.update(f)
	return s.reg.get(id) // it may have an heir since
}

// unlessReplaced forgives that a swarm has ended where an heir goes on, which knows all wishes.
func (t *torrent) unlessReplaced(err error) error {
	if errors.Is(err, swarm.ErrEnded) && t.next.Load() != nil {
		return nil
	}
	return err
}

// Resume implements status.Backend. It also starts a torrent again that failed, from the beginning if it could not start.
func (s *Session) Resume(ctx context.Context, id metainfo.ID) error {
	if s.resumeAsleep(id.Wire()) {
		return ctx.Err()
	}
	done, err := s.steer(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	t, err := s.wish(ctx, id, func(w *wishes) { w.paused = false })
	switch {
	case err != nil:
		return err
	case t.over.Load():
		_, err = s.succeed(t, status.Opening, s.resumeMove)
		return err
	case t.running() == nil:
		return nil // it goes on by itself
	}
	return t.unlessReplaced(s.goOn(ctx, t))
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

// forget deletes the record if the torrent was removed; its lock is still held.
func (t *torrent) forget() {
	if !t.remembers() || !t.removed.Load() {
		return
	}
	if err := state.RemoveMove(t.s.cfg.State, t.id); err != nil {
		t.s.log.Warn("a move is not forgotten", "torrent", t.id, "err", err)
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
