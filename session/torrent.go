package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"shoal/metainfo"
	"shoal/piece"
	"shoal/session/budget"
	"shoal/swarm"
)

// torrent is the session's side of one torrent. What is set before it enters
// the registry never changes; the rest says how it is guarded.
type torrent struct {
	s      *Session
	key    budget.Key
	seed   uint64
	id     metainfo.ID
	add    Add // what orders hold may be out of date in it
	orders *orders
	added  time.Time
	name   string    // of its files in the state folder
	lock   io.Closer // nil when nothing is remembered

	contents
	lineage

	ctx    context.Context // ends when the torrent is removed or the session ends
	cancel context.CancelFunc
	ended  chan struct{} // closed when run has returned
	rest

	swarm     atomic.Pointer[swarm.Swarm] // nil until the check is over; of a magnet link there from the first
	checked   atomic.Int64                // pieces looked at so far by check
	removed   atomic.Bool                 // no record is to be left
	erases    atomic.Bool                 // nor files; set before removed
	undeleted error                       // what was to be, and is not; to be read once ended
	told      atomic.Bool                 // trackers heard of the completion
	asked     atomic.Bool                 // the swarm has the peers that the user typed

	outcome
}

// contents are what can be known with the info dictionary only, of a magnet link some time after it was added. Others than
// the torrent's own goroutine may look at them once known says so.
type contents struct {
	known, begun atomic.Bool // begun: the swarm has them too
	over         atomic.Bool // it could not begin, and never will
	private      atomic.Bool // as far as known
	met          chan *metainfo.Torrent
	bare         *metainfo.Torrent // without names that the user gave
	tor          *metainfo.Torrent
	info         *metainfo.Info
	store        *piece.Store // nil with Add.MetadataOnly
	opened       opening      // what was found in the folder
	choosing     sync.Mutex   // held while files are chosen, until begun by begin
	chosen       []uint8      // as the store knows it; guarded by choosing
	record       *recorder
}

// rest is what a torrent needs to fall asleep and wake.
type rest struct {
	order    uint64        // that of its seat
	woken    bool          // it slept before
	kept     atomic.Bool   // of a magnet link: its info dictionary is in the state folder
	up       chan struct{} // closed when its swarm is there, or it failed
	released chan struct{} // closed when lock and folder are given back
	touched  time.Time     // somebody asked for it; registry.mu guards it
	quiet    time.Time     // it has no peers since; zero when it has. Belongs to the inspector
}

// outcome is what one can wait for: completion or failure.
type outcome struct {
	mu       sync.Mutex
	news     chan struct{} // closed and replaced whenever something below changes
	complete bool
	err      error
	space    waiting
}

// running returns the swarm, nil while the torrent is being opened.
func (t *torrent) running() *swarm.Swarm { return t.swarm.Load() }

// set changes the outcome and wakes those who wait for that.
func (o *outcome) set(f func()) {
	o.mu.Lock()
	f()
	close(o.news)
	o.news = make(chan struct{})
	o.mu.Unlock()
}

// look returns the outcome so far, and a channel that is closed when it changes.
func (o *outcome) look() (complete bool, err error, news <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.complete, o.err, o.news
}

// stopped returns why the torrent stands still, nil when it does not.
func (o *outcome) stopped() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return o.space.why
	}
	return o.err
}

// run works the torrent until its context ends: find out what it is, check what is there, be a swarm,
// save the record, give everything back.
func (t *torrent) run() {
	defer close(t.ended)
	var search *search
	err := t.takeOver()
	if err == nil {
		search, err = t.search()
	}
	var have metainfo.Bitfield
	if err == nil && !t.add.MetadataOnly {
		have, err = t.check(t.ctx)
		if err == nil {
			err = t.prepare(have)
		}
		if err == nil {
			err = t.begin(have, search)
		}
	}
	close(t.up)
	switch {
	case err == nil && t.add.MetadataOnly:
		t.set(func() { t.complete = true })
		<-t.ctx.Done()
	case err == nil && search != nil:
		<-search.ended
	case err == nil:
		_ = t.running().Run(t.ctx) // ends with its context only
	case t.ctx.Err() == nil:
		t.s.log.Error("torrent cannot start", "torrent", t.id, "err", err)
		t.over.Store(true)
		t.set(func() { t.err = err })
		search.stop()
		t.s.announce.goodbyes(t.s.announce.remove(t))
		<-t.ctx.Done()
	}
	search.stop()
	t.s.dial.drop(t.key)
	t.s.deal.drop(t.key)
	if !t.owns() {
		t.giveUp()
		return
	}
	if t.last(err == nil) {
		t.undeleted = t.erase()
		t.release()
		return
	}
	go func() { // a disk that hangs keeps a save from ending: until then the torrent is not given back
		_ = t.record.end(context.Background())
		t.forget()
		_ = t.erase() // it says so
		t.release()
	}()
}

