package app

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/keys"
)

// How often the engine is asked.
const (
	pollEvery   = time.Second
	detailEvery = 500 * time.Millisecond
	detailLeast = 100 * time.Millisecond // between two torrents that somebody goes past
	idleEvery   = 5 * time.Second        // while nobody looks, and while answers are slow
	slowPoll    = 300 * time.Millisecond
	rareEvery   = 10 * time.Second // totals, free space, settings
	pollTimeout = 10 * time.Second
	maxBackoff  = 5 * time.Second
	patience    = 10 // times what an answer took, until the next question
	unhurried   = 3  // times more where the answer is long for both sides, as of files
)

// What the poller tells the model.
type (
	// listMsg is what changed since the message before; whole says that it is everything.
	listMsg struct {
		changed []status.Entry
		gone    []int
		whole   bool
	}
	// statsMsg are the figures of the header.
	statsMsg struct {
		stats status.Stats
		rates []status.Rate // as history has them
	}
	// rareMsg is what changes seldom.
	rareMsg struct {
		settings status.Settings
		totals   status.Totals
		free     int64 // -1 when unknown
	}
	// detailMsg is the open torrent. Parts that were not asked for are nil.
	detailMsg struct {
		id     metainfo.ID
		parts  parts
		err    error
		where  keys.Where
		moment time.Time
	}
	// awayMsg says that the engine does not answer, and when it is asked again; a nil err that it answers again.
	awayMsg struct {
		err  error
		next time.Time
	}
	// logMsg are new lines of the log.
	logMsg struct {
		lines []status.LogLine
		again bool // some of them may have been told before
	}
)

// parts are what is asked of an open torrent, by the tab that is open.
type parts struct {
	details  *status.Details
	files    []status.File
	peers    []status.Peer
	trackers []status.Tracker
	rates    []status.Rate
}

// wish is what the screen needs.
type wish struct {
	blurred bool
	open    metainfo.ID // the torrent whose details are seen; zero for none
	where   keys.Where  // which part of them
	log     bool
}

// poller asks the engine on its own goroutine and sends what has changed. set and poke may be called from any goroutine.
type poller struct {
	engine status.Engine
	send   func(tea.Msg)
	wake   chan struct{}

	mu   sync.Mutex
	wish wish
	list bool // all is asked for at once, and not the open torrent alone
	anew bool // another torrent was open since the last question, or another part of it: nothing of it is on the screen

	// What follows belongs to the goroutine of run.
	since, rare time.Time
	whole       bool // the next look is one at everything
	stale       bool // the open torrent has changed since its files were asked for, or may have
	seen        history
	away        error
	pause       time.Duration // before the next try while away
	last        struct {
		gone   []int
		stats  statsMsg
		rare   rareMsg
		detail detailMsg
	}
	serial int64
}

func newPoller(e status.Engine, send func(tea.Msg)) *poller {
	return &poller{engine: e, send: send, wake: make(chan struct{}, 1), whole: true}
}

// set says what the screen needs; what is new in it is fetched at once. Who goes through the list does not have all of it asked for at each step.
func (p *poller) set(w wish) {
	p.mu.Lock()
	old := p.wish
	p.wish = w
	p.list = p.list || old.blurred != w.blurred || old.log != w.log
	p.anew = p.anew || old.open != w.open || old.where != w.where
	p.mu.Unlock()
	if old != w {
		p.stir()
	}
}

// poke has the engine asked for everything at once.
func (p *poller) poke() {
	p.mu.Lock()
	p.list = true
	p.mu.Unlock()
	p.stir()
}

func (p *poller) stir() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *poller) wanted() wish {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wish
}

// run asks until ctx ends.
func (p *poller) run(ctx context.Context) {
	var next, nextDetail, lastDetail time.Time
	for ctx.Err() == nil {
		w := p.wanted()
		if now := time.Now(); !now.Before(next) {
			next = now.Add(p.look(ctx, w))
		}
		if w.open != (metainfo.ID{}) && p.away == nil {
			if now := time.Now(); !now.Before(nextDetail) {
				nextDetail, lastDetail = now.Add(p.detail(ctx, w)), now
			}
		}
		until := next
		if w.open != (metainfo.ID{}) && p.away == nil && nextDetail.Before(until) {
			until = nextDetail
		}
		timer := time.NewTimer(max(time.Until(until), 0))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.wake:
			nextDetail = lastDetail.Add(detailLeast)
			p.mu.Lock()
			if p.list {
				next, p.stale = time.Time{}, true
			}
			p.list = false
			p.mu.Unlock()
		}
		timer.Stop()
	}
}

// look asks for what the list shows and returns how long to wait before the next look.
func (p *poller) look(ctx context.Context, w wish) time.Duration {
	began := time.Now()
	err := p.ask(ctx, w)
	if ctx.Err() != nil {
		return 0
	}
	if err != nil {
		p.pause = min(max(2*p.pause, time.Second), maxBackoff)
		p.away, p.whole, p.stale, p.rare = err, true, true, time.Time{}
		p.serial = 0 // it may be another daemon that answers again
		p.send(awayMsg{err, time.Now().Add(p.pause)})
		return p.pause
	}
	if p.away != nil {
		p.away, p.pause = nil, 0
		p.send(awayMsg{})
	}
	return pace(pollEvery, time.Since(began), w)
}

