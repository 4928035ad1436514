package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"shoal/metainfo"
	"shoal/session/state"
	"shoal/swarm"
)

// search is the swarm of a magnet link, which looks for the info dictionary and goes on when that is found.
type search struct {
	sw     *swarm.Swarm
	cancel context.CancelFunc
	ended  chan struct{} // closed when the swarm has ended
}

// stop ends the swarm and waits for that. A nil search has none.
func (s *search) stop() {
	if s != nil {
		s.cancel()
		<-s.ended
	}
}

// search finds out what the torrent holds, if that is not known, and opens its files. It returns the swarm that it did that with.
func (t *torrent) search() (*search, error) {
	if t.known.Load() {
		return nil, nil
	}
	s := &search{ended: make(chan struct{})}
	t.orders.update(func(w *wishes) {
		s.sw = swarm.New(t.config(w))
		t.swarm.Store(s.sw)
	})
	ctx, cancel := context.WithCancel(t.ctx)
	s.cancel = cancel
	t.s.wg.Go(func() {
		defer close(s.ended)
		_ = s.sw.Run(ctx) // ends with its context only
	})
	if !t.orders.get().paused {
		t.goOnline()
	}
	select {
	case tor := <-t.met:
		return s, t.learn(tor)
	case <-ctx.Done():
		return s, ctx.Err()
	}
}

// learn takes the info dictionary that was found.
func (t *torrent) learn(found *metainfo.Torrent) error {
	tor := &metainfo.Torrent{ID: found.ID, Info: found.Info, InfoBytes: found.InfoBytes, Trackers: t.orders.get().trackers}
	t.s.log.Info("info dictionary found", "torrent", t.id, "name", tor.Info.Name(), "bytes", len(tor.InfoBytes))
	if tor.Info.Private() {
		t.s.log.Info("the torrent is private: only its trackers are asked for peers from now on", "torrent", t.id)
	}
	if err := t.accept(tor); err != nil {
		return err
	}
	if t.remembers() {
		b, err := tor.Marshal()
		if err == nil {
			err = state.WriteFile(t.s.cfg.State, t.name+torrentSuffix, b)
		}
		t.kept.Store(err == nil)
		if err != nil {
			t.s.log.Warn("what was found is not remembered", "torrent", t.id, "err", err)
		}
	}
	return t.openFiles()
}

// stored returns what an earlier run found for this magnet link, nil when there is nothing of use. The trackers are those
// of the link at hand, if it has any.
func (t *torrent) stored() *metainfo.Torrent {
	if t.s.cfg.State == nil {
		return nil
	}
	b, err := state.ReadFile(t.s.cfg.State, t.name+torrentSuffix, metainfo.MaxTorrentFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var tor *metainfo.Torrent
	if err == nil {
		tor, err = metainfo.Parse(b)
	}
	if err == nil && tor.ID.V1 != t.id.V1 {
		err = fmt.Errorf("it is of %v", tor.ID)
	}
	if err != nil {
		t.s.log.Warn("what was found earlier for a magnet link cannot be used", "torrent", t.id, "err", err)
		return nil
	}
	if len(t.orders.get().trackers) == 0 {
		t.orders.update(func(w *wishes) { w.trackers = tor.Trackers })
	}
	return tor
}

// usable reports what is wrong with a magnet link.
func (t *torrent) usable() error {
	if !t.id.HasV1() {
		return fmt.Errorf("%v: %w", t.id, metainfo.ErrUnsupportedV2)
	}
	return nil
}

// title is what the torrent is called: foreign text, if not its hash.
func (t *torrent) title() string {
	switch {
	case t.known.Load():
		return t.tor.Info.Name()
	case t.was != nil:
		return t.was.Name
	case t.add.Magnet == nil:
		return t.add.Torrent.Info.Name()
	case t.add.Magnet.Name != "":
		return t.add.Magnet.Name
	}
	return t.id.String()
}

// Selected returns the priorities of a choice of files by index, as magnet links have it (BEP 53); nil, which is all, for none.
func Selected(info *metainfo.Info, choice []metainfo.Range) ([]uint8, error) {
	if len(choice) == 0 {
		return nil, nil
	}
	files, some := make([]uint8, len(info.Files())), false
	for _, r := range choice {
		for i := r.First; i <= r.Last && i < len(files); i++ {
			files[i] = Normal
			some = some || !info.Files()[i].Pad
		}
	}
	if !some {
		return nil, fmt.Errorf("%w: the magnet link chooses none of the %d files of %s", metainfo.ErrInvalid, len(files), info.Name())
	}
	return files, nil
}

// Torrent returns what a torrent holds; nil while that is not known (see Add.Magnet). Of one that sleeps it is
// read from the disk.
func (s *Session) Torrent(id metainfo.ID) (tor *metainfo.Torrent, err error) {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		err = s.lookAsleep(s.ctx, p, func(t *torrent) { tor = t.tor })
		return tor, err
	}
	t, err := s.reg.get(id)
	if err != nil || !t.known.Load() {
		return nil, err
	}
	return t.tor, nil
}
