package session

import (
	"context"
	"errors"
	"fmt"

	"shoal/session/state"
	"shoal/status"
)

// resumeMove lets t go on with a move that was not finished, if there is one.
func (s *Session) resumeMove(t *torrent) {
	if !t.remembers() || t.add.MetadataOnly {
		return
	}
	j, err := state.LoadMove(s.cfg.State, t.id)
	if err != nil {
		s.log.Warn("a move cannot be gone on with", "torrent", t.id, "err", err)
		return
	}
	here := t.add.Folder.Path()
	switch {
	case j == nil || here != j.From && here != j.To:
	case j.Done && here == j.To:
		if err := state.RemoveMove(s.cfg.State, t.id); err != nil {
			s.log.Warn("a move is not forgotten", "torrent", t.id, "err", err)
		}
	default:
		t.doing = status.Moving
		t.work = func(ctx context.Context) error { return s.goOnMoving(ctx, t, j) }
	}
}

// goOnMoving opens the other folder of a move and finishes it.
func (s *Session) goOnMoving(ctx context.Context, t *torrent, j *state.Move) error {
	here, path := t.add.Folder, j.To
	if here.Path() == j.To {
		path = j.From
	}
	other, err := s.cfg.OpenFolder(path)
	if err != nil {
		return fmt.Errorf("%s is being moved from %s to %s: %w: %w", t.title(), j.From, j.To, errLost, err)
	}
	m := &move{t: t, from: here, to: other, data: true}
	if err := m.claim(s, t); err != nil {
		m.drop()
		if j.Done && errors.Is(err, ErrLocked) { // it is at work there in another process, and here it is to be another one
			return nil
		}
		return fmt.Errorf("%w: %w", errLost, err)
	}
	if here.Path() == j.To { // what is given is the new folder: the old one is where the run before was
		m.from, m.to = other, here
		t.add.Folder, t.name, t.lock, m.name, m.lock = other, m.name, m.lock, t.name, t.lock
	}
	if j.Done { // the files are there, and whoever gave the old folder did not know
		return m.settle(nil)
	}
	return m.run(ctx)
}