// last is the end of a torrent: its record is saved for the next time if it
// worked, or deleted if it was removed. It reports whether nothing can be writing the
// record any more: a disk that hangs may keep a save from ending.
func (t *torrent) last(worked bool) (quiet bool) {
	ctx, cancel := context.WithTimeout(context.Background(), stopSync)
	defer cancel()
	if t.record == nil {
		t.forget()
		return true
	}
	var err error
	if worked && !t.removed.Load() {
		err = t.s.keep.save(ctx, t, true)
	} else if err = t.record.end(ctx); err == nil {
		err = t.store.Close()
	}
	quiet = !errors.Is(err, context.DeadlineExceeded)
	if err != nil {
		t.s.log.Warn("resume record not saved", "torrent", t.id, "err", err)
	}
	if quiet {
		t.forget()
	}
	return quiet
}

// release gives lock and folder back, or lets the heir have them.
func (t *torrent) release() {
	defer close(t.released)
	if t.next.Load() != nil {
		close(t.given)
		return
	}
	if t.lock != nil {
		_ = t.lock.Close() // the process's end would do the same
	}
	if t.add.Folder == nil {
		return
	}
	if err := t.add.Folder.Close(); err != nil {
		t.s.log.Debug("closing the folder", "torrent", t.id, "err", err)
	}
}

// prepare decides with the result of the check whether the torrent may start.
func (t *torrent) prepare(have metainfo.Bitfield) error {
	switch {
	case t.add.Seed && !have.All():
		return fmt.Errorf("%s: %d of %d pieces in %s are missing or damaged: %w", t.info.Name(),
			have.Len()-have.Count(), have.Len(), t.add.Folder.Path(), ErrIncomplete)
	case t.add.Seed:
		t.s.keep.begin(t, have)
		return nil
	case t.opened.foreign && have.Count() == 0 && have.Len() > 0 && !t.add.Overwrite:
		return fmt.Errorf("%s in %s does not belong to this torrent: %w; move it away, or have it overwritten (--overwrite)",
			t.opened.first, t.add.Folder.Path(), ErrExists)
	}
	if err := t.cutLong(); err != nil {
		return err
	}
	t.s.keep.begin(t, have)
	if err := t.store.Create(t.add.Preallocate); err != nil {
		return fmt.Errorf("prepare the files: %w", err)
	}
	return nil
}

