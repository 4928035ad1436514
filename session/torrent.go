package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

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
	info   *metainfo.Info
	add    Add
	store  *piece.Store
	name   string    // of its files in the state folder
	lock   io.Closer // nil when nothing is remembered
	opened opening   // what was found when it was added
	record *recorder

	ctx    context.Context // ends when the torrent is removed or the session ends
	cancel context.CancelFunc
	ended  chan struct{} // closed when run has returned

	swarm   atomic.Pointer[swarm.Swarm] // nil until the check is over
	checked atomic.Int64                // pieces looked at so far by check
	removed atomic.Bool                 // no record is to be left
	paused  atomic.Bool                 // by the user
	told    atomic.Bool                 // trackers heard of the completion

	outcome
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

// run works the torrent until its context ends: check what is there, be a swarm,
// save the record, give everything back.
func (t *torrent) run() {
	defer close(t.ended)
	have, err := t.check(t.ctx)
	if err == nil {
		err = t.prepare(have)
	}
	if err == nil {
		t.work(have)
	} else if t.ctx.Err() == nil {
		t.s.log.Error("torrent cannot start", "torrent", t.id, "err", err)
		t.set(func() { t.err = err })
		<-t.ctx.Done()
	}
	t.s.dial.drop(t.key)
	t.s.deal.drop(t.key)
	if t.last(err == nil) {
		t.release()
		return
	}
	go func() { // a disk that hangs keeps a save from ending: until then the torrent is not given back
		_ = t.record.end(context.Background())
		t.forget()
		t.release()
	}()
}

// last is the end of a torrent: its record is saved for the next time if it
// worked, or deleted if it was removed. It reports whether nothing can be writing the
// record any more: a disk that hangs may keep a save from ending.
func (t *torrent) last(worked bool) (quiet bool) {
	ctx, cancel := context.WithTimeout(context.Background(), stopSync)
	defer cancel()
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

// release gives lock and folder back.
func (t *torrent) release() {
	if t.lock != nil {
		_ = t.lock.Close() // the process's end would do the same
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
		return nil
	case t.opened.foreign && have.Count() == 0 && have.Len() > 0 && !t.add.Overwrite:
		return fmt.Errorf("%s in %s does not belong to this torrent: %w; move it away, or have it overwritten (--overwrite)",
			t.opened.first, t.add.Folder.Path(), ErrExists)
	}
	if err := t.cutLong(); err != nil {
		return err
	}
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

// work is the torrent's life as a swarm.
func (t *torrent) work(have metainfo.Bitfield) {
	s := t.s
	rec := t.record.get()
	up, down := s.deal.limit(t.key, t.add.Up, t.add.Down)
	first := firstShare(s, t)
	sw := swarm.New(swarm.Config{
		Info: t.info, ID: t.id, PeerID: s.peerID, Have: have, Store: t.store, Disk: s.disk, Host: host{t},
		Seed: t.seed, MaxPeers: first.conns, UploadSlots: max(first.slots, 0), Port: s.port(), Client: s.cfg.Client,
		Priorities: t.add.Priorities, Sequential: t.add.Sequential, SuperSeed: superSeed(t.add.NoSuperSeed),
		LimitedUp: up, LimitedDown: down, Scope: t.mayUse,
		DownTotal: rec.DownTotal, UpTotal: rec.UpTotal,
	})
	s.keep.begin(t, have)
	t.swarm.Store(sw)
	for _, a := range s.external.known() {
		sw.SetExternal(a)
	}
	want := wanted(t.info, t.add.Priorities)
	if missing := without(&want, &have); missing.Count() == 0 {
		t.record.finished(s.cfg.Wall())
		t.set(func() { t.complete = true })
	}
	s.announce.add(t)
	if len(t.add.Peers) > 0 {
		s.wg.Go(func() { t.addTyped(t.ctx, t.add.Peers) })
	}
	_ = sw.Run(t.ctx) // ends with its context only
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

// allows reports whether a torrent may be looked for, and its peers taken, in this way.
func (t *torrent) allows(kind swarm.SourceKind) bool {
	return !t.info.Private() || kind == swarm.FromUser || kind == swarm.FromTracker
}

// addTyped resolves what the user typed and hands it to the swarm.
func (t *torrent) addTyped(ctx context.Context, peers []string) {
	var addrs []netip.AddrPort
	for _, p := range peers {
		host, ps, err := net.SplitHostPort(p)
		port, err2 := strconv.ParseUint(ps, 10, 16)
		if err = errors.Join(err, err2); err != nil {
			t.s.log.Warn("peer address is not host:port", "peer", p, "err", err)
			continue
		}
		ips, err := t.s.cfg.Net.Lookup(ctx, host)
		if err != nil {
			t.s.log.Warn("cannot resolve a peer's name", "peer", p, "err", err)
		}
		for _, ip := range ips {
			addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
		}
	}
	t.s.dial.named(t.key, addrs)
	t.running().AddPeers(addrs, swarm.Source{Kind: swarm.FromUser})
}

// checkAhead is how many pieces the check has out at a time: the workers
// never wait for it.
const checkAhead = 2 * diskWorkers

// check hashes the pieces that are not trusted but may be there and returns all that
// are right.
func (t *torrent) check(ctx context.Context) (metainfo.Bitfield, error) {
	have, todo := t.opened.Trust.Clone(), &t.opened.Check
	results := make(chan piece.Result, checkAhead) // room for every job that is out
	out := 0
	collect := func() {
		r := <-results
		out--
		t.checked.Add(1)
		if r.Err != nil && ctx.Err() == nil {
			t.s.log.Warn("piece cannot be read", "torrent", t.id, "piece", r.Job.Piece, "err", r.Err)
		}
		if r.OK {
			have.Set(r.Job.Piece)
		}
	}
	for i := 0; i < todo.Len() && ctx.Err() == nil; i++ {
		if !todo.Has(i) {
			continue
		}
		if out == checkAhead {
			collect()
		}
		out++
		t.s.disk.Submit(&piece.Job{Kind: piece.Verify, Store: t.store, Piece: i, Done: func(r piece.Result) { results <- r }})
	}
	for out > 0 {
		collect()
	}
	return have, ctx.Err()
}