// pace is the time between two looks: who has much to tell is not asked all the time.
func pace(usual, took time.Duration, w wish) time.Duration {
	if w.blurred || took > slowPoll {
		return idleEvery
	}
	return min(max(usual, patience*took), idleEvery)
}

func (p *poller) ask(ctx context.Context, w wish) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	since, began := p.since, time.Now()
	if p.whole {
		since = time.Time{}
	}
	changed, gone, err := p.engine.Entries(ctx, since)
	if err != nil {
		return err
	}
	if p.whole { // of an empty list there is no last change to ask for what came after
		p.since = began.Add(-time.Minute)
	}
	for i := range changed {
		if changed[i].Changed.After(p.since) {
			p.since = changed[i].Changed
		}
		p.stale = p.stale || changed[i].ID == w.open
	}
	// What is gone is told again until something else has changed.
	if len(changed) > 0 || p.whole || !slices.Equal(gone, p.last.gone) {
		p.send(listMsg{changed, gone, p.whole})
	}
	p.whole, p.last.gone = false, gone
	if err := p.askStats(ctx); err != nil {
		return err
	}
	if time.Since(p.rare) >= rareEvery {
		if err := p.askRare(ctx); err != nil {
			return err
		}
	}
	if w.log {
		return p.askLog(ctx)
	}
	return nil
}

func (p *poller) askStats(ctx context.Context) (err error) {
	var m statsMsg
	if m.stats, err = p.engine.Stats(ctx); err != nil {
		return err
	}
	told, step, err := p.engine.Rates(ctx, metainfo.ID{})
	if err != nil && !errors.Is(err, status.ErrNotOffered) {
		return err
	}
	p.seen.add(time.Now(), status.Rate{Down: m.stats.Down, Up: m.stats.Up}, told, step, p.away == nil)
	m.rates = p.seen.list
	if !reflect.DeepEqual(m, p.last.stats) {
		p.last.stats = m
		p.send(m)
	}
	return nil
}

func (p *poller) askRare(ctx context.Context) (err error) {
	var m rareMsg
	if m.settings, err = p.engine.Settings(ctx); err != nil {
		return err
	}
	if m.totals, err = p.engine.Totals(ctx); err != nil && !errors.Is(err, status.ErrNotOffered) {
		return err
	}
	if m.free, _, err = p.engine.Space(ctx, m.settings.Dir); err != nil {
		m.free = -1
	}
	p.rare = time.Now()
	if m.totals.Now.Active < p.last.rare.totals.Now.Active { // it was started anew between two looks
		p.whole, p.serial = true, 0
	}
	if !reflect.DeepEqual(m, p.last.rare) {
		p.last.rare = m
		p.send(m)
	}
	return nil
}

func (p *poller) askLog(ctx context.Context) error {
	again := p.serial == 0
	lines, err := p.engine.Log(ctx, p.serial)
	switch {
	case errors.Is(err, status.ErrNotOffered):
		return nil
	case err != nil:
		return err
	}
	if len(lines) > 0 {
		p.serial = lines[len(lines)-1].Serial
		p.send(logMsg{slices.Clone(lines), again})
	}
	return nil
}

// detail asks for the open part of the open torrent. The clock in what is seen goes on once a second. Files, of which there may be very many, are
// asked for when the torrent has changed.
func (p *poller) detail(ctx context.Context, w wish) time.Duration {
	began := time.Now()
	p.mu.Lock()
	if p.anew {
		p.anew, p.last.detail = false, detailMsg{}
	}
	p.mu.Unlock()
	if last := &p.last.detail; w.where == keys.Files && !p.stale && last.where == w.where && last.id == w.open && last.err == nil {
		return detailEvery
	}
	limited, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	m := detailMsg{id: w.open, where: w.where}
	m.parts, m.err = askParts(limited, p.engine, w)
	p.stale = false // until the next look; after an error it is asked again anyway
	took := time.Since(began)
	old := p.last.detail
	moment := old.moment
	old.moment = time.Time{}
	if ctx.Err() == nil && (began.Sub(moment) >= pollEvery || !reflect.DeepEqual(old, m)) {
		m.moment = began
		p.last.detail = m
		p.send(m)
	}
	if w.where == keys.Files {
		took *= unhurried
	}
	return pace(detailEvery, took, w)
}

// askParts fetches what the open part shows.
func askParts(ctx context.Context, e status.Engine, w wish) (p parts, err error) {
	switch w.where {
	case keys.Files:
		p.files, err = e.Files(ctx, w.open)
		if errors.Is(err, status.ErrNoMetadata) { // the tab says so itself
			err = nil
		}
	case keys.Peers:
		p.peers, err = e.Peers(ctx, w.open)
	case keys.Trackers:
		p.trackers, err = e.Trackers(ctx, w.open)
	case keys.Log:
	default:
		var d status.Details
		if d, err = e.Details(ctx, w.open); err == nil {
			p.details = &d
		}
		if errors.Is(err, status.ErrNotOffered) || errors.Is(err, status.ErrNoMetadata) {
			err = nil
		}
		var late error
		if p.rates, _, late = e.Rates(ctx, w.open); late != nil && !errors.Is(late, status.ErrNotOffered) {
			err = errors.Join(err, late)
		}
		if p.trackers, late = e.Trackers(ctx, w.open); late != nil {
			err = errors.Join(err, late)
		}
	}
	return p, err
}