// cutLong brings files that are longer than they should be to their length, if
// that was allowed: what is too much may be dear to somebody.
func (t *torrent) cutLong() error {
	for i, st := range t.store.Stat() {
		f := &t.info.Files()[i]
		if !st.Stored || !st.Exists || !st.Mode.IsRegular() || st.Size <= f.Length {
			continue
		}
		if !t.add.Overwrite {
			return &worded{fmt.Sprintf("%s in %s is %d bytes longer than the torrent says; --overwrite cuts it",
				f.Path, t.add.Folder.Path(), st.Size-f.Length), ErrExists}
		}
		h, err := t.add.Folder.OpenFile(f.Path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(h.Truncate(f.Length), h.Close()); err != nil {
			return fmt.Errorf("cut %s to its length: %w", f.Path, err)
		}
	}
	t.store.Reset() // the check may have seen the old sizes
	return nil
}

// config is what a swarm of this torrent needs, as far as it is known. The wishes are locked as long as the swarm is not
// there to hear of others.
func (t *torrent) config(w *wishes) swarm.Config {
	s := t.s
	up, down := s.deal.limit(t.key, w.limits)
	first := firstShare(s, w.limits)
	return swarm.Config{
		ID: t.id, PeerID: s.peerID, Name: t.title(), Disk: s.disk, Host: host{t},
		Seed: t.seed, MaxPeers: first.conns, UploadSlots: max(first.slots, 0), Port: s.port(), DHTPort: s.overlay.port(), Client: s.cfg.Client,
		Sequential: w.sequential, Paused: w.paused, SuperSeed: superSeed(t.add.NoSuperSeed),
		LimitedUp: up, LimitedDown: down, Scope: t.mayUse, NoPex: s.cfg.NoPex,
	}
}

// begin makes the torrent's swarm, or has that of the search download and serve. It fails when that has ended before.
func (t *torrent) begin(have metainfo.Bitfield, search *search) error {
	s := t.s
	t.choosing.Lock()
	defer t.choosing.Unlock()
	if files := t.orders.get().priorities; !slices.Equal(files, t.chosen) { // since the files were opened
		if err := t.choose(files); err != nil {
			return err
		}
	}
	s.deal.hold(t.key, t.holds())
	s.keep.syncs(t)
	rec := t.record.get()
	whole := func(w *wishes) swarm.Config {
		cfg := t.config(w)
		cfg.Info, cfg.Metadata, cfg.Have, cfg.Store, cfg.Priorities = t.info, t.tor.InfoBytes, have, t.store, w.priorities
		cfg.DownTotal, cfg.UpTotal, cfg.Paused = rec.DownTotal, rec.UpTotal, w.paused || t.fault != nil
		return cfg
	}
	if search == nil {
		t.orders.update(func(w *wishes) { t.swarm.Store(swarm.New(whole(w))) })
	} else {
		w := t.orders.get()
		if err := search.sw.Begin(t.ctx, whole(&w)); err != nil {
			return err
		}
		t.limit()
	}
	t.begun.Store(true)
	t.haveComplete(have)
	switch {
	case t.fault != nil:
		t.set(func() { t.err = t.fault })
	case t.orders.get().paused:
	case search == nil:
		t.goOnline()
	default:
		s.overlay.seek(t) // now it may be announced
	}
	return nil
}

// holds is what a torrent takes of the memory budget without any open piece: what is known of it, and half as much for
// the garbage that may gather beside it.
func (t *torrent) holds() int64 {
	n := int64(len(t.tor.InfoBytes)) + int64(t.info.NumPieces())*piece.PerPiece
	return n + n/2
}

// haveComplete notes a download that was complete when it was found.
func (t *torrent) haveComplete(have metainfo.Bitfield) {
	want := wanted(t.info, t.orders.get().priorities)
	if missing := want.Without(&have); missing.Count() == 0 {
		t.record.finished(t.s.cfg.Wall())
		t.set(func() { t.complete = true })
	}
}

// goOnline begins to look for peers, or does so again.
func (t *torrent) goOnline() {
	for _, a := range t.s.external.known() {
		t.running().SetExternal(a)
	}
	t.s.announce.add(t)
	if t.orders.get().paused { // meanwhile
		t.s.announce.sayGoodbye(t.s.announce.remove(t))
	}
	if peers := t.orders.get().peers; len(peers) > 0 && !t.asked.Swap(true) {
		t.ask(peers)
	}
}

func superSeed(off bool) swarm.SuperSeed {
	if off {
		return swarm.SuperOff
	}
	return swarm.SuperAuto
}

// mayUse reports whether an address may be used for this torrent. Private torrents (BEP 27) know
// nobody but whom their tracker names, and whom the user does.
func (t *torrent) mayUse(a netip.AddrPort, from swarm.Source) bool {
	return t.allows(from.Kind) && mayUse(a, from)
}

// allows reports whether a torrent may be looked for, and its peers taken, in this way. It may be asked at any time and by anybody: the
// answer for a magnet link changes with its info dictionary.
func (t *torrent) allows(kind swarm.SourceKind) bool { return !t.private.Load() || kind.Trusted() }

// ask has peers that the user named asked, in the background.
func (t *torrent) ask(peers []string) {
	_ = t.s.start(func() error { return nil }, func() { t.addTyped(t.ctx, peers) }) // fails only at the end
}

// addTyped resolves what the user typed and hands it to the swarm.
func (t *torrent) addTyped(ctx context.Context, peers []string) {
	var addrs []netip.AddrPort
	for _, p := range peers {
		found, err := t.s.resolveOne(ctx, p)
		if err != nil {
			t.s.log.Warn("cannot find a peer", "peer", p, "err", err)
		}
		addrs = append(addrs, found...)
	}
	t.s.dial.named(t.key, addrs)
	t.running().AddPeers(addrs, swarm.Source{Kind: swarm.FromUser})
}
