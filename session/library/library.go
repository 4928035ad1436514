package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session"
	"shoal/session/hooks"
	"shoal/status"
)

// Config is what a library needs from outside.
type Config struct {
	// State is the state folder, StatePath its name on this machine. The library does not close it.
	State     fsys.FS
	StatePath string
	// Session is the session's configuration; what the settings say of it, State and Log are put in by the library. DHT, when
	// set, is used if the settings want it.
	Session session.Config
	// Settings are the configured ones. What was changed while a daemon ran goes before them, until the configuration changes.
	Settings status.Settings
	// Watch are folders whose .torrent files are added as they come.
	Watch []Watch
	// Folders are where torrents live; nil means those of this machine.
	Folders Folders
	// Log gets what a person may want to read later, beside the ring that Log answers from; nil discards it.
	Log slog.Handler
	// Ask is called by Shutdown: it begins the end of Run's context. nil: Shutdown is not offered.
	Ask func()
}

// Library is the list of a daemon's torrents: a status.Engine.
type Library struct {
	cfg     Config
	log     *slog.Logger
	ring    *ring
	session *session.Session
	folders Folders
	lock    io.Closer
	wall    func() time.Time
	wake    chan struct{} // holds one token when the loop has something to look at
	there   []*item       // the loop's own, used anew by each look

	// ctx ends with Run; wg counts what works on torrents under it.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu sync.Mutex
	*list
	store    *store
	settings settings
	totals   totals
	rates    history
	lazy     map[*item]struct{} // changed in what need not be durable at once
	tasks    []task             // what the last round decided and nobody has begun
	working  int                // how many goroutines carry them out
	ended    bool
	turn     int       // counts looks
	news     bool      // the look that goes on has seen some
	lazyAt   time.Time // monotonic: when what is in lazy was last written
	orders   orders
	block    blocking
	hours    int8 // whether the schedule was on: 1, -1, or 0 for not known
	runner   *hooks.Runner
	hook     func(argv []string, t hooks.Torrent) // queues a command with runner
	// held are removals that can be undone, by hash; leaving are all that are not finished, and unfinished those that an earlier
	// run did not end or that failed.
	held       map[metainfo.Hash]*held
	leaving    map[metainfo.Hash]bool
	unfinished []*item
}

var _ status.Engine = (*Library)(nil)

// Open takes the state folder, reads the list and makes the session. It fails with ErrRunning where another daemon has the folder, and
// with session.ErrPort. Run must be called once afterwards, also to give everything back.
func Open(cfg Config) (*Library, error) {
	if cfg.Folders == nil {
		cfg.Folders = SystemFolders{}
	}
	if cfg.Session.Wall == nil {
		cfg.Session.Wall = time.Now
	}
	l := &Library{cfg: cfg, folders: cfg.Folders, wall: cfg.Session.Wall, ring: newRing(cfg.Log), list: newList(),
		wake: make(chan struct{}, 1), lazy: map[*item]struct{}{},
		held: map[metainfo.Hash]*held{}, leaving: map[metainfo.Hash]bool{}}
	l.log = slog.New(l.ring)
	l.runner = hooks.New(hooks.Config{Log: l.log})
	l.hook = func(argv []string, t hooks.Torrent) { l.runner.Add(argv, t) } // says itself what is left out
	l.store = newStore(cfg.State, l.log)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	var err error
	if l.lock, err = takeLock(cfg.State, l.log, l.wall()); err != nil {
		return nil, err
	}
	l.loadSettings()
	l.loadTotals()
	l.rates = newHistory(time.Now())
	if err = l.load(); err == nil {
		l.session, err = session.New(l.sessionConfig())
	}
	if err != nil {
		l.cancel()
		return nil, errors.Join(err, l.lock.Close())
	}
	return l, nil
}

// load fills the list from the state folder.
func (l *Library) load() error {
	found, err := listFolder(l.cfg.State)
	if err != nil {
		return err
	}
	all := l.loadIndex(found) // takes what it knows out of found
	records := sync.OnceValue(func() map[string][]string { return listRecords(l.cfg.State) })
	for id, n := range found {
		out, notes := loadEntry(l.cfg.State, id, n, records)
		for _, n := range notes {
			l.log.Warn("what was remembered of a torrent", "torrent", id, "err", n)
		}
		all = append(all, out)
	}
	l.fill(all)
	return nil
}

// torrentPath is where the .torrent of a torrent lies.
func (l *Library) torrentPath(id metainfo.ID) string {
	return filepath.Join(l.cfg.StatePath, filepath.FromSlash(fileName(id, torrentSuffix)))
}

// Run works until ctx ends and returns when everything has ended and is remembered.
func (l *Library) Run(ctx context.Context) error {
	inner, stop := context.WithCancel(context.Background())
	defer stop()
	storeCtx, stopStore := context.WithCancel(context.Background())
	defer stopStore()
	var store, sess sync.WaitGroup
	var err error
	store.Go(func() { l.runStore(storeCtx) })
	sess.Go(func() { _ = l.runner.Run(inner) })
	sess.Go(func() { err = l.session.Run(inner) })
	l.begin()
	sess.Go(func() { l.runWatch(l.ctx) })
	l.loop(ctx)

	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.cancel()
	l.wg.Wait()
	l.look() // the last figures
	stop()
	sess.Wait()
	l.mu.Lock()
	l.remember(time.Now(), true)
	l.mu.Unlock()
	stopStore()
	store.Wait()
	l.saveIndex()
	return errors.Join(err, l.lock.Close())
}

// Shutdown implements status.Engine.
func (l *Library) Shutdown(context.Context) error {
	if l.cfg.Ask == nil {
		return fmt.Errorf("ending the daemon: %w", status.ErrNotOffered)
	}
	l.cfg.Ask()
	return nil
}

// poke has the loop look at once.
func (l *Library) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// goes runs f under the library's wait group, unless the end has begun. Library.mu is held.
func (l *Library) goes(f func(ctx context.Context)) bool {
	if l.ended {
		return false
	}
	l.wg.Go(func() { f(l.ctx) })
	return true
}

// get returns the item of a torrent. Library.mu is held.
func (l *Library) get(id metainfo.ID) (*item, error) {
	if it := l.find(id); it != nil {
		return it, nil
	}
	return nil, fmt.Errorf("%v: %w", id, status.ErrUnknown)
}

// claim waits until nobody else is changing what a torrent is doing in the session, and returns it and what to call when done.
func (l *Library) claim(ctx context.Context, id metainfo.ID) (*item, func(), error) {
	for {
		l.mu.Lock()
		it, err := l.get(id)
		if err != nil {
			l.mu.Unlock()
			return nil, nil, err
		}
		busy := it.busy
		if busy == nil {
			done := l.claimed(it)
			l.mu.Unlock()
			return it, done, nil
		}
		l.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// claimed claims an item that nobody has. Library.mu is held; what it returns takes it.
func (l *Library) claimed(it *item) (done func()) {
	busy := make(chan struct{})
	it.busy = busy
	return func() {
		l.mu.Lock()
		it.busy = nil
		l.mu.Unlock()
		close(busy)
		l.poke()
	}
}

// durable waits until what was handed to the store has been written, or could not be: that is said in the log, and
// tried again.
func durable(ctx context.Context, round <-chan struct{}) error {
	select {
	case <-round:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isMissing reports whether a file or folder is not there.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
