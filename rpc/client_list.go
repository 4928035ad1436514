package rpc

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

const (
	// recentSpan is how far back "recently-active" reaches (60 s), less what clocks and answers may be late.
	recentSpan = 45 * time.Second
	// fullEvery is how old the last look at all torrents may be with a daemon that takes less for a change than an Engine does.
	fullEvery = 20 * time.Second
	// maxGone is how many removed torrents are remembered.
	maxGone = 1 << 14
)

// clientList is the list as it was last seen, so that callers hear of what changed since they last asked, by this machine's clock.
type clientList struct {
	mu      sync.Mutex
	entries map[int]*status.Entry
	gone    []goneEntry // in the order of their times
	seen    time.Time   // the last look at anything
	full    time.Time   // the last look at everything; zero when that is due
	// mark is the time of the last look by the clock of a daemon that takes it for since (shoal_since).
	mark wireInt
}

type goneEntry struct {
	number int
	at     time.Time
}

// stale makes the next look one at everything.
func (l *clientList) stale() {
	l.mu.Lock()
	l.full = time.Time{}
	l.mu.Unlock()
}

// ask adds to the arguments of torrent-get what a look at now must see; all says that this is everything.
func (l *clientList) ask(now time.Time, d daemon, whole bool, args map[string]any) (all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all = whole || l.full.IsZero()
	switch {
	case d.shoal && all:
		args["shoal_since"] = 0
	case d.shoal:
		args["shoal_since"] = l.mark
	case all || now.Sub(l.seen) > recentSpan || now.Sub(l.full) > fullEvery:
		all = true
	default:
		args["ids"] = "recently-active"
	}
	return all
}

// take notes what a look that began at now has seen: all torrents, or those that changed and the numbers of those that went.
func (l *clientList) take(now time.Time, all bool, list []status.Entry, gone []wireInt, mark wireInt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mark = mark
	missing := map[int]bool{}
	if all {
		for n := range l.entries {
			missing[n] = true
		}
		l.full = now
	}
	for _, n := range gone {
		missing[n.int()] = true
	}
	l.seen = now
	if l.entries == nil {
		l.entries = map[int]*status.Entry{}
	}
	for i := range list {
		e := &list[i]
		delete(missing, e.Number)
		if old := l.entries[e.Number]; old != nil {
			e.Changed = old.Changed
			if reflect.DeepEqual(*old, *e) {
				continue
			}
		}
		e.Changed = now
		l.entries[e.Number] = e
	}
	for n := range missing {
		if l.entries[n] != nil {
			delete(l.entries, n)
			l.gone = append(l.gone, goneEntry{n, now})
		}
	}
	l.gone = l.gone[max(0, len(l.gone)-maxGone):]
}

// since returns what changed after a moment.
func (l *clientList) since(since time.Time) (list []status.Entry, gone []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.Changed.After(since) {
			list = append(list, *e)
		}
	}
	if !since.IsZero() {
		numbers := map[int]bool{}
		for _, r := range l.gone {
			if r.at.After(since) && l.entries[r.number] == nil {
				numbers[r.number] = true
			}
		}
		gone = slices.Sorted(maps.Keys(numbers))
	}
	slices.SortFunc(list, func(a, b status.Entry) int { return cmp.Compare(a.Number, b.Number) })
	return list, gone
}

// Entries implements status.Engine. Entry.Changed and since are moments of this machine's clock: since is when the
// caller last asked, before that call, or the largest Changed that it has seen.
func (c *Client) Entries(ctx context.Context, since time.Time) ([]status.Entry, []int, error) {
	d, err := c.daemon(ctx)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	args := map[string]any{"fields": fieldsOf[wireTorrent](d)}
	all := c.list.ask(now, d, since.IsZero(), args)
	answer, err := c.torrents(ctx, d, args)
	if err != nil {
		return nil, nil, err
	}
	c.list.take(now, all, answer.list, answer.Removed, answer.Now)
	list, gone := c.list.since(since)
	return list, gone, nil
}

// torrentsAnswer is the answer to torrent-get for entries.
type torrentsAnswer struct {
	Torrents []wireTorrent `json:"torrents"`
	Removed  []wireInt     `json:"removed"`
	Now      wireInt       `json:"shoal_now"`
	list     []status.Entry
}

// torrents asks for torrents as entries.
func (c *Client) torrents(ctx context.Context, d daemon, args map[string]any) (answer torrentsAnswer, err error) {
	if err := c.ask(ctx, "torrent-get", args, &answer); err != nil {
		return answer, err
	}
	answer.list = make([]status.Entry, len(answer.Torrents))
	for i := range answer.Torrents {
		if answer.list[i], err = answer.Torrents[i].entry(d); err != nil {
			return answer, err
		}
	}
	return answer, nil
}

// Entry implements status.Engine.
func (c *Client) Entry(ctx context.Context, id metainfo.ID) (status.Entry, error) {
	d, err := c.daemon(ctx)
	if err != nil {
		return status.Entry{}, err
	}
	answer, err := c.torrents(ctx, d, map[string]any{"ids": []string{id.String()}, "fields": fieldsOf[wireTorrent](d)})
	switch {
	case err != nil:
		return status.Entry{}, err
	case len(answer.list) == 0:
		return status.Entry{}, noSuch(id)
	}
	answer.list[0].Changed = time.Now()
	return answer.list[0], nil
}

func noSuch(id metainfo.ID) error { return fmt.Errorf("%v: %w", id, status.ErrUnknown) }

// askOne asks for fields of one torrent.
func askOne[T any](ctx context.Context, c *Client, id metainfo.ID) (v T, d daemon, err error) {
	if d, err = c.daemon(ctx); err != nil {
		return v, d, err
	}
	var answer struct {
		Torrents []T `json:"torrents"`
	}
	if err = c.ask(ctx, "torrent-get", map[string]any{"ids": []string{id.String()}, "fields": fieldsOf[T](d)}, &answer); err != nil {
		return v, d, err
	}
	if len(answer.Torrents) == 0 {
		return v, d, noSuch(id)
	}
	return answer.Torrents[0], d, nil
}
